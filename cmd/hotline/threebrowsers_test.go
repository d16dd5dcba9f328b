package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/provisioning"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Two volunteers and a supervisor at their pages, one caller by telephone: who
// hears whom while one asks the other, while all speak, while the supervisor
// listens, whispers and joins, and when the one who answered leaves. Every step
// is a press on a page, every voice a tone.
func TestThreeBrowsersOnOneCall(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	people, err := provisioning.Enrol(t.Context(), b.h.accounts, []provisioning.Person{{Login: "ben", Name: "Ben", Role: roster.RoleAgent, Profile: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	b.people["ben"] = people[0]
	first := openBrowser(t, b.h.certs, aHz)
	amal, ben, rosa := first.window(aHz), first.window(bHz), first.window(sHz)
	for login, page := range map[string]*browser{"volunteer": amal, "ben": ben, "supervisor": rosa} {
		page.signIn(b.base, login, b.people[login].Password)
	}
	amal.press(`[data-card="off"] [data-do="ready"]`)
	b.agentState("Amal", triage.Ready)

	caller := b.helpCall("+12024561191", cHz)
	voice := callerEar{caller}
	amal.until("the call rings", visible(`[data-card="offer"]`))
	amal.press(`[data-card="offer"] [data-do="accept"]`)
	b.hears("the caller", voice, allHz, aHz)
	b.hears("Amal", amal, allHz, cHz)

	// Amal asks Ben: the caller hears music and neither of them.
	ben.press(`[data-card="off"] [data-do="ready"]`)
	b.agentState("Ben", triage.Ready)
	amal.press(`[data-do="transfer"]`)
	amal.press(`#transfer [data-pick="people-list"] input:not(:disabled)`)
	amal.press(`#transfer [data-pick="talk"]`)
	ben.until("Ben is asked", visible(`[data-card="offer"]`))
	ben.press(`[data-card="offer"] [data-do="accept"]`)
	b.hears("Amal, asking Ben,", amal, allHz, bHz)
	b.hears("Ben, being asked,", ben, allHz, aHz)
	b.hears("the caller, on music,", voice, allHz)
	if !sounds(caller.Heard()) {
		t.Error("the caller hears nothing while Amal asks Ben")
	}

	amal.press(`[data-do="consult.join"]`)
	b.hears("the caller, with both,", voice, allHz, aHz, bHz)
	b.hears("Amal, with both,", amal, allHz, cHz, bHz)
	b.hears("Ben, with both,", ben, allHz, cHz, aHz)

	// From the floor into the call: the caller hears of it only when Rosa joins.
	rosa.press(`.steps-in a[aria-label="Listen: Amal"]`)
	b.hears("Rosa, listening,", rosa, allHz, cHz, aHz, bHz)
	b.hears("the caller, listened to,", voice, allHz, aHz, bHz)
	b.hears("Amal, listened to,", amal, allHz, cHz, bHz)
	rosa.press(`[data-do="monitor"][data-mode="whisper"]`)
	b.hears("Amal, whispered to,", amal, allHz, cHz, bHz, sHz)
	b.hears("the caller, who does not hear the whisper,", voice, allHz, aHz, bHz)
	b.hears("Ben, who does not either,", ben, allHz, cHz, aHz)
	rosa.press(`[data-do="monitor"][data-mode="barge"]`)
	rosa.press(`[data-do="sure"]`)
	b.hears("the caller, with three,", voice, allHz, aHz, bHz, sHz)
	b.hears("Ben, with three,", ben, allHz, cHz, aHz, sHz)

	b.getsACertificate(amal)
	b.hears("the caller, with another certificate,", voice, allHz, aHz, bHz, sHz)

	// Who answered leaves: the others go on, and Ben leads.
	amal.press(`[data-do="leave"]`)
	amal.until("Amal finishes notes", visible(`[data-card="wrap"]`))
	b.hears("the caller, without Amal,", voice, allHz, bHz, sHz)
	b.hears("Rosa, without Amal,", rosa, allHz, cHz, bHz)
	b.hears("Amal, who has left,", amal, allHz)
	rosa.press(`[data-do="monitor.end"]`)
	b.hears("the caller, with Ben alone,", voice, allHz, bHz)
	ben.do("loading Ben's page again", chromedp.Reload())
	ben.until("Ben has the call", visible(`[data-card="oncall"]`))
	b.hears("Ben, after all that,", ben, allHz, cHz)
	b.hears("the caller, after all that,", voice, allHz, bHz)
	if caller.FarHungUp() {
		t.Error("the caller was lost")
	}
	ben.press(`[data-card="oncall"] [data-do="end"]`)
	b.ended(caller)
	ben.until("Ben finishes notes", visible(`[data-card="wrap"]`))
	oneStream(t, caller)
	if row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561191"); row["agent"] != "Ben" || row["ended_by"] != "agent" {
		t.Errorf("the call is recorded as %v", row)
	}
}

// sounds reports whether there is sound in the last half second.
func sounds(heard []int16) bool {
	peak := int16(0)
	for _, s := range heard[max(0, len(heard)-4000):] {
		peak = max(peak, s)
	}
	return peak > 300
}

// getsACertificate brings one for a name of the box in the middle of a call:
// the next connection has it, the pages that are open notice nothing, and one
// press takes it back. Both are in the log.
func (b *box) getsACertificate(page *browser) {
	b.t.Helper()
	shown := func() string {
		b.t.Helper()
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", b.h.web.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "hotline.local"}) // looked at here
		if err != nil {
			b.t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	before := shown()
	page.do("marking the page", chromedp.Evaluate[chromedp.Void](`window.stays = true`))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Brought"}, DNSNames: []string{"hotline.local"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.t.Fatal(err)
	}
	admin := b.web("admin")
	bring := func(files ...[]byte) (int, string) {
		b.t.Helper()
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		for n, file := range files {
			part, err := parts.CreateFormFile("files", fmt.Sprintf("%d.pem", n))
			if err == nil {
				_, err = part.Write(file)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
		if err := parts.Close(); err != nil {
			b.t.Fatal(err)
		}
		res, err := admin.Post(b.base+"admin/system/certificate/bring", parts.FormDataContentType(), &form)
		if err != nil {
			b.t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if status, text := bring(cert); status != http.StatusUnprocessableEntity || !strings.Contains(text, "no private key in these files") || shown() != before {
		b.t.Errorf("a certificate without its key is answered with %d, and %s is shown", status, shown())
	}
	if status, text := bring(cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})); status != http.StatusOK || !strings.Contains(text, "vouches for itself") || shown() != "Brought" {
		b.t.Errorf("a certificate is answered with %d, and %s is shown", status, shown())
	}
	b.post(admin, "admin/system/certificate/return", nil)
	if name := shown(); name != before {
		b.t.Errorf("after going back %s is shown", name)
	}
	if log := b.shown(admin, "admin/log"); !strings.Contains(log, "Own certificate for the pages brought") || !strings.Contains(log, "certificate again") {
		b.t.Error("the log does not say who changed the certificate")
	}
	page.until("the page stayed, with its call", `window.stays && document.body.dataset.state === "oncall"`)
}
