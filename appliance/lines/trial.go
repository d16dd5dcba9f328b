package lines

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
)

// Outcome is what came of a test call, or of a step of one.
type Outcome string

// Steps of a test call, in their order.
const (
	StepReached  = "reached"  // the other side has taken the call
	StepRang     = "rang"     // a telephone rings
	StepAnswered = "answered" // somebody has picked up
	StepSound    = "sound"    // sound comes back
	StepKey      = "key"      // a key that was pressed there arrives
)

// Steps are all steps.
func Steps() []string { return []string{StepReached, StepRang, StepAnswered, StepSound, StepKey} }

// What came of a test call.
const (
	Good        = Outcome("good")        // heard, and a key arrived
	NoKey       = Outcome("no_key")      // answered and sound came, but no key
	OneWay      = Outcome("one_way")     // answered, and no sound comes
	Quiet       = Outcome("quiet")       // answered, and nothing but silence comes
	HungUp      = Outcome("hung_up")     // before the sentence was over
	Forbidden   = Outcome("forbidden")   // our own rules
	Password    = Outcome("password")    // 401, 407
	Refused     = Outcome("refused")     // 403
	NoNumber    = Outcome("no_number")   // 404, 410, 484, 604
	NoCodec     = Outcome("no_codec")    // 415, 488, 606
	Busy        = Outcome("busy")        // 486, 600
	NotAnswered = Outcome("no_answer")   // it rang
	Away        = Outcome("away")        // 480
	Declined    = Outcome("declined")    // 603
	Overloaded  = Outcome("overloaded")  // 500, 502, 503, 504
	Silent      = Outcome("silent")      // nothing came back at all
	Certificate = Outcome("certificate") // of TLS
	NotFound    = Outcome("not_found")   // the name of the server
	Full        = Outcome("full")        // no channel is free
	Stopped     = Outcome("stopped")     // the hotline stops
	Other       = Outcome("other")       // Trial.Reason says it
)

// Outcomes are all of them, for texts.
func Outcomes() []Outcome {
	return []Outcome{Good, NoKey, OneWay, Quiet, HungUp, Forbidden, Password, Refused, NoNumber, NoCodec, Busy, NotAnswered, Away, Declined, Overloaded, Silent, Certificate, NotFound, Full, Stopped, Other}
}

// Trial is a test call.
type Trial struct {
	Line    string
	To      call.Number
	Begun   time.Time
	Running bool
	Steps   []string // that it has got through
	Outcome Outcome  // when it is over
	Status  int      // of SIP, where it was refused; 0 where none was sent
	Reason  string   // the sentence that came with it
}

// Got reports that the call got through a step.
func (t Trial) Got(step string) bool { return slices.Contains(t.Steps, step) }

// TrialConfig is what test calls need.
type TrialConfig struct {
	Dial func(context.Context, trunk.Outgoing) (*trunk.Call, error)
	Role string // by which the rules allow a number
	// Clip is what is said: Hello asks for a key, Bye thanks for it.
	Clip func(language, prompt string) (*audio.Clip, error)
	Book *Book // notes that there was one; nil: nobody does
	Log  *slog.Logger

	patience time.Duration // for a key; tests shorten it
}

// What is said in a test call.
const (
	PromptHello = "supervisor.line_test.hello"
	PromptBye   = "supervisor.line_test.bye"
)

const (
	ringFor     = 40 * time.Second
	keyPatience = 10 * time.Second
	longest     = 2 * time.Minute // from the first digit to the end
)

// ErrRunning says that there is a test call already.
var ErrRunning = errors.New("a test call is running; it ends by itself within two minutes")

// Trials makes test calls, one at a time.
type Trials struct {
	cfg  TrialConfig
	jobs chan job

	mu  sync.Mutex
	now Trial
	any bool
	end chan struct{} // closed when now is over
}

type job struct {
	trial        Trial
	language, by string
}

// NewTrials prepares test calls; Run makes them.
func NewTrials(cfg TrialConfig) *Trials {
	if cfg.patience == 0 {
		cfg.patience = keyPatience
	}
	return &Trials{cfg: cfg, jobs: make(chan job, 1)}
}

// Last is the test call that runs or was the last, not ok when there was none
// since the start.
func (t *Trials) Last() (Trial, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.now
	out.Steps = slices.Clone(out.Steps)
	return out, t.any
}

// Over is closed when the test call that runs, if one does, is over.
func (t *Trials) Over() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.any && t.now.Running {
		return t.end
	}
	over := make(chan struct{})
	close(over)
	return over
}

// Start begins a test call over a line; Last follows it.
func (t *Trials) Start(line string, to call.Number, language, by string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.any && t.now.Running {
		return ErrRunning
	}
	t.now, t.any = Trial{Line: line, To: to, Begun: time.Now(), Running: true}, true
	t.end = make(chan struct{})
	t.jobs <- job{t.now, language, by} // there is room: the one before is over
	return nil
}

// Run makes the calls until ctx ends, and ends the one that runs then.
func (t *Trials) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-t.jobs:
			t.one(ctx, j)
		}
	}
}

