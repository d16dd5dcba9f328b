//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"hotline/appliance/softphone/peer"
	"hotline/triage"
	"hotline/triage/desk"
)

// agent is a phone volunteer's browser without a browser: the channel of the
// desk page, and its sound.
type agent struct {
	conn  *websocket.Conn
	sound *peer.Peer
	end   context.CancelFunc
	reads sync.WaitGroup

	mu     sync.Mutex
	now    desk.Snapshot
	answer string // to the offer of the sound
	saved  bool
	wrong  string // what the page would show last
}

// The notes of the answered call: what must not be read on the disk.
const secretPlace = "Calle de los Secretos 4711"

const agentHz = 700

func sitDown(ctx context.Context, c *http.Client) (a *agent, err error) {
	ctx, end := context.WithCancel(ctx)
	a = &agent{end: end}
	defer func() {
		if err != nil {
			a.leave()
		}
	}()
	if a.conn, _, err = websocket.Dial(ctx, pages+"/ws/agent", &websocket.DialOptions{HTTPClient: c, HTTPHeader: http.Header{"Origin": {pages}}}); err != nil {
		return a, err
	}
	a.conn.SetReadLimit(1 << 20)
	a.reads.Go(func() { a.read(ctx) })
	a.reads.Go(func() { a.beat(ctx) })
	if a.sound, err = peer.Open(); err != nil {
		return a, err
	}
	offer, err := a.sound.Offer(ctx)
	if err != nil {
		return a, err
	}
	if err := a.say(ctx, map[string]any{"type": "rtc.offer", "sdp": offer}); err != nil {
		return a, err
	}
	answer := ""
	if err := a.until(ctx, "the sound of the page is not answered", func() bool { answer = a.answer; return answer != "" }); err != nil {
		return a, err
	}
	if err := a.sound.Accept(answer); err != nil {
		return a, err
	}
	a.sound.Speak(agentHz)
	// Ready is refused until the first sound has arrived.
	return a, until(ctx, time.Minute, "the phone volunteer does not get ready", func() bool {
		if a.say(ctx, map[string]any{"type": "ready"}) != nil {
			return false
		}
		limit, stop := context.WithTimeout(ctx, 3*time.Second)
		defer stop()
		return a.until(limit, "", func() bool { return a.now.Agent.State == triage.Ready }) == nil
	})
}

func (a *agent) leave() {
	a.end()
	if a.conn != nil {
		_ = a.conn.CloseNow() // the machine may be gone
	}
	a.reads.Wait()
	if a.sound != nil {
		a.sound.Close()
	}
}

func (a *agent) read(ctx context.Context) {
	for {
		_, raw, err := a.conn.Read(ctx)
		if err != nil {
			return
		}
		var m struct {
			Type  string         `json:"type"`
			State *desk.Snapshot `json:"state"`
			SDP   string         `json:"sdp"`
			Text  string         `json:"text"`
		}
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		a.mu.Lock()
		switch {
		case m.State != nil:
			a.now = *m.State
		case m.SDP != "":
			a.answer = m.SDP
		case m.Type == "case.saved":
			a.saved = true
		case m.Type == "error":
			a.wrong = m.Text
		}
		a.mu.Unlock()
	}
}

func (a *agent) beat(ctx context.Context) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		if a.say(ctx, map[string]any{"type": "ping", "mic": true}) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *agent) say(ctx context.Context, m map[string]any) error {
	m["v"] = 1
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return a.conn.Write(ctx, websocket.MessageText, raw)
}

// until waits for something that the page would show.
func (a *agent) until(ctx context.Context, what string, seen func() bool) error {
	err := until(ctx, 3*time.Minute, what, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return seen()
	})
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		err = fmt.Errorf("%w (the volunteer is %q, the page says %q)", err, a.now.Agent.State, a.wrong)
	}
	return err
}

// callWithSIPp lets sipp ring, press its keys and wait for the end of a call
// that the agent answers, writes down and ends.
func callWithSIPp(ctx context.Context, a *agent) error {
	sipp := exec.CommandContext(ctx, "sipp", guest+":5060", "-sf", "cmd/hotline/testdata/help-call.xml", "-s", number, "-m", "1", "-i", host, "-rtp_echo", "-nostdin", "-timeout", "400s")
	var out strings.Builder
	sipp.Stdout, sipp.Stderr = &out, &out
	if err := sipp.Start(); err != nil {
		return err
	}
	talked := a.talk(ctx)
	if talked != nil {
		_ = sipp.Process.Kill() // it would wait for an end that does not come
	}
	if err := sipp.Wait(); err != nil && talked == nil {
		return fmt.Errorf("sipp: %w: %s", err, tail(out.String()))
	}
	return talked
}

// talk answers the next call, writes down what is said and ends it.
func (a *agent) talk(ctx context.Context) error {
	contact := ""
	if err := a.until(ctx, "no call comes to the phone volunteer", func() bool {
		if a.now.Call != nil {
			contact = a.now.Call.Contact
		}
		return a.now.Agent.State == triage.Offered && contact != ""
	}); err != nil {
		return err
	}
	if err := a.say(ctx, map[string]any{"type": "accept", "contact": contact}); err != nil {
		return err
	}
	if err := a.until(ctx, "the call that was answered does not begin", func() bool { return a.now.Agent.State == triage.OnCall }); err != nil {
		return err
	}
	hearing, over := context.WithTimeout(ctx, time.Minute)
	defer over()
	if err := a.sound.WaitTone(hearing, agentHz); err != nil { // sipp gives back what it hears
		return fmt.Errorf("the two do not hear each other: %w", err)
	}
	if err := a.say(ctx, map[string]any{"type": "case.save", "n": 1, "contact": contact, "fields": map[string]any{"place": secretPlace, "notes": secretPlace}}); err != nil {
		return err
	}
	if err := a.until(ctx, "what was written down is not saved", func() bool { return a.saved }); err != nil {
		return err
	}
	if err := a.say(ctx, map[string]any{"type": "end"}); err != nil {
		return err
	}
	if err := a.until(ctx, "the call does not end at the desk", func() bool { return a.now.Agent.State == triage.WrapUp }); err != nil {
		return err
	}
	if err := a.say(ctx, map[string]any{"type": "wrap", "contact": contact, "disposition": "info_given"}); err != nil {
		return err
	}
	return a.until(ctx, "the notes do not end", func() bool { return a.now.Agent.State != triage.WrapUp })
}
