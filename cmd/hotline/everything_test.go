package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/proof"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/trunk/trunktest"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestEverythingAtOnce is a piece of a bad day: more people ring than can be
// answered and give up, agents answer, write and take the next one, and in the
// middle of it records are carried away and backups made, again and again. Every
// call is answered and on record, the books balance, every file is whole, no
// fault of ours is caught (startBox looks), and nothing is left. By itself it is
// half an hour with the load of a reference box (domain.md §5.4): 6 new calls a
// second, of whom some 200 wait and 40 talk.
func TestEverythingAtOnce(t *testing.T) {
	d := aDay{lasts: 10 * time.Second, agents: 3, perSecond: 2, patience: 5 * time.Second, talk: time.Second, every: 3 * time.Second}
	if os.Getenv(proof.File) != "" {
		d = aDay{lasts: 30 * time.Minute, agents: 40, perSecond: 6, patience: 60 * time.Second, talk: 25 * time.Second, every: 2 * time.Minute, alone: true} // nobody gets more than 20 exports an hour
		if minutes, err := strconv.Atoi(os.Getenv("SOAK_MINUTES")); err == nil {
			d.lasts = time.Duration(minutes) * time.Minute
		}
	} else {
		t.Parallel()
	}
	b := startBoxWith(t, func(c *config.Config) {
		c.LogAll = false
		c.SIP.Entries = []config.Entry{{Numbers: []string{"301"}, Queue: triage.QueueHelp}}
	})
	d.box = b
	for i := range d.agents {
		d.workers = append(d.workers, b.seated(fmt.Sprintf("Amal %d", i+1), 600+10*float64(i), false))
	}
	var before leftovers
	if d.alone {
		b.queuedCalls("warm", 50, 25, 2*time.Second)
		b.untilForgotten()
		before = b.leftovers()
	}
	had := len(b.export("contacts"))

	d.run()

	b.untilEnded()
	if rows := len(b.export("contacts")) - had; rows != d.calls() {
		t.Errorf("%d calls were made, %d are on record", d.calls(), rows)
	}
	sum := balance(t, b.h)
	if d.answered.Load() == 0 || d.most < d.agents || d.exports == 0 || d.backups == 0 {
		t.Errorf("that was no bad day: %d answered, at most %d calls at a time, %d exports, %d backups", d.answered.Load(), d.most, d.exports, d.backups)
	}
	left := "(the long form looks what is left)"
	if d.alone {
		b.untilForgotten()
		after := b.leftovers()
		if after.holdsMore(before) {
			t.Errorf("something is left: before %v, after %v", before, after)
		}
		// The index for searching, what is known of each worklist item, and a minute of
		// headers that each page of the test keeps.
		if grown := int64(after.heap) - int64(before.heap); grown > 16<<20+int64(d.calls())*2048 {
			t.Errorf("the heap has grown by %d bytes in %d calls", grown, d.calls())
		}
		left = fmt.Sprintf("Left: %v (before: %v)", after, before)
	}
	proof.Note(t, proof.Result{Promise: "day",
		Figure: fmt.Sprintf("%v with %d new calls a second and %d agents, at most %d calls at a time: all %d calls answered and on record (%d of them by agents, %d wait to be called back), the books balance; %d exports and %d backups made meanwhile are whole. From the call to the first sound: %v; between two packets: %v. %s",
			d.lasts, d.perSecond, d.agents, d.most, d.calls(), d.answered.Load(), sum.Open, d.exports, d.backups, d.first, d.gaps, left),
		Control: "the day must have had people who were answered, people at the limit of the agents, exports and backups; a call that was not made is missed in the count"})
}

// aDay is a load, and what came of it.
type aDay struct {
	lasts, patience, talk, every time.Duration // every: an export and a backup
	agents, perSecond            int
	alone                        bool // no other test runs beside it

	*box
	workers          []*worker
	answered         atomic.Int64
	most             int // calls at a time
	exports, backups int
	sampled          int
	first            spread // from INVITE to the first packet of sound
	gaps             spread // between packets
}

func (d *aDay) queued() int { return d.perSecond * int(d.lasts.Seconds()) }

func (d *aDay) calls() int { return d.queued() + d.sampled }

