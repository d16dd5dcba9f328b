package desk

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/ivr"
	"hotline/triage"
)

// Entry is what a dialled number leads to.
type Entry struct {
	Flow       string
	Queue      string // instead of a flow: a menu elsewhere has spoken with the caller already
	Treatment  string // of that queue: what callers hear while they wait; "": the usual
	Language   string // until the caller chooses one
	Supervisor bool   // not a line for people who seek help
	Flash      bool   // nobody answers: who rings wants to be called
	Agents     bool   // the line of phone volunteers who work by telephone; Supervisor too
}

// entries are where numbers lead now; nobody changes the map.
func (d *Desk) entries() map[string]Entry { return *d.led.Load() }

// UseEntries changes where numbers lead, for calls that come from now on and
// for callers who are sent on.
func (d *Desk) UseEntries(entries map[string]Entry) { d.led.Store(&entries) }

// entry is what the call leads to. Where a trunk sends the calls of all numbers
// to one, the number that was dialled first decides.
func (d *Desk) entry(leg callerLeg) Entry {
	if first := string(leg.Redirected()); d.cfg.Forwarded && first != "" {
		if e, ours := d.entries()[first]; ours {
			return e
		}
	}
	return d.entries()[leg.To()]
}

// Headers in which a telephone menu in front of the hotline says what it has
// found out.
const (
	headerLanguage = "X-Hotline-Language" // es
	headerPriority = "X-Hotline-Priority" // 1 to 9, lower is served first
	headerContext  = "X-Hotline-Context"  // may be repeated: a line for the agent
)

const (
	usualPriority   = 5
	maxContextLines = 8
	maxContextText  = 120 // letters of a line
)

// handedOver is what that menu said. Whatever cannot be understood counts as
// not said: the caller waits in any case.
func (d *Desk) handedOver(leg callerLeg, e Entry) (out ivr.Outcome, context []string) {
	out = ivr.Outcome{Exit: ivr.ExitQueue, Queue: e.Queue, Priority: usualPriority, Treatment: cmp.Or(e.Treatment, ivr.FlowWaiting), Language: e.Language}
	if !d.cfg.Upstream {
		return out, nil
	}
	for _, said := range leg.Header(headerLanguage) {
		if said = strings.ToLower(strings.TrimSpace(said)); slices.Contains(d.cfg.Languages, said) {
			out.Language = said
		}
	}
	for _, said := range leg.Header(headerPriority) {
		if n, err := strconv.Atoi(strings.TrimSpace(said)); err == nil && n >= 1 && n <= 9 {
			out.Priority = n
		}
	}
	for _, said := range leg.Header(headerContext) {
		if said = strings.TrimSpace(said); said == "" || len(context) == maxContextLines {
			continue
		}
		if letters := []rune(said); len(letters) > maxContextText {
			said = string(letters[:maxContextText-1]) + "…"
		}
		context = append(context, said)
	}
	return out, context
}

// serveHandedOver brings a caller to an agent whom a menu elsewhere has spoken
// with.
func (s *story) serveHandedOver() (again bool) {
	out, context := s.d.handedOver(s.leg, s.entry)
	s.context = context
	s.change(func(k *triage.Contact, _ time.Time) []events.Event { k.Language = out.Language; return nil })
	s.prepareFarewell()
	if s.turnedAway(&out) {
		return false
	}
	return s.serve(out)
}
