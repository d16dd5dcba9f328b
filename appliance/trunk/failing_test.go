package trunk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// A line that is made to fail is seen to have failed, and calls of the one who
// wanted it go out by another one. Calls of others are not touched; it is over
// at once when a context ends; and a line with a call on it is left alone.
func TestALineFailsOnPurpose(t *testing.T) {
	trunk.PrepareLibrary() // before a far end speaks
	ctx := limit(t)
	provider := newProvider(t)
	other := make(chan *phone.Call, 10)
	first := station(t, phone.Config{}, provider.script)
	second := station(t, phone.Config{}, picked(t, other))
	h := calling(t, nil, account(first), static("pbx", second))
	was := h.became("the registration", up)

	dial := func(role string, lines ...string) (by string) {
		t.Helper()
		c, err := h.Dial(ctx, trunk.Outgoing{To: outside, Role: role, Lines: lines})
		if err != nil {
			t.Fatalf("%v\n%s", err, h.log)
		}
		by = c.Line()
		far := provider.calls
		if by == "pbx" {
			far = other
		}
		answered := receive(t, "the phone", far)
		c.Hangup(call.Cause{By: call.BySystem})
		receive(t, "the end", answered.Done())
		return by
	}
	free := func(s trunk.LineState) bool { return s.Calls == 0 }

	if _, err := h.FailLine(ctx, "nowhere", "trial"); err == nil {
		t.Error("a line that there is not fails")
	}
	on, err := h.Dial(ctx, trunk.Outgoing{To: outside})
	if err != nil || on.Line() != "provider" {
		t.Fatalf("%v by %s", err, on.Line())
	}
	if _, err := h.FailLine(ctx, "provider", "trial"); !errors.Is(err, trunk.ErrLineCarries) {
		t.Errorf("a line with a call on it fails: %v", err)
	}
	on.Hangup(call.Cause{By: call.BySystem})
	receive(t, "the end", receive(t, "the phone", provider.calls).Done())
	h.became("the line without a call", free)

	trial, over := context.WithCancel(ctx)
	mend, err := h.FailLine(trial, "provider", "trial")
	if err != nil {
		t.Fatal(err)
	}
	if by := dial("trial"); by != "pbx" {
		t.Errorf("the call goes out by %s, which fails", by)
	}
	s := h.became("the failure", down)
	if !strings.Contains(s.Reason, "rehearsal") || !s.RegisteredUntil.IsZero() {
		t.Errorf("state %+v", s)
	}
	if by := dial("callback", "provider"); by != "provider" {
		t.Errorf("the call of somebody else goes out by %s", by)
	}
	if res, err := first.Send(ctx, "INVITE", "999", h.addr); err != nil || res.StatusCode != 404 { // which the hotline itself says
		t.Errorf("a call in by the line that fails: %v %v", res, err)
	}
	if _, err := h.Dial(ctx, trunk.Outgoing{To: outside, Role: "trial", Lines: []string{"provider"}}); err == nil {
		t.Error("a call out by the line that fails")
	}
	over()
	if by := dial("trial", "provider"); by != "provider" {
		t.Errorf("with the end of the context the line does not work: %s", by)
	}
	mend()
	mend()
	s = h.became("the registration", up)
	if s.RegisteredUntil.Before(was.RegisteredUntil) || time.Until(s.RegisteredUntil) <= 0 || s.Server != was.Server {
		t.Errorf("it was %+v and is %+v", was, s)
	}
	if by := dial("trial"); by != "provider" {
		t.Errorf("afterwards the call goes out by %s", by)
	}
}
