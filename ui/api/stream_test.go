package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// heard is one event of a stream.
type heard struct {
	id, kind string
	event    Event
}

// listener is a program that listens.
type listener struct {
	b    *box
	body *bufio.Reader
	stop func()
	last string // the id it goes on with
}

// listen opens a stream behind an event.
func (b *box) listen(token, query, last string) *listener {
	b.t.Helper()
	b.api.limits.forget()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+Prefix+"/events"+query, nil)
	b.must(err)
	request.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := b.client.Do(request)
	b.must(err)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("the stream answers %s", response.Status)
	}
	l := &listener{b: b, body: bufio.NewReaderSize(response.Body, 1<<20), last: last}
	l.stop = func() {
		stop()
		_ = response.Body.Close() // it was broken off
	}
	return l
}

// next is the next event; not ok when the stream has ended. Beats are passed
// over, and their ids kept.
func (l *listener) next() (heard, bool) {
	var h heard
	data := ""
	for {
		line, err := l.body.ReadString('\n')
		if err != nil {
			return heard{}, false
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "id":
			h.id = value
		case "event":
			h.kind = value
		case "data":
			data = value
		case "":
			if value == "" && (h.id != "" || data != "") {
				if h.id != "" {
					l.last = h.id
				}
				if data != "" {
					if h.kind != "gap" {
						l.b.must(json.Unmarshal([]byte(data), &h.event))
					}
					return h, true
				}
				return heard{id: h.id}, true // a beat that says how far the log was read
			}
			h = heard{}
		}
	}
}

// nextEvent passes over beats.
func (l *listener) nextEvent() (heard, bool) {
	for {
		if h, ok := l.next(); !ok || h.kind != "" {
			return h, ok
		}
	}
}

func (b *box) emit(evs ...events.Event) {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		for _, ev := range evs {
			tx.Emit(ev)
		}
		return nil
	}))
}

// TestAStreamGoesOnWithoutGapsAndDoubles: whatever happens meanwhile, and
// however often the line breaks, a program that comes back with the last id has
// heard everything once and in order.
func TestAStreamGoesOnWithoutGapsAndDoubles(t *testing.T) {
	b := start(t)
	token := b.token(0)
	const writers, each = 4, 60
	first := b.listen(token, "", "")
	begin, ok := first.next() // says where it begins, before anything happens
	if !ok || begin.id == "" {
		t.Fatalf("a stream begins with %+v", begin)
	}
	first.stop()
	last := first.last
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				kind := []string{"mode.changed", "records.searched", "load.changed"}[n%3] // the second is not told
				b.emit(events.Event{Kind: kind, Data: map[string]string{"from": fmt.Sprint(w), "to": fmt.Sprint(n)}})
			}
		})
	}
	r := rand.New(rand.NewPCG(3, 4))
	var got []heard
	for breaks := 0; len(got) < writers*each*2/3; breaks++ {
		l := b.listen(token, "", last)
		for range 1 + r.IntN(25) {
			h, ok := l.nextEvent()
			if !ok || h.kind == "gap" {
				t.Fatalf("the stream ends, or has a gap: %+v", h)
			}
			if got = append(got, h); len(got) == writers*each*2/3 {
				break
			}
		}
		last = l.last
		l.stop()
	}
	writing.Wait()
	list, _, err := b.store.LogAfter(0, 100_000)
	b.must(err)
	var want []string
	for _, ev := range list {
		if ev.Kind == "mode.changed" || ev.Kind == "load.changed" {
			want = append(want, ev.ID)
		}
	}
	var ids []string
	for _, h := range got {
		ids = append(ids, h.event.ID)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("of %d events %d were heard, not in order or not once each", len(want), len(ids))
	}
}

func TestAStreamTellsByTheLevelOfTheToken(t *testing.T) {
	b := start(t)
	least, more := b.token(0), b.token(table.Referral)
	open, _ := b.called("+12025550147", map[string]any{"top_need": "water"})
	locked, secret := b.called("+12025550148", map[string]any{"danger_now": "yes"})
	_, err := b.cases.Save(t.Context(), locked.ID, b.owner.ID, map[string]any{"talk_freely": "specialist"})
	b.must(err)
	b.emit(events.Event{Kind: "mode.changed", Via: "web", By: "x", Data: map[string]string{"from": "normal", "to": "busy", "name": "Rosa Blanco", "new_recording": "true"}},
		events.Event{Kind: "queue.entered", Queue: triage.QueuePrivate, Contact: open.ID},
		events.Event{Kind: "session.started", Agent: "a", Data: map[string]string{"source": "192.0.2.7"}},
		events.Event{Kind: "hotline.started"})
	texts := map[string]string{}
	for name, token := range map[string]string{"least": least, "more": more} {
		l := b.listen(token, "?after=0-", "")
		started := 0
		for {
			h, ok := l.nextEvent()
			if !ok {
				t.Fatal("the stream has ended")
			}
			raw, err := json.Marshal(h.event)
			b.must(err)
			texts[name] += string(raw) + "\n"
			if h.event.Restricted {
				if h.event.Contact+h.event.Agent+h.event.Queue+h.event.Via != "" || h.event.Data != nil {
					t.Errorf("of somebody protected is told %s", raw)
				}
				if h.kind == "contact.started" {
					started++
				}
			}
			if h.kind == "hotline.started" {
				break
			}
		}
		l.stop()
		if started != 1 {
			t.Errorf("protected calls are counted as %d", started)
		}
	}
	for _, text := range []string{locked.ID, secret.ID, "Rosa", "192.0.2.7", "new_recording", "+1202"} {
		if strings.Contains(texts["least"], text) {
			t.Errorf("a token of the lowest level hears %q", text)
		}
		if got := strings.Contains(texts["more"], text); got != (text == "Rosa") {
			t.Errorf("a token of the next level hears %q: %v", text, got)
		}
	}
	if !strings.Contains(texts["least"], open.ID) || !strings.Contains(texts["least"], `"to":"busy"`) {
		t.Errorf("what may be told is not: %s", texts["least"])
	}
	// Only some, by their type.
	l := b.listen(least, "?after=0-&type=mode.changed&type=hotline.started", "")
	defer l.stop()
	for _, want := range []string{"mode.changed", "hotline.started"} {
		if h, ok := l.nextEvent(); !ok || h.kind != want {
			t.Errorf("heard %+v, not %s", h, want)
		}
	}
	b.wants(400, least, "GET", "/events?type=session.started", "")
	b.wants(400, least, "GET", "/events?kind=mode.changed", "")
	b.wants(400, least, "GET", "/events", "", "Last-Event-ID", "yesterday")
	if len(b.log("events.followed")) != 3 {
		t.Errorf("who listens is noted as %v", b.log("events.followed"))
	}
}

