package desk

import (
	"cmp"
	"context"
	"errors"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/media"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/prompts"
	"hotline/triage"
)

// promptRecorded tells a caller that the call is recorded (F40).
const promptRecorded = "recording.notice"

// promptFarewell is the last that callers hear when the hotline ends their call
// because it has to end itself.
const promptFarewell = "goodbye.restart"

// What pages show of a recording.
const (
	recordingOff    = "off"
	recordingNotice = "notice" // the caller is just being told
	recordingOn     = "on"
	recordingPaused = "paused" // the caller and the agents do not hear each other
)

// tape is what a talk knows of its recording. What is recorded is the caller on
// the left and the agents on the right, while they hear each other: no music,
// no question behind the caller's back, no supervisor, nobody outside, because
// those were not told. Who hears nothing of the caller is not recorded.
type tape struct {
	take     *triage.Take
	recorder *media.Recorder
	began    triage.RecordingPolicy // the policy when this talk began: later it can only become stricter
	policy   triage.RecordingPolicy // now
	asked    string                 // the account that switched the recording on
	paused   bool
	refused  bool               // switched off, or it failed: it does not begin by itself again
	telling  context.CancelFunc // while the caller hears the notice
	told     chan error         // how that went
}

func (t *tape) state() string {
	switch {
	case t.take != nil && t.paused:
		return recordingPaused
	case t.take != nil:
		return recordingOn
	case t.telling != nil:
		return recordingNotice
	}
	return recordingOff
}

// failed is closed when nothing more can be written.
func (t *tape) failed() <-chan struct{} {
	if t.recorder == nil {
		return nil
	}
	return t.recorder.Failed()
}

// recordingPolicy is the policy for a line; nothing is recorded without a place
// for it.
func (d *Desk) recordingPolicy(queue string) triage.RecordingPolicy {
	if d.cfg.Recordings == nil {
		return triage.RecordNever
	}
	return d.cfg.Recordings.Policy(queue)
}

// tellRecorded tells callers of a line that is always recorded, before any
// agent is rung. To those to whom the privacy notice is not read, because every
// second counts, this one is not read either, and they are not recorded.
func (s *story) tellRecorded() {
	if s.told || s.deferred || s.leg == nil || s.d.recordingPolicy(s.goTo.queue) != triage.RecordAlways {
		return
	}
	clip, err := s.d.cfg.Prompts.Clip(s.contact.Language, promptRecorded)
	if err == nil {
		_, err = s.leg.Audio().Play(s.ctx, clip, false)
	}
	if err != nil {
		if s.ctx.Err() == nil {
			s.d.cfg.Log.Error("a caller could not be told about the recording; it is tried again before it begins", "contact", s.contact.ID, "error", err)
		}
		return
	}
	s.noteTold()
}

func (s *story) noteTold() {
	s.told = true
	script := ivr.Script(s.d.cfg.Prompts, s.contact.Language, promptRecorded)
	s.change(func(k *triage.Contact, now time.Time) []events.Event {
		k.AddConsents(triage.Consent{About: triage.ConsentRecording, Answer: "told", How: "told", Language: k.Language, Script: script, At: now})
		return []events.Event{{Kind: "recording.announced", Agent: k.Agent, Queue: k.Queue}}
	})
}

// deferredNotice reports that the dialogue has left the notices to the agent.
func deferredNotice(out ivr.Outcome) bool { return out.Attributes["privacy.notice"] == "deferred" }

// wanted reports whether the talk should be recorded now.
func (t *talk) wanted() bool {
	t.tape.policy = t.tape.began.Stricter(t.d.recordingPolicy(t.contact.Queue))
	if t.conv.isProtected() {
		t.tape.policy = triage.RecordNever
	}
	switch {
	case t.tape.policy == triage.RecordNever, !t.hasAgent():
		return false
	case t.tape.asked != "":
		return true
	}
	return t.tape.policy == triage.RecordAlways && !t.tape.refused && !t.deferred
}

// hasAgent reports that one of our own is on the call, supervisors who listen
// or join not counted.
func (t *talk) hasAgent() bool {
	for _, p := range t.others {
		if p.seat != nil {
			return true
		}
	}
	return t.seat != nil
}

// record makes the recording what it should be now. agent is the sound of the
// lead agent, nil while it has none; callerIn says that the caller hears the
// others.
func (t *talk) record(now time.Time, agent *media.Endpoint, callerIn bool) {
	before, policy := t.tape.state(), t.tape.policy
	switch want := t.wanted(); {
	case !want:
		t.hush()
		t.endTake(false)
	case t.tape.take != nil || t.tape.telling != nil:
	case t.told && t.tape.asked == "":
		t.beginTake("rule")
	default:
		t.tell()
	}
	t.tapeWho(now, agent, callerIn)
	if before != t.tape.state() || policy != t.tape.policy {
		t.touchAll()
	}
}

// tapeWho chooses whose sound is recorded.
func (t *talk) tapeWho(now time.Time, agent *media.Endpoint, callerIn bool) {
	if t.tape.recorder == nil {
		return
	}
	var agents []*media.Endpoint
	if callerIn && agent != nil {
		agents = append(agents, agent)
	}
	for _, p := range t.others {
		if p.seat == nil || !callerIn {
			continue
		}
		if sound := p.audio(now); sound != nil {
			agents = append(agents, sound)
		}
	}
	t.tape.paused = len(agents) == 0
	t.tape.recorder.Right(agents...)
	if len(agents) > 0 {
		t.tape.recorder.Left(t.leg.Audio())
	} else {
		t.tape.recorder.Left()
	}
}

