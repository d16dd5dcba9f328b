package trunk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/trunktest"
)

// A phone that is not ours registers, is called, answers, is heard, holds,
// resumes and hangs up; and calls in turn, known by its password. Over TLS the
// sound is encrypted, unless the phone cannot do that.
func TestBaresipAsADeskPhone(t *testing.T) {
	for name, tc := range map[string]desktop{
		"UDP":                        {transport: "udp"},
		"TLS and SRTP":               {transport: "tls", account: ";mediaenc=srtp-mand", secure: true},
		"TLS and sound in the clear": {transport: "tls"},
	} {
		t.Run(name, func(t *testing.T) { tc.works(t) })
	}
}

// desktop is how a desk phone is set up.
type desktop struct {
	transport, account string
	secure             bool
}

func (d desktop) works(t *testing.T) {
	ctx := limit(t)
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	arrived := make(chan *trunk.Call, 1)
	h := switchboard(t, func(ctx context.Context, c *trunk.Call) {
		if c.Answer() == nil {
			arrived <- c
			<-ctx.Done()
		}
	}, change)
	addrs["udp"] = h.addr
	user := fmt.Sprintf("sip:amina@%s", addrs[d.transport])
	b := trunktest.StartBaresip(t, trunktest.Config{Transport: d.transport, CA: caOf(t, server), Account: fmt.Sprintf("\n<%s;transport=%s>;auth_pass=a-secret;regint=60;answermode=auto;audio_codecs=PCMU/8000/1%s", user, d.transport, d.account)})
	fail := func(what string, err any) {
		t.Helper()
		t.Fatalf("%s: %v\n%s\n%s", what, err, b.Log(), h.log)
	}
	for tick := time.NewTicker(20 * time.Millisecond); !h.Registered("amina"); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			fail("registration", "does not come")
		}
	}
	c, err := h.Dial(ctx, trunk.Outgoing{To: "sip:amina@registered", From: "+12024561111"})
	if err != nil {
		fail("calling the phone", err)
	}
	if c.Secure() != d.secure {
		fail("encryption", c.Secure())
	}
	hears := func(c *trunk.Call, when string) {
		t.Helper()
		heard, _, err := c.Audio().Record(ctx, time.Second, "")
		if err != nil || share(heard, 1000) < 0.5 {
			fail(when+" the phone is not heard", err)
		}
	}
	hears(c, "at first")
	b.Do("uafind", user) // the account that what follows is for
	b.Do("hold", "")
	if !receive(t, "the hold", c.Holds()) {
		t.Error("not held")
	}
	b.Do("resume", "")
	if receive(t, "the resume", c.Holds()) {
		t.Error("still held")
	}
	hears(c, "after the hold")
	b.Do("hangup", "")
	receive(t, "the end", c.Context().Done())
	if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
		t.Errorf("ended %+v", cause)
	}

	b.Do("dial", fmt.Sprintf("sip:100@%s;transport=%s", addrs[d.transport], d.transport))
	in := receive(t, "the phone's call", arrived)
	if in.Phone() != "amina" || in.To() != "100" {
		t.Errorf("phone %q dialled %q", in.Phone(), in.To())
	}
	hears(in, "calling")
	in.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
	b.Do("quit", "")
}