// TestAStreamSaysWhenSomethingIsLost: by age, or because the log is another one.
func TestAStreamSaysWhenSomethingIsLost(t *testing.T) {
	b := start(t)
	token := b.token(0)
	b.emit(events.Event{Kind: "hotline.started"})
	list, _, err := b.store.LogAfter(0, 1)
	b.must(err)
	old := placeOf(list[0]).String()
	for range 3 {
		b.emit(events.Event{Kind: "mode.changed"})
	}
	b.must(b.store.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.TrimLog(time.Now().Add(time.Hour), int(list[0].Seq)+1)
		return err
	}))
	for name, last := range map[string]string{"removed by age": old, "another log": "3-01ARZ3NDEKTSV4RRFFQ69G5FAV", "a log that is longer": "99999-01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		l := b.listen(token, "", last)
		h, ok := l.nextEvent()
		if !ok || h.kind != "gap" || h.id == "" {
			t.Errorf("%s: begins with %+v", name, h)
		}
		l.stop()
		if again := b.listen(token, "", h.id); true { // it was told once
			b.emit(events.Event{Kind: "part.switched"})
			for {
				got, ok := again.nextEvent()
				if !ok || got.kind == "gap" {
					t.Errorf("%s: goes on with %+v", name, got)
					break
				}
				if got.kind == "part.switched" {
					break
				}
			}
			again.stop()
		}
	}
}

// TestAStreamEndsWithItsToken, with a reader that does not read, and not before:
// beats say that it lives.
func TestAStreamEndsWithItsToken(t *testing.T) {
	b := start(t)
	b.api.beat = 20 * time.Millisecond
	text, token, err := b.accounts.NewToken(t.Context(), roster.Token{Name: "map", Scopes: roster.Scopes(), By: b.owner.ID}, time.Hour)
	b.must(err)
	l := b.listen(text, "", "")
	for beats := 0; beats < 3; {
		line, err := l.body.ReadString('\n')
		b.must(err)
		if line == ": beat\n" {
			beats++
		}
	}
	b.must(b.accounts.Revoke(t.Context(), token.ID, b.owner.ID))
	for {
		if _, ok := l.next(); !ok {
			break
		}
	}
	l.stop()

	// As many as that, and no more.
	other := b.token(0)
	var open []*listener
	for range perToken {
		open = append(open, b.listen(other, "", ""))
	}
	if got := b.wants(429, other, "GET", "/events", ""); got.header.Get("Retry-After") == "" {
		t.Errorf("one stream too many: %v", got.header)
	}
	for _, one := range open {
		one.stop()
	}
}

// TestASlowReaderIsCutOffAndGoesOn: it holds up nobody, and loses nothing.
func TestASlowReaderIsCutOffAndGoesOn(t *testing.T) {
	b := start(t)
	b.api.patience = 300 * time.Millisecond
	b.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return conn, err
	}
	token := b.token(table.Referral)
	l := b.listen(token, "", "")
	if _, ok := l.next(); !ok {
		t.Fatal("the stream has ended")
	}
	const many, size = 40, 128 << 10 // more than the system keeps for somebody who does not read
	for range many / 10 {
		var some []events.Event
		for range 10 {
			some = append(some, events.Event{Kind: "part.switched", Data: map[string]string{"name": strings.Repeat("x", size)}})
		}
		b.emit(some...)
	}
	limit := time.After(time.Minute)
	for { // until the hotline gives the stream up
		b.api.streams.mu.Lock()
		open := b.api.streams.all
		b.api.streams.mu.Unlock()
		if open == 0 {
			break
		}
		select {
		case <-limit:
			t.Fatal("whoever does not read is waited for")
		case <-time.After(20 * time.Millisecond):
		}
	}
	got := 0
	for {
		h, ok := l.next()
		if !ok {
			break
		}
		if len(h.event.Data["name"]) == size {
			got++
		}
	}
	l.stop()
	if got == many {
		t.Fatal("it was not slow enough to show anything")
	}
	b.api.patience = writeLimit
	rest := b.listen(token, "", l.last)
	defer rest.stop()
	for ; got < many; got++ {
		if h, ok := rest.nextEvent(); !ok || h.kind != "part.switched" {
			t.Fatalf("after %d: %+v", got, h)
		}
	}
}