// run is the day, from the first caller to the last.
func (d *aDay) run() {
	ctx, over := context.WithCancel(d.t.Context())
	defer over()
	var staff, rest sync.WaitGroup
	for _, w := range d.workers {
		staff.Go(func() { d.works(ctx, w) })
	}
	day, night := context.WithTimeout(ctx, d.lasts)
	defer night()
	rest.Go(func() { d.rings(day) })
	rest.Go(func() { d.carriesAway(day) })
	rest.Go(func() { d.counts(day) })
	rest.Go(func() { d.queuedCalls("hasty", d.queued()/2, d.perSecond/2, d.patience/3) })
	d.queuedCalls("patient", d.queued()/2, d.perSecond/2, d.patience)
	rest.Wait()
	over()
	staff.Wait()
}

// works answers, speaks, writes and takes the next one. Callers give up in every
// moment of it, so that an order may come too late; then there is the next one.
func (d *aDay) works(ctx context.Context, w *worker) {
	for ctx.Err() == nil {
		changed := w.seat.Changed()
		s := w.seat.Snapshot()
		order, contact := desk.Command{}, ""
		if s.Call != nil {
			contact = s.Call.Contact
		}
		switch s.Agent.State {
		case triage.Offline, triage.Missed:
			order.Type = "ready"
		case triage.Offered:
			order = desk.Command{Type: "accept", Contact: contact}
		case triage.OnCall:
			if contact != "" {
				d.answered.Add(1)
				d.speaks(ctx, w, contact)
				continue
			}
		case triage.WrapUp:
			order = desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"}
		}
		if order.Type != "" {
			asked, stop := context.WithTimeout(d.t.Context(), 15*time.Second)
			err := w.seat.Do(asked, order)
			stop()
			if err == nil {
				continue
			}
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// speaks is a conversation: a word is written down, and one of both hangs up.
func (d *aDay) speaks(ctx context.Context, w *worker, contact string) {
	end := time.After(d.talk)
	asked, stop := context.WithTimeout(d.t.Context(), 15*time.Second)
	saved := w.seat.Do(asked, desk.Command{Type: "case.save", Contact: contact, Fields: map[string]any{"place": "Santa Clara", "danger_now": "no", "urgent_need": "no", "safe_tonight": "yes"}})
	stop()
	for {
		changed := w.seat.Changed()
		if s := w.seat.Snapshot(); s.Agent.State != triage.OnCall || s.Call == nil || s.Call.Contact != contact {
			return
		}
		select {
		case <-changed:
		case <-end:
			asked, stop := context.WithTimeout(d.t.Context(), 15*time.Second)
			err := w.seat.Do(asked, desk.Command{Type: "end", Contact: contact})
			stop()
			if saved != nil && err == nil {
				d.t.Errorf("with the caller on the line the case was not saved: %v", saved)
			}
			end = nil
		case <-ctx.Done():
			return
		}
	}
}

// rings calls the number of the menu all day and looks how long it takes until
// something is heard.
func (d *aDay) rings(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		c, err := phone.Dial(d.t.Context(), phone.Config{From: "+12024561234", To: "100", Server: d.h.trunk.Addr()})
		if err != nil {
			d.t.Errorf("somebody cannot get through: %v", err)
			return
		}
		d.sampled++
		heard := c.HeardPackets()
		for limit := began.Add(30 * time.Second); len(heard) < 100 && time.Now().Before(limit) && pause(d.t.Context(), c, 100*time.Millisecond); {
			heard = c.HeardPackets()
		}
		c.Hangup()
		if len(heard) < 100 {
			d.t.Errorf("in half a minute somebody hears %d packets of sound", len(heard))
			return
		}
		d.first = append(d.first, heard[0].At.Sub(began))
		for i := range heard[1:] {
			d.gaps = append(d.gaps, heard[i+1].At.Sub(heard[i].At))
		}
	}
}

// counts looks how many calls there are at a time.
func (d *aDay) counts(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.most = max(d.most, d.h.trunk.Stats().Calls)
		case <-ctx.Done():
			return
		}
	}
}

