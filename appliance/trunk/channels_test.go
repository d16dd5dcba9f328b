package trunk_test

import (
	"testing"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// This file tests that lines carry no more calls than they have channels, and keep
// some for callers.

func TestDialChannelLimit(t *testing.T) {
	ctx := limit(t)
	calls := make(chan *phone.Call, 3)
	a, b := station(t, phone.Config{}, picked(t, calls)), station(t, phone.Config{}, picked(t, calls))
	small := static("small", a)
	small.MaxCalls = 1
	h := calling(t, nil, small, static("large", b))
	first, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil {
		t.Fatal(err)
	}
	if first.Line() != "small" || second.Line() != "large" {
		t.Errorf("lines %q and %q", first.Line(), second.Line())
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"small"}}); err == nil {
		t.Error("a second call on a line with one channel")
	}
	for _, s := range h.Lines() {
		if s.Calls != 1 {
			t.Errorf("%s has %d calls", s.Name, s.Calls)
		}
	}
	first.Hangup(call.Cause{By: call.BySystem})
	third, err := h.Dial(ctx, trunk.Outgoing{To: outside, Lines: []string{"small"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*trunk.Call{second, third} {
		c.Hangup(call.Cause{By: call.BySystem})
	}
	for range 3 {
		receive(t, "the end", receive(t, "a phone", calls).Done())
	}
}

// The last channels, of the box and of a line, are for those in danger.
func TestReservedChannelsOfCallsOut(t *testing.T) {
	for name, limits := range map[string]struct{ box, line int }{"of the box": {10, 0}, "of the line": {100, 10}} {
		t.Run(name, func(t *testing.T) {
			ctx := limit(t)
			calls := make(chan *phone.Call, 20)
			line := static("pbx", station(t, phone.Config{Mute: true}, picked(t, calls)))
			line.MaxCalls = limits.line
			h := calling(t, func(cfg *trunk.Config) { cfg.MaxCalls, cfg.Reserved = limits.box, limits.box/10 }, line)
			dial := func(urgent bool) error {
				_, err := h.Dial(ctx, trunk.Outgoing{To: outside, Urgent: urgent})
				return err
			}
			for range 9 {
				if err := dial(false); err != nil {
					t.Fatal(err)
				}
			}
			if err := dial(false); err == nil {
				t.Error("a usual call takes the last channel")
			}
			if err := dial(true); err != nil {
				t.Errorf("an urgent call gets no channel: %v", err)
			}
			if err := dial(true); err == nil {
				t.Error("an urgent call gets a channel that there is not")
			}
		})
	}
}