// tell lets the caller hear the notice in the middle of a talk; told says how
// that went.
func (t *talk) tell() {
	clip, err := t.d.cfg.Prompts.Clip(t.contact.Language, promptRecorded)
	if err != nil {
		t.d.cfg.Log.Error("the notice about recording is missing; nothing is recorded", "language", t.contact.Language, "error", err)
		t.refuse("The caller could not be told about the recording, so this call is not recorded. Tell your coordinator.")
		return
	}
	ctx, stop := context.WithCancel(t.all)
	t.tape.telling = stop
	caller := t.leg.Audio()
	t.helpers.Go(func() {
		err := t.d.attempt("the notice about recording", func() error {
			_, err := caller.Play(ctx, clip, false)
			return cmp.Or(err, ctx.Err())
		})
		t.tape.told <- err // has room: one notice at a time
	})
}

// hush stops the notice.
func (t *talk) hush() {
	if t.tape.telling != nil {
		t.tape.telling()
	}
}

// wasTold begins the recording after the notice.
func (t *talk) wasTold(err error) {
	t.tape.telling()
	t.tape.telling = nil
	if !t.wanted() {
		return
	}
	if errors.Is(err, context.Canceled) {
		return // switched off and on again: once more from the beginning
	}
	if err != nil {
		t.d.cfg.Log.Warn("a caller could not be told about the recording; nothing is recorded", "contact", t.contact.ID, "error", err)
		t.refuse("The caller could not be told about the recording, so this call is not recorded.")
		return
	}
	t.noteTold()
	why := "rule"
	if t.tape.asked != "" {
		why = t.tape.asked
		t.beep()
	}
	t.beginTake(why)
}

// beep tells the agent that from now on it counts.
func (t *talk) beep() {
	if t.seat == nil {
		return
	}
	sound := t.seat.sound(time.Now())
	clip, err := t.d.cfg.Prompts.Clip(prompts.Neutral, prompts.Beep)
	if sound == nil || err != nil {
		return // the page shows it in any case
	}
	t.helpers.Go(func() { _, _ = sound.Play(t.all, clip, false) })
}

func (t *talk) beginTake(why string) {
	take, err := t.d.cfg.Recordings.Begin(context.WithoutCancel(t.ctx), t.contact.ID, why)
	switch {
	case err == nil:
		t.tape.take, t.tape.recorder = take, media.NewRecorder(take)
	case errors.Is(err, triage.ErrProtected):
		t.tape.asked, t.tape.refused = "", true
	case errors.Is(err, store.ErrNoRoom):
		t.d.cfg.Log.Error("the disk is too full for recordings; calls go on without", "contact", t.contact.ID, "error", err)
		t.refuse("The disk is full: this call is not recorded. Tell your coordinator.")
	default:
		t.d.cfg.Log.Error("a recording could not be begun; the call goes on without", "contact", t.contact.ID, "error", err)
		t.refuse("This call could not be recorded. Tell your coordinator.")
	}
}

// refuse gives up recording this talk, with a word to the agent.
func (t *talk) refuse(why UserError) {
	t.tape.asked, t.tape.refused = "", true
	if t.seat != nil {
		t.seat.complain("record", why)
	}
}

// endTake ends the recording that runs. What is left is put on disk beside the
// call, which does not wait for it.
func (t *talk) endTake(cut bool) {
	take, recorder := t.tape.take, t.tape.recorder
	if take == nil {
		return
	}
	t.tape.take, t.tape.recorder = nil, nil
	contact, ctx := t.contact.ID, context.WithoutCancel(t.ctx)
	t.d.begin("the end of a recording", func() {
		_, err := recorder.Stop()
		if err != nil {
			t.d.cfg.Log.Error("a recording broke off; the call goes on without", "contact", contact, "error", err)
		}
		if err := take.End(ctx, cut || err != nil); err != nil {
			t.d.cfg.Log.Error("a recording could not be finished; it is tried again at the next start", "contact", contact, "error", err)
		}
	}, nil)
}

// tapeFailed ends a recording that cannot go on, because the disk is full for
// instance. The caller notices nothing.
func (t *talk) tapeFailed() {
	t.endTake(true)
	t.refuse("The recording has stopped: the disk is full or broken. The call goes on. Tell your coordinator.")
}

// switchTape is the agent's button (D38). On a line that is always recorded it
// is there for callers who do not want it.
func (t *talk) switchTape(on bool) error {
	t.wanted() // for the policy
	if t.tape.policy == triage.RecordNever {
		if t.conv.isProtected() {
			return UserError("This call is protected. It is not recorded.")
		}
		return UserError("Calls of this line are not recorded.")
	}
	kind := "recording.switched_off"
	t.tape.asked, t.tape.refused = "", true
	if on {
		kind, t.tape.asked = "recording.switched_on", t.seat.id()
	}
	who := t.seat.id()
	t.change(func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: kind, By: who, Via: "web", Agent: who, Queue: k.Queue}}
	})
	return nil
}

// isProtected reports that the call is not recorded: it is protected, or about a
// child that is alone.
func (c *conversation) isProtected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.protected || c.file != nil && c.file.Fields.ChildAlone
}
