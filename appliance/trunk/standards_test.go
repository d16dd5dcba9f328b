package trunk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
)

// ended gives the cause of every call that was answered.
func ended() (func(context.Context, *trunk.Call), <-chan call.Cause) {
	causes := make(chan call.Cause, 10)
	return func(ctx context.Context, c *trunk.Call) {
		if c.Answer() == nil {
			<-ctx.Done()
			causes <- call.CauseOf(ctx)
		}
	}, causes
}

func TestSippSessionTimers(t *testing.T) {
	for scenario, want := range map[string]call.Cause{
		"timer-update":   {By: call.ByCaller, Reason: "hung up"},
		"timer-reinvite": {By: call.ByCaller, Reason: "hung up"},
		"timer-kept":     {By: call.ByNetwork, Reason: "the caller's side stopped saying that the call goes on", Code: 408},
	} {
		t.Run(scenario, func(t *testing.T) {
			handle, causes := ended()
			h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) { cfg.Impatient(2 * time.Second) })
			h.sipp(scenario+".xml", "-m", "1")
			if cause := receive(t, "the end", causes); cause != want {
				t.Errorf("ended %+v, want %+v", cause, want)
			}
		})
	}
}

func TestSippSmallSessionInterval(t *testing.T) {
	handle, causes := ended()
	h := serve(t, "127.0.0.1", handle)
	h.sipp("timer-small.xml", "-m", "1")
	if cause := receive(t, "the end", causes); cause.By != call.ByCaller {
		t.Errorf("ended %+v", cause)
	}
	if got := h.Stats(); got.Rejected[422] != 1 || got.Answered != 1 {
		t.Errorf("stats %+v", got)
	}
}

// A caller's side that does not answer our sign of life is gone, even on hold.
func TestSilentSideIsFoundOnHold(t *testing.T) {
	handle, causes := ended()
	h := serve(t, "127.0.0.1", handle, func(cfg *trunk.Config) {
		cfg.Impatient(2 * time.Second)
		cfg.Hurry(10 * time.Millisecond)
	})
	r := h.raw()
	r.send(r.fill(withSDP(inviteHead+"Supported: timer\nAllow: UPDATE\n", offer+"a=inactive\n")))
	answer := r.answer("raw-", patience)
	if !strings.Contains(answer, "Session-Expires: 2;refresher=uas") {
		t.Errorf("the hotline does not offer to refresh\n%s", answer)
	}
	r.confirm(answer, "")
	if cause := receive(t, "the end", causes); cause.By != call.ByNetwork || cause.Code != 408 {
		t.Errorf("ended %+v", cause)
	}
}

func TestSippReliableRinging(t *testing.T) {
	for _, scenario := range []string{"reliable", "reliable-late"} {
		t.Run(scenario, func(t *testing.T) {
			causes := make(chan call.Cause, 1)
			h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
				if err := c.Ringing(); err != nil {
					t.Error(err)
				}
				if err := c.Ringing(); err != nil { // twice is no harm
					t.Error(err)
				}
				if scenario == "reliable" { // or the 200 would come before the wrong PRACK is refused
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
				}
				if err := c.Answer(); err != nil {
					t.Error(err)
					return
				}
				if c.Audio() == nil {
					t.Error("no sound after the answer")
				}
				<-ctx.Done()
				causes <- call.CauseOf(ctx)
			})
			h.sipp(scenario+".xml", "-m", "1")
			if cause := receive(t, "the end", causes); cause.By != call.ByCaller {
				t.Errorf("ended %+v", cause)
			}
		})
	}
}

// Ringing that is never confirmed ends the attempt with an answer.
func TestUnconfirmedRinging(t *testing.T) {
	causes := make(chan call.Cause, 1)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		_ = c.Ringing()
		if c.To() == "late" { // waits for the confirmation, and must not wait for ever
			if err := c.Answer(); err == nil {
				t.Error("answered without an answer to the offer")
			}
		}
		<-ctx.Done()
		causes <- call.CauseOf(ctx)
	}, func(cfg *trunk.Config) { cfg.Hurry(10 * time.Millisecond) })
	r := h.raw()
	for _, message := range []string{
		withSDP(inviteHead+"Require: 100rel\n", offer),
		strings.ReplaceAll(inviteHead, "sip:100@", "sip:late@") + "Require: 100rel\n\n",
	} {
		invite := r.fill(message)
		r.send(invite)
		answer := r.answer(fmt.Sprintf("raw-%d\r\n", r.n), patience)
		r.acknowledge(invite, answer)
		if status(answer) != "504" {
			t.Errorf("the attempt ends with\n%s", answer)
		}
		if cause := receive(t, "the end", causes); cause.By != call.ByNetwork || cause.Code != 504 {
			t.Errorf("ended %+v", cause)
		}
	}
}

// Confirmed ringing is repeated. An answer that comes before the confirmation
// is sent at once, and the late PRACK is taken.
func TestAnswerOvertakesPrack(t *testing.T) {
	answer := make(chan struct{})
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		_ = c.Ringing()
		<-answer
		answering(ctx, c)
	}, func(cfg *trunk.Config) { cfg.Hurry(50 * time.Millisecond) })
	r := h.raw()
	r.send(r.fill(withSDP(inviteHead+"Require: 100rel\n", offer)))
	rseq, rung := 0, 0
	var text string
	for status(text) != "200" {
		text = r.read(patience)
		if _, value, ok := strings.Cut(text, "RSeq: "); ok {
			before := rseq
			if _, err := fmt.Sscan(value, &rseq); err != nil {
				t.Fatal(err)
			}
			if rung++; rung > 1 && rseq != before {
				t.Errorf("the repetition has number %d, the first %d", rseq, before)
			}
			if rung == 3 {
				close(answer)
			}
		}
	}
	n := r.n
	tag := r.confirm(text, "")
	head := strings.NewReplacer("To: <sip:100@127.0.0.1>", "To: <sip:100@127.0.0.1>;tag="+tag, "1 INVITE", "2 PRACK",
		"{id}", fmt.Sprintf("raw-%d", n)).Replace(cut(inviteHead, "INVITE"))
	r.send(r.fill("PRACK sip:hotline@127.0.0.1 SIP/2.0\n" + head + fmt.Sprintf("RAck: %d 1 INVITE\n\n", rseq)))
	if got := r.answer("CSeq: 2 PRACK", patience); status(got) != "200" {
		t.Errorf("the PRACK is answered\n%s", got)
	}
}

func TestSippKeysByInfo(t *testing.T) {
	keys := make(chan byte, 20)
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
		if err := c.Answer(); err != nil {
			t.Error(err)
			return
		}
		for {
			key, err := c.Audio().Key(ctx)
			if err != nil {
				close(keys)
				return
			}
			keys <- key
		}
	})
	h.sipp("info.xml", "-m", "1")
	var heard []byte
	for key := range keys {
		heard = append(heard, key)
	}
	if string(heard) != "1*#5D" {
		t.Errorf("heard %q, want 1*#5D", heard)
	}
	if strings.Contains(h.log.String(), "Signal") {
		t.Error("keys are in the log")
	}
}
