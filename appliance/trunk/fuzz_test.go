package trunk_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"hotline/appliance/trunk"
)

const within = ` SIP/2.0
Via: SIP/2.0/UDP {me};branch={branch};rport
From: <sip:123@127.0.0.1>;tag=a
To: <sip:100@127.0.0.1>;tag={tag}
Call-ID: {id}
Contact: <sip:123@{me}>
Max-Forwards: 70
`

// situations are calls that a message may meet.
var situations = []struct{ invite, confirm string }{
	{}, // none
	{invite: withSDP(strings.ReplaceAll(inviteHead, "sip:100", "sip:ring"), offer)},
	{invite: withSDP(strings.ReplaceAll(inviteHead, "sip:100", "sip:ring")+"Require: 100rel\n", offer)},
	{invite: strings.ReplaceAll(inviteHead, "sip:100", "sip:ring") + "Require: 100rel\n\n"},
	{invite: withSDP(inviteHead, offer)},                                                                  // answered, not confirmed
	{invite: inviteHead + "\n"},                                                                           // our offer is out
	{invite: withSDP(inviteHead+"Supported: timer\nSession-Expires: 90\n", offer), confirm: "x"},          // talking
	{invite: withSDP(inviteHead+"Supported: timer\nAllow: UPDATE\n", offer+"a=sendonly\n"), confirm: "x"}, // held
}

// Whatever is said within a call, in whatever situation, ends at most that
// call: the trunk answers the next question.
func FuzzCall(f *testing.F) {
	h := serve(f, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if c.To() == "ring" {
			_ = c.Ringing()
		} else {
			_ = c.Answer()
		}
		<-ctx.Done()
	}, func(cfg *trunk.Config) { cfg.Hurry(10 * time.Millisecond) })
	for state := range situations {
		for _, message := range []string{
			"INFO sip:h" + within + "CSeq: 2 INFO\nContent-Type: application/dtmf-relay\n\nSignal=5\nDuration=100\n",
			"INFO sip:h" + within + "CSeq: 2 INFO\n\nSignal=5\n",
			"PRACK sip:h" + within + "CSeq: 2 PRACK\nRAck: {rseq} 1 INVITE\n\n",
			"PRACK sip:h" + within + "CSeq: 2 PRACK\nRAck: {rseq} 1 INVITE\nContent-Type: application/sdp\n\n" + offer,
			"PRACK sip:h" + within + "CSeq: 2 PRACK\nRAck: -1 x\n\n",
			"UPDATE sip:h" + within + "CSeq: 2 UPDATE\nSession-Expires: 1;refresher=uac\nSupported: timer\n\n",
			"UPDATE sip:h" + within + "CSeq: 2 UPDATE\nx: 99999999999\nMin-SE: -1\n\n",
			"INVITE sip:h" + within + "CSeq: 2 INVITE\nContent-Type: application/sdp\n\n" + strings.Replace(offer, "AVP 0", "AVP 8", 1),
			"INVITE sip:h" + within + "CSeq: 2 INVITE\n\n",
			"ACK sip:h" + within + "CSeq: 1 ACK\nContent-Type: application/sdp\n\n" + offer,
			"ACK sip:h" + within + "CSeq: 1 ACK\nContent-Type: application/sdp\n\nv=1",
			"BYE sip:h" + within + "CSeq: 2 BYE\nReason: Q.850;cause=;;,\n\n",
			"BYE sip:h" + within + "CSeq: 1 BYE\n\n",
			"REFER sip:h" + within + "CSeq: 2 REFER\nRefer-To: <sip:premium@example.com>\n\n",
			"NOTIFY sip:h" + within + "CSeq: 2 NOTIFY\n\n",
			"SIP/2.0 200 OK\nVia: SIP/2.0/UDP {me};branch=z9hG4bKx\nCSeq: 1 BYE\n\n",
			"SIP/2.0 200 OK\n\n",
		} {
			f.Add(uint8(state), message)
		}
	}
	var n int
	f.Fuzz(func(t *testing.T, state uint8, message string) {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(h.addr))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		n++
		id := fmt.Sprintf("fuzz-%d-%d", n, conn.LocalAddr().(*net.UDPAddr).Port)
		tag, rseq := "none", "1"
		var last []byte
		busy := false
		send := func(text string) {
			n++
			text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
			text = strings.NewReplacer("{branch}", fmt.Sprintf("z9hG4bKfuzz%d", n), "{id}", id, "{tag}", tag, "{rseq}", rseq,
				"{me}", conn.LocalAddr().String()).Replace(text)
			if last = []byte(text); len(last) < 60_000 {
				_, _ = conn.Write(last)
			}
		}
		// heard reads until an answer that contains what, and notes the dialog.
		// It repeats the question, as datagrams get lost.
		heard := func(what string) bool {
			buffer := make([]byte, 65535)
			for repeated := 0; ; {
				_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
				n, err := conn.Read(buffer)
				if err != nil {
					if repeated++; repeated == 20 {
						return false
					}
					_, _ = conn.Write(last)
					continue
				}
				text := string(buffer[:n])
				if !strings.Contains(text, id+"\r\n") { // of another call, which had this port before
					continue
				}
				if strings.HasPrefix(text, "SIP/2.0 503") && !strings.HasPrefix(what, "alive-") { // ports rest after a call, and this is fast
					busy = true
					return false
				}
				if _, after, ok := strings.Cut(text, ">;tag="); ok && strings.Contains(text, "CSeq: 1 INVITE") {
					_, after, _ = strings.Cut(after, ">;tag=")
					if ours, _, ok := strings.Cut(after, "\r\n"); ok {
						tag = ours
					}
					if _, after, ok := strings.Cut(text, "RSeq: "); ok {
						rseq, _, _ = strings.Cut(after, "\r\n")
					}
				}
				if strings.Contains(text, what) {
					return true
				}
			}
		}
		situation := situations[int(state)%len(situations)]
		if situation.invite != "" {
			send(situation.invite)
			want := "SIP/2.0 200"
			if strings.Contains(situation.invite, "sip:ring") {
				want = "SIP/2.0 180"
			}
			if reached := heard(want); busy {
				return
			} else if !reached {
				t.Fatalf("the call does not come to its situation\n%s", h.log)
			}
			if situation.confirm != "" {
				send("ACK sip:h" + within + "CSeq: 1 ACK\n\n")
			}
		}
		send(message)
		send(strings.Replace(optionsMessage, "{id}", "alive-{id}", 1))
		if !heard("alive-" + id) {
			t.Fatalf("the trunk does not answer any more\n%s", h.log)
		}
		if faults := h.Stats().Panics; faults != 0 {
			t.Fatalf("%d faults\n%s", faults, h.log)
		}
		send("BYE sip:h" + within + "CSeq: 4000000000 BYE\n\n")
	})
}