func (t *Trials) one(ctx context.Context, j job) {
	limited, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	outcome, status, reason := t.call(limited, j)
	if ctx.Err() != nil {
		outcome = Stopped
	}
	if t.cfg.Book != nil {
		if err := t.cfg.Book.Tested(context.WithoutCancel(ctx), j.trial.Line, string(outcome), j.by); err != nil {
			t.cfg.Log.Error("that a line was tried could not be written down", "error", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Running, t.now.Outcome, t.now.Status, t.now.Reason = false, outcome, status, reason
	close(t.end)
}

func (t *Trials) got(steps ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, step := range steps {
		if !slices.Contains(t.now.Steps, step) {
			t.now.Steps = append(t.now.Steps, step)
		}
	}
}

func (t *Trials) call(ctx context.Context, j job) (outcome Outcome, status int, reason string) {
	leg, err := t.cfg.Dial(ctx, trunk.Outgoing{To: j.trial.To, Role: t.cfg.Role, Lines: []string{j.trial.Line}, RingFor: ringFor,
		Progress: func(*trunk.Call, int) { t.got(StepReached, StepRang) }})
	if err != nil {
		outcome, status, reason = Diagnose(err)
		if status != 0 && !slices.Contains([]Outcome{Silent, Forbidden, NotFound, Certificate}, outcome) {
			t.got(StepReached) // it has said no
		}
		return outcome, status, reason
	}
	t.got(StepReached, StepRang, StepAnswered)
	over := call.Cause{By: call.BySystem, Reason: "the test call is over"}
	defer leg.Hangup(over)
	defer context.AfterFunc(ctx, func() { leg.Hangup(over) })()
	outcome = t.talk(ctx, leg, j.language)
	if cause := call.CauseOf(leg.Context()); outcome == HungUp && cause.Reason != "" {
		reason = cause.Reason
	}
	return outcome, 0, reason
}

// talk says what call this is, asks for a key, and listens.
func (t *Trials) talk(ctx context.Context, leg *trunk.Call, language string) Outcome {
	sound := leg.Audio()
	defer sound.Attend()() // a short "hello" counts, too
	asked := 0
	for range 2 { // whoever picks up may still be saying a name
		if err := t.say(leg.Context(), sound, language, PromptHello); err != nil {
			break
		}
		asked++
		waiting, cancel := context.WithTimeout(leg.Context(), t.cfg.patience)
		_, err := sound.Key(waiting)
		cancel()
		t.listen(sound)
		if err == nil {
			t.got(StepKey)
			break
		}
	}
	t.listen(sound)
	now, _ := t.Last()
	gone := leg.Context().Err() != nil && ctx.Err() == nil
	switch stats := sound.Stats(); {
	case now.Got(StepKey):
		_ = t.say(leg.Context(), sound, language, PromptBye) // whoever hangs up first has heard enough
		t.listen(sound)                                      // a key may come before the first word
		if now, _ = t.Last(); now.Got(StepSound) {
			return Good
		}
		return Quiet
	case gone && asked < 2: // after the second time nobody waits any more who hears nothing
		return HungUp
	case stats.PacketsIn == 0:
		return OneWay
	case !now.Got(StepSound):
		return Quiet
	case gone:
		return HungUp
	}
	return NoKey
}

// listen notes that sound has come.
func (t *Trials) listen(sound *media.Endpoint) {
	if s := sound.Stats(); s.PacketsIn > 0 && !s.Silent {
		t.got(StepSound)
	}
}

func (t *Trials) say(ctx context.Context, sound *media.Endpoint, language, prompt string) error {
	clip, err := t.cfg.Clip(language, prompt)
	if err != nil {
		t.cfg.Log.Error("a sentence of the test call cannot be said", "prompt", prompt, "error", err)
		clip = audio.Tone(440, 2*time.Second, -12) // something has to be heard
	}
	_, err = sound.Play(ctx, clip, true)
	return err
}

// Diagnose says in a word why a call was not answered, with the status and the
// sentence that came with it.
func Diagnose(err error) (outcome Outcome, status int, reason string) {
	var dial *trunk.DialError
	if !errors.As(err, &dial) {
		return Other, 0, err.Error()
	}
	return diagnosis(dial), dial.Status, dial.Reason
}

func diagnosis(e *trunk.DialError) Outcome {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(e, &untrusted):
		return Certificate
	case e.Status == 403 && e.Line == "":
		return Forbidden
	case e.NoAnswer() && e.Rang:
		return NotAnswered
	case e.Q850 == 27: // ITU-T Q.850: destination out of order, here a name without an address
		return NotFound
	case e.Q850 == 38: // network out of order: no connection
		return Silent
	case e.Status == 0 && e.Q850 == 34, e.Status == 503 && (e.Q850 == 42 || e.Q850 == 47) && e.Unwrap() != nil:
		return Full
	}
	switch e.Status {
	case 401, 407:
		return Password
	case 403:
		return Refused
	case 404, 410, 484, 604:
		return NoNumber
	case 415, 488, 606:
		return NoCodec
	case 486, 600:
		return Busy
	case 480:
		return Away
	case 603:
		return Declined
	case 500, 502, 503, 504:
		return Overloaded
	case 408:
		return Silent
	}
	return Other
}
