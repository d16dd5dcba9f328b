package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/support"
	"hotline/appliance/table"
	"hotline/appliance/trunk/phone"
	"hotline/provisioning"
	"hotline/volunteers/roster"
)

// This file is the hotline that the tests of the whole product run, and what people
// do with it: dial, press keys, listen, sign in and export.

// patience bounds the wait for a single thing that comes by itself, and mostly at
// once: what takes longer never comes. A machine may stand still for seconds, and one
// that sends every fifth packet in time speaks a sentence five times as long.
const patience = 3 * time.Minute

// box is a running hotline: the real program on free ports and a folder of
// the test's own.
type box struct {
	t      *testing.T
	h      *hotline
	people map[string]provisioning.Credential
	base   string   // of the pages
	data   string   // folder
	wanted []string // errors in the log that the test provokes
	stop   func()   // asks the hotline to end; it happens at the end of the test in any case
}

func startBox(t *testing.T) *box { return startBoxWith(t, func(*config.Config) {}) }

func startBoxWith(t *testing.T, change func(*config.Config)) *box {
	t.Helper()
	return startBoxAfter(t, change, func(*hotline) {})
}

// startBoxAfter starts a hotline in which something was put out of order before.
func startBoxAfter(t *testing.T, change func(*config.Config), before func(*hotline)) *box {
	t.Helper()
	return startBoxIn(t, manner{}, change, before)
}

// startBoxIn starts one in another manner.
func startBoxIn(t *testing.T, m manner, change func(*config.Config), before func(*hotline)) *box {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Operation = t.TempDir(), "Flood"
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	cfg.Ring = 60 // who answers in a test may be slow
	change(&cfg)
	logFile, err := os.Create(filepath.Join(t.ArtifactDir(), "hotline.log"))
	if err != nil {
		t.Fatal(err)
	}
	m.log = new(support.Memory)
	log := slog.New(slog.NewTextHandler(io.MultiWriter(logFile, m.log), &slog.HandlerOptions{Level: slog.LevelDebug}))
	d := newDemo(t.Context(), log)
	m.robot = d.ring
	h, err := assemble(cfg, m, log)
	if err != nil {
		t.Fatal(err)
	}
	people, err := provisioning.Enrol(t.Context(), h.accounts, demoPeople())
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, h: h, data: cfg.Data, people: map[string]provisioning.Credential{}, base: fmt.Sprintf("https://%s/", h.web.Addr())}
	for _, p := range people {
		b.people[p.Login] = p
	}
	before(h)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	b.stop = stop
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		d.end()
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the hotline ended with: %v", err)
			}
		case <-time.After(patience):
			t.Error("the hotline does not end")
		}
		if n := h.Panics(); n != 0 {
			t.Errorf("%d faults of ours were caught; see hotline.log", n)
		}
		if n := h.desk.Unsaved(); n != 0 {
			t.Errorf("%d records could not be written", n)
		}
		b.logIsClean(logFile)
	})
	return b
}

// logIsClean fails the test when the log has a number, a key or an error.
func (b *box) logIsClean(f *os.File) {
	text, err := os.ReadFile(f.Name())
	if err := f.Close(); err != nil {
		b.t.Error(err)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "level=ERROR") && !slices.ContainsFunc(b.wanted, func(part string) bool { return strings.Contains(line, part) }) {
			b.t.Errorf("the log has an error: %s", line)
		}
	}
	for _, secret := range []string{"2024561", "2025550147", b.people["supervisor"].PIN, b.people["volunteer"].Password} {
		if strings.Contains(string(text), secret) {
			b.t.Errorf("the log has %q in clear", secret)
		}
	}
}

func (b *box) dial(from, to string) *phone.Call {
	b.t.Helper()
	c, err := phone.Dial(b.t.Context(), phone.Config{From: from, To: to, Server: b.h.trunk.Addr()})
	if err != nil {
		b.t.Fatalf("calling %s: %v (strain %q, %+v)", to, err, b.h.strain.Kind(), b.h.trunk.Stats())
	}
	b.t.Cleanup(c.Hangup)
	return c
}

// press presses keys after the caller has listened for a moment, as people do.
func (b *box) press(c *phone.Call, after time.Duration, keys string) {
	b.t.Helper()
	if !pause(b.t.Context(), c, after) {
		b.t.Fatalf("the call ended before %q was pressed", keys)
	}
	if err := c.Press(b.t.Context(), keys); err != nil {
		b.t.Fatalf("pressing %q: %v", keys, err)
	}
}

// answer presses keys once what was asked has been heard to its end.
func (b *box) answer(c *phone.Call, keys string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := c.WaitWords(ctx); err != nil {
		b.t.Fatalf("before %q was pressed: %v", keys, err)
	}
	b.press(c, 0, keys)
}

func (b *box) waitTone(who string, c *phone.Call, hz float64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := c.WaitTone(ctx, hz); err != nil {
		b.t.Fatalf("%s does not hear the tone of %.0f Hz: %v", who, hz, err)
	}
}

func (b *box) ended(c *phone.Call) {
	b.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		b.t.Fatal("the call does not end")
	}
}