// carriesAway makes exports through the pages and backups, and opens them.
func (d *aDay) carriesAway(ctx context.Context) {
	lead := d.web("coordinator")
	for had := 0; ctx.Err() == nil; {
		rows, err := d.takes(lead)
		switch {
		case err != nil:
			d.t.Errorf("the export: %v", err)
			return
		case rows < had:
			d.t.Errorf("an export has %d calls, the one before had %d", rows, had)
		}
		had = rows
		d.exports++
		if err := d.h.backups.Now(d.t.Context()); err != nil { // it is opened and proved before it counts
			d.t.Errorf("the backup: %v", err)
			return
		}
		d.backups++
		select {
		case <-time.After(d.every):
		case <-ctx.Done():
		}
	}
}

// takes asks for an export, carries it away and reads how many calls it has.
func (d *aDay) takes(lead *http.Client) (rows int, err error) {
	asked, err := lead.PostForm(d.base+"records/export", url.Values{"set": {"contacts", "cases"}, "format": {"csv", "xlsx"}, "level": {"L1"}, "to": {"helpers"}, "reason": {"figures of the hour"}})
	if err != nil {
		return 0, err
	}
	page := strings.TrimPrefix(asked.Request.URL.Path, "/")
	if err := asked.Body.Close(); err != nil || asked.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s, %w", page, asked.Status, err)
	}
	for limit := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		shown, err := d.gets(lead, page)
		if err != nil {
			return 0, err
		}
		if strings.Contains(string(shown), page+"/file") {
			break
		}
		if time.Now().After(limit) {
			return 0, errors.New("it is not made in five minutes")
		}
	}
	file, err := d.gets(lead, page+"/file")
	if err != nil {
		return 0, err
	}
	pack, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return 0, err
	}
	for _, f := range pack.File { // every part is whole
		part, err := f.Open()
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(part)
		if err = errors.Join(err, part.Close()); err != nil {
			return 0, fmt.Errorf("%s: %w", f.Name, err)
		}
		if f.Name == "contacts.csv" {
			lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
			if err != nil {
				return 0, err
			}
			rows = len(lines) - 1
		}
	}
	return rows, nil
}

func (b *box) gets(who *http.Client, path string) ([]byte, error) {
	res, err := who.Get(b.base + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return body, err
}

// queuedCalls makes calls with SIPp that wait in line for as long as their
// patience lasts. Each must be answered and ended in order.
func (b *box) queuedCalls(name string, n, rate int, patience time.Duration) {
	b.t.Helper()
	dir := b.t.TempDir()
	text, err := os.ReadFile("testdata/queued-call.xml")
	if err != nil {
		b.t.Fatal(err)
	}
	scenario, numbers := filepath.Join(dir, name+".xml"), filepath.Join(dir, name+".csv")
	text = bytes.ReplaceAll(text, []byte(`timeout="PATIENCE"`), fmt.Appendf(nil, `timeout="%d"`, patience.Milliseconds()))
	list := []byte("SEQUENTIAL\n")
	for i := range n {
		list = fmt.Appendf(list, "+1202456%04d\n", 1000+i%1000)
	}
	if err := errors.Join(os.WriteFile(scenario, text, 0o600), os.WriteFile(numbers, list, 0o600)); err != nil {
		b.t.Fatal(err)
	}
	limit := time.Duration(n/rate)*time.Second*2 + patience + 2*time.Minute
	sipp := exec.CommandContext(b.t.Context(), "sipp", b.h.trunk.Addr().String(), "-sf", scenario, "-inf", numbers, "-s", "301",
		"-m", strconv.Itoa(n), "-r", strconv.Itoa(rate), "-l", "1000", "-i", "127.0.0.1", "-mp", strconv.Itoa(trunktest.FourPorts(b.t)), "-rtp_echo",
		"-nostdin", "-timeout", fmt.Sprintf("%.0fs", limit.Seconds()), "-timeout_error", "-trace_err", "-error_file", filepath.Join(b.t.ArtifactDir(), name+"-errors.log"))
	if out, err := sipp.CombinedOutput(); err != nil {
		b.t.Errorf("not every call was answered and ended in order: %v\n%s", err, out)
	}
}

// spread is how long something took, again and again.
type spread []time.Duration

func (s spread) String() string {
	if len(s) == 0 {
		return "not measured"
	}
	all := slices.Sorted(slices.Values(s))
	at := func(q int) time.Duration { return all[min(len(all)*q/1000, len(all)-1)].Round(time.Millisecond) }
	return fmt.Sprintf("%v in the middle, %v at 99 %%, %v at 99.9 %%, %v at most", at(500), at(990), at(999), at(1000))
}
