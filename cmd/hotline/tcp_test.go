package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/trunk/trunktest"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestACallOverTCP: a trunk that speaks TCP reaches the same hotline, and how
// the call sounded is on its record.
func TestACallOverTCP(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) { c.SIP.TCP = "127.0.0.1:0" })
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller, err := phone.Dial(t.Context(), phone.Config{From: "+12024561141", To: "100", Server: netip.MustParseAddrPort(b.h.tcp.Addr().String()), Transport: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(caller.Hangup)
	caller.SayLoop(audio.Tone(cHz, time.Second, -12))
	b.press(caller, time.Second, "1")
	b.press(caller, 2*time.Second, "1")
	amal.answer()
	b.hears("Amal", amal.sound, allHz, cHz)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	caller.Hangup()
	amal.is(triage.WrapUp)
	row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561141")
	// Some may be lost even here: a busy machine does not read its sockets in time.
	if lost, err := strconv.Atoi(row["packets_lost_in"]); row["no_sound"] != "0" || err != nil || lost > 100 || row["agent_mos"] == "0" || row["agent_mos"] == "" || row["agent_gone"] != "0" {
		t.Errorf("how it sounded is recorded as %v", row)
	}
}

// TestAForeignPhoneOverTLS: with TLS and SRTP set up, a phone that is not ours
// calls encrypted, keys its way to an agent and is heard; and a line over TLS
// brings an agent's call to the same phone, encrypted as well.
func TestAForeignPhoneOverTLS(t *testing.T) {
	t.Parallel()
	port := trunktest.FourPorts(t)
	there := trunktest.FourPorts(t) // TLS is one above
	dir := t.TempDir()
	authority := filepath.Join(dir, "authority.pem")
	b := startBoxWith(t, func(c *config.Config) {
		c.Data = dir // so that the phone can be given the hotline's certificate
		c.SIP.TLS = fmt.Sprintf("127.0.0.1:%d", port)
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
		c.SIP.Lines = []config.Line{{Name: "pbx", Servers: []string{fmt.Sprintf("127.0.0.1:%d", there+1)},
			Transport: "tls", Encrypt: true, Plus: "-", Certificate: authority}}
		certs, err := provisioning.OpenCertificates(provisioning.CertificateDir(dir), []string{"127.0.0.1"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(authority, certs.Root(), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	var pair []byte // the phone shows the hotline's own certificate: both trust one authority
	for _, name := range []string{"web.pem", "web.key"} {
		text, err := os.ReadFile(filepath.Join(provisioning.CertificateDir(dir), name))
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, text...)
	}
	if err := os.WriteFile(filepath.Join(dir, "phone.pem"), pair, 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	amal := b.seatedAs("Amal", aHz, true, "supervisor")
	amal.do(desk.Command{Type: "ready"})
	far := trunktest.StartBaresip(t, trunktest.Config{Transport: "tls", CA: string(ca),
		Account: ";mediaenc=srtp-mand\n<sip:12025550191@127.0.0.1;transport=tls>;regint=0;mediaenc=srtp-mand;answermode=auto;audio_codecs=PCMU/8000/1",
		Lines:   []string{fmt.Sprintf("sip_listen 127.0.0.1:%d", there), "sip_certificate " + filepath.Join(dir, "phone.pem")}})
	far.Do("uafind", "sip:2024561111@127.0.0.1")
	far.Do("dial", fmt.Sprintf("sip:100@127.0.0.1:%d;transport=tls", port))
	for _, wait := range []time.Duration{2 * time.Second, 2 * time.Second} {
		<-time.After(wait) // for the menu to speak: this phone cannot tell what it hears
		far.Do("sndcode", "1")
		far.Do("sndcode", "")
	}
	amal.answer()
	b.hears("Amal", amal.sound, []float64{1000}, 1000) // the phone's tone
	if up := b.h.trunk.Stats(); up.Connections == 0 {
		t.Error("the call does not use a connection")
	}
	amal.do(desk.Command{Type: "end"})
	amal.is(triage.WrapUp)
	amal.do(desk.Command{Type: "wrap", Contact: amal.seat.Snapshot().Call.Contact, Disposition: "info_given"})
	only(t, b.exportUntil("contacts", "disposition", "info_given"), "caller_number", "+12024561111")

	amal.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "call.out", Number: "+1 202 555 0191", Queue: "help"})
	b.hears("Amal, calling out,", amal.sound, []float64{1000}, 1000)
}
