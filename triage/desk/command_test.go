package desk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"hotline/appliance/trunk"
	"hotline/triage"
)

// FuzzCommands: whatever a page sends, in whatever situation, is done or refused
// with a sentence. The page can be shown what is, and a caller who was talked to
// stays on the line unless the page asked for the end.
func FuzzCommands(f *testing.F) {
	const (
		free = iota
		rings
		talks
		writes
		situations
	)
	all := []string{"ready", "break", "signout", "accept", "decline", "mute", "help", "hold", "resume", "end", "keys", "transfer", "consult", "rescue", "consult.cancel", "consult.transfer", "consult.join",
		"drop", "leave", "monitor.end", "record", "call.out", "call.again", "call.agent", "call.item", "unreached", "monitor", "monitor.take", "sound", "emergency", "case.save", "case.open", "wrap", "demo.call"}
	for i, kind := range all {
		f.Add(uint8(i%situations), `{"type":"`+kind+`","contact":"{now}","on":true,"to":{"kind":"queue","id":"help"},"reason":"\u202e","digits":"12#x","mode":"?","number":"+12025550147","fields":{"place":"Santa Clara"}}`)
	}
	for _, m := range []string{
		`{"type":"case.save","contact":"{now}","fields":{"people_total":1e999}}`,
		`{"type":"case.save","contact":"{now}","fields":{"people_total":-1,"notes":["a"],"danger_now":{}},"shown":{"notes":7}}`,
		`{"type":"case.save","contact":"{now}","fields":{"notes":"\u0000\ud800=cmd|x","nobody":"knows"}}`,
		`{"type":"wrap","contact":"{now}","disposition":"protected_handover"}`,
		`{"type":"wrap","contact":"../..","disposition":""}`,
		`{"type":"transfer","contact":"{now}","to":{"kind":"number","id":"sip:premium@example.com"}}`,
		`{"type":"consult","contact":"{now}","to":{"kind":"agent","id":"ana"}}`,
		`{"type":"drop","contact":"{now}","party":"caller"}`,
		`{"type":"\ufeff"}`, `{"fields":null}`, `{}`, `[]`,
	} {
		f.Add(uint8(talks), m)
	}
	r := openRoomWith(f, map[string]string{"straight": "about: t\nstart: q\nfallback: {queue: help, priority: 5}\nsteps:\n  q:\n    queue: help\n    priority: 1\n"},
		func(context.Context, Dialling) (*trunk.Call, error) { return nil, errors.New("there is no line") })
	ana := r.sit("ana")
	f.Fuzz(func(t *testing.T, situation uint8, message string) {
		outer := r.t
		r.t = t
		defer func() { r.t = outer }()
		contact := ""
		if situation%situations != free {
			caller := r.dial("+12024561111")
			if situation%situations == rings {
				r.until("a call rings", func() bool { contact = r.cfg.Dispatcher.Agent("ana").Contact; return contact != "" })
			} else {
				contact = r.answer(ana)
			}
			if situation%situations == writes {
				caller.Hangup()
				r.state(ana, triage.WrapUp)
			}
		}
		var c Command
		if json.Unmarshal([]byte(strings.ReplaceAll(message, "{now}", contact)), &c) == nil {
			err := ana.Do(t.Context(), c)
			var told UserError
			var conflict ConflictError
			if err != nil && !errors.As(err, &told) && !errors.As(err, &conflict) {
				t.Errorf("%s: the page is told %v", message, err)
			}
			if _, err := json.Marshal(ana.Snapshot()); err != nil {
				t.Errorf("%s: what is cannot be shown: %v", message, err)
			}
			if situation%situations == talks && c.Type != "end" && c.Type != "drop" && c.Type != "transfer" && c.Type != "leave" {
				if k, err := r.cfg.Contacts.Get(contact); err != nil || !k.EndedAt.IsZero() {
					t.Errorf("%s: the caller is not on the line any more: %v", message, err)
				}
			}
		}
		// For the next one.
		r.until("the agent is free again", func() bool {
			switch a := r.cfg.Dispatcher.Agent("ana"); a.State {
			case triage.Ready:
				return true
			case triage.Offered:
				_ = ana.Do(t.Context(), Command{Type: "accept", Contact: a.Contact})
			case triage.OnCall:
				_ = ana.Do(t.Context(), Command{Type: "end", Contact: a.Contact})
			case triage.WrapUp:
				_ = ana.Do(t.Context(), Command{Type: "wrap", Contact: a.Contact, Disposition: "dropped_call"})
			default:
				_ = r.cfg.Dispatcher.Set("ana", triage.Ready, "")
			}
			return false
		})
	})
}