// web is a signed-in person's browser without pages, for downloads.
func (b *box) web(login string) *http.Client {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the certificate is tested elsewhere
	b.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Jar: jar, Transport: transport, Timeout: patience}
	res, err := client.PostForm(b.base+"login", url.Values{"login": {login}, "password": {b.people[login].Password}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || strings.HasSuffix(res.Request.URL.Path, "/login") {
		b.t.Fatalf("%s cannot sign in: %s at %s", login, res.Status, res.Request.URL)
	}
	return client
}

// export is a set as a workbook shows it, with everything in it: its rows by
// column. The way through the pages has its own test.
func (b *box) export(set string) []map[string]string {
	b.t.Helper()
	for _, one := range b.h.exports.Sets() {
		if one.Name != set {
			continue
		}
		var file bytes.Buffer
		if err := table.WriteXLSX(&file, one.Table().At(table.Full, time.Time{}), nil); err != nil {
			b.t.Fatal(err)
		}
		sheet, err := table.ReadSheet(file.Bytes())
		if errors.Is(err, table.ErrSheetEmpty) {
			return nil
		}
		if err != nil {
			b.t.Fatalf("the export of %s does not open: %v", set, err)
		}
		var out []map[string]string
		for _, row := range sheet.Rows {
			m := map[string]string{}
			for i, name := range sheet.Header {
				m[name] = row.Cells[i]
			}
			out = append(out, m)
		}
		return out
	}
	b.t.Fatalf("there is no set %s", set)
	return nil
}

const (
	callerHz = 440.0
	agentHz  = 1000.0
	beepHz   = 880.0 // of the prompt "beep"
)

// speakAfterBeep waits for the tone after which a caller is recorded, speaks
// for a while and ends the recording with a key.
func (b *box) speakAfterBeep(c *phone.Call, hz float64, long time.Duration) {
	b.t.Helper()
	b.waitTone("whoever is to be recorded", c, beepHz)
	c.SayLoop(audio.Tone(hz, time.Second, -12))
	pause(b.t.Context(), c, long)
	b.press(c, 0, "#")
}

// codes are a new sheet of paper codes of somebody.
func (b *box) codes(login string) []string {
	b.t.Helper()
	list, err := b.h.accounts.List()
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(a roster.Account) bool { return a.Login == login })
	codes, err := b.h.accounts.MakeCodes(b.t.Context(), list[i].ID, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return codes
}

func visible(selector string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.offsetParent !== null)`, selector)
}

func only(t *testing.T, rows []map[string]string, column, value string) map[string]string {
	t.Helper()
	var found []map[string]string
	for _, row := range rows {
		if row[column] == value {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows with %s %q among %v, want one", len(found), column, value, rows)
	}
	return found[0]
}

// oneStream checks what the caller received from answer to end, through
// prompts, music, hold and a replaced agent leg: one SSRC, numbers without a gap,
// time never backwards. Packets may be overtaken or lost on the way, as on every
// network: then the times of their neighbours have room for them.
func oneStream(t *testing.T, c *phone.Call) {
	t.Helper()
	packets := c.HeardPackets()
	if len(packets) < 100 {
		t.Fatalf("the caller received only %d packets", len(packets))
	}
	type numbered struct {
		phone.Packet
		n int // sequence number that does not wrap
	}
	sent, n := make([]numbered, len(packets)), 0
	for i, p := range packets {
		n += int(int16(p.Seq - uint16(n)))
		sent[i] = numbered{p, n}
	}
	slices.SortStableFunc(sent, func(a, b numbered) int { return a.n - b.n })
	lost := 0
	for i := 1; i < len(sent); i++ {
		a, b := sent[i-1], sent[i]
		missing, passed := b.n-a.n-1, int(int32(b.TS-a.TS))
		room := passed/audio.FrameSamples - 1
		if a.PT == keysPayload || b.PT == keysPayload {
			room += 8 // of a key, whose packets all have the time of its beginning
		}
		switch {
		case a.SSRC != b.SSRC:
			t.Fatalf("packet %d: the SSRC changed from %x to %x", i, a.SSRC, b.SSRC)
		case passed < 0:
			t.Fatalf("packet %d: time went back from %d to %d", i, a.TS, b.TS)
		case missing < 0:
			t.Fatalf("packet %d: sequence %d came twice", i, b.Seq)
		case missing > 0 && missing > room:
			t.Fatalf("packet %d: sequence %d after %d, within %d samples", i, b.Seq, a.Seq, passed)
		}
		lost += missing
	}
	if lost > len(sent)/10 {
		t.Errorf("%d packets came, and %d did not", len(sent), lost)
	}
}

// keysPayload is what the phones of the tests offer for keys.
const keysPayload = 101

// waitKeys waits until the caller's phone has received RFC 4733 events for n
// keys.
func (b *box) waitKeys(c *phone.Call, n int) {
	b.t.Helper()
	keys := 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		events := map[uint32]bool{} // one time stamp for all packets of a key (RFC 4733 §2.1)
		for _, p := range c.HeardPackets() {
			if p.PT == keysPayload {
				events[p.TS] = true
			}
		}
		if keys = len(events); keys == n {
			return
		}
	}
	b.t.Fatalf("the caller's phone received %d keys, want %d", keys, n)
}

func (b *box) waitNotTone(c *phone.Call, hz float64) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		time.Sleep(300 * time.Millisecond) // collects fresh sound
		heard := c.Heard()
		if recent := heard[max(0, len(heard)-1600):]; audio.ToneLevel(recent, hz) < 0.1 {
			return
		}
	}
	b.t.Fatalf("the caller still hears %.0f Hz", hz)
}
