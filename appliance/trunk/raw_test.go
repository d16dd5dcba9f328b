package trunk_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// raw is a socket that sends whatever it is told.
type raw struct {
	t    testing.TB
	conn *net.UDPConn
	n    int
}

var rawCount atomic.Int64

func (h *hotline) raw() *raw {
	h.t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(h.addr))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return &raw{t: h.t, conn: conn}
}

// fill puts fresh values into a message written with LF: {branch} {id} {me}.
func (r *raw) fill(message string) string {
	r.n = int(rawCount.Add(1))
	message = strings.ReplaceAll(message, "\r\n", "\n")
	message = strings.ReplaceAll(message, "\n", "\r\n")
	return strings.NewReplacer(
		"{branch}", fmt.Sprintf("z9hG4bKraw%d", r.n),
		"{id}", fmt.Sprintf("raw-%d", r.n),
		"{me}", r.conn.LocalAddr().String(),
	).Replace(message)
}

func (r *raw) send(message string) {
	r.t.Helper()
	if _, err := r.conn.Write([]byte(message)); err != nil {
		r.t.Fatal(err)
	}
}

// status waits for the final answer with the Call-ID or branch given; 0 = none.
func (r *raw) answer(mark string, wait time.Duration) string {
	buffer := make([]byte, 65535)
	_ = r.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		n, err := r.conn.Read(buffer)
		if err != nil {
			return ""
		}
		text := string(buffer[:n])
		if strings.HasPrefix(text, "SIP/2.0 ") && !strings.HasPrefix(text, "SIP/2.0 1") && strings.Contains(text, mark) {
			return text
		}
	}
}

// read gives the next message of any kind.
func (r *raw) read(wait time.Duration) string {
	r.t.Helper()
	buffer := make([]byte, 65535)
	_ = r.conn.SetReadDeadline(time.Now().Add(wait))
	n, err := r.conn.Read(buffer)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(buffer[:n])
}

func status(answer string) string {
	if len(answer) < 11 {
		return ""
	}
	return answer[8:11]
}

const optionsMessage = `OPTIONS sip:hotline@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP {me};branch={branch};rport
From: <sip:probe@127.0.0.1>;tag=a
To: <sip:hotline@127.0.0.1>
Call-ID: {id}
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

`

// alive asks whether the trunk still answers.
func (r *raw) alive() bool {
	r.t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); { // as any client, it asks again
		r.send(r.fill(optionsMessage))
		if status(r.answer(fmt.Sprintf("raw-%d\r\n", r.n), 3*time.Second)) == "200" {
			return true
		}
	}
	return false
}

const inviteHead = `INVITE sip:100@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP {me};branch={branch};rport
From: <sip:123@127.0.0.1>;tag=a
To: <sip:100@127.0.0.1>
Call-ID: {id}
CSeq: 1 INVITE
Contact: <sip:123@{me}>
Max-Forwards: 70
`

const offer = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0
`

func withSDP(head, body string) string {
	return head + "Content-Type: application/sdp\n\n" + body
}

func cut(message, line string) string {
	var kept []string
	for l := range strings.SplitSeq(message, "\n") {
		if !strings.HasPrefix(l, line) {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

// acknowledge ends the transaction of a refused INVITE, as a phone does.
func (r *raw) acknowledge(invite, answer string) {
	var lines []string
	for l := range strings.SplitSeq(strings.SplitN(invite, "\r\n\r\n", 2)[0], "\r\n") {
		switch name, _, _ := strings.Cut(l, ":"); name {
		case "Via", "From", "Call-ID", "Max-Forwards":
			lines = append(lines, l)
		}
	}
	for l := range strings.SplitSeq(answer, "\r\n") {
		if strings.HasPrefix(l, "To:") {
			lines = append(lines, l)
		}
	}
	r.send("ACK sip:100@127.0.0.1 SIP/2.0\r\n" + strings.Join(lines, "\r\n") + "\r\nCSeq: 1 ACK\r\n\r\n")
}

// confirm sends the ACK to a 200 and gives the trunk's tag.
func (r *raw) confirm(answer, body string) string {
	r.t.Helper()
	_, tag, _ := strings.Cut(answer, "To: <sip:100@127.0.0.1>;tag=")
	tag, _, _ = strings.Cut(tag, "\r\n")
	head := strings.Replace(cut(inviteHead, "INVITE"), "To: <sip:100@127.0.0.1>", "To: <sip:100@127.0.0.1>;tag="+tag, 1)
	head = strings.NewReplacer("1 INVITE", "1 ACK", "{branch}", "{branch}ack", "{id}", fmt.Sprintf("raw-%d", r.n)).Replace(head)
	if body != "" {
		head += "Content-Type: application/sdp\n"
	}
	r.send(r.fill("ACK sip:hotline@127.0.0.1 SIP/2.0\n" + head + "\n" + body))
	return tag
}

// expectBye waits for the trunk's BYE and confirms it.
func (r *raw) expectBye() string {
	r.t.Helper()
	buffer := make([]byte, 65535)
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := r.conn.Read(buffer)
		if err != nil {
			r.t.Fatalf("waiting for a BYE: %v", err)
		}
		text := string(buffer[:n])
		if strings.HasPrefix(text, "BYE ") {
			_, rest, _ := strings.Cut(text, "\r\n")
			r.send("SIP/2.0 200 OK\r\n" + rest)
			return text
		}
	}
}
