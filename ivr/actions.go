package ivr

import (
	"context"
	"strconv"
	"time"

	"hotline/ivr/mode"
)

// Names of the actions and announcements of this package, as flows write them.
const (
	ActionModeRead       = "mode.read"
	ActionBulletinsList  = "bulletins.list"
	ActionRegistrantSave = "registrant.save"

	announcementMode      = "mode"
	announcementBulletins = "bulletins"
)

// Results are what the actions of this package answer, by name. The checker
// wants a way on from each.
func Results() map[string][]string {
	return map[string][]string{
		ActionModeRead:       {mode.Normal, mode.Emergency, mode.Announcement, mode.CallBacks, mode.Closed, mode.Redirect},
		ActionBulletinsList:  {"ok", "none"},
		ActionRegistrantSave: {"ok", "refused"},

		ActionPromptsAdded: {"ok", "none"},
		ActionPromptsNext:  {"prompt", "part", "done"},
		ActionPromptsPart:  {"ok"},
		ActionPromptsKeep:  {"ok", "quiet"},
		ActionPromptsSkip:  {"ok"},

		ActionCaseOpen: {string(CodeOpened), "typing", string(CodeWrong), string(CodeClosed)},

		ActionShiftWho:     {"first", "pin"},
		ActionShiftProve:   {"ok", "denied"},
		ActionShiftBegin:   {"ok", "already"},
		ActionShiftEnd:     {"ok", "none"},
		ActionShiftChoose:  {"ok", "weak"},
		ActionShiftConfirm: {"ok", "differs"},

		ActionRegistrantRead:   {"ok"},
		ActionRegistrantReport: {"ok", "refused"},
	}
}

// Attributes that actions of this package read. The host sets the account's
// when it has authenticated the caller, and contact.id before the call.
const (
	AttributeAccountID   = "account.id"
	AttributeAccountName = "account.name"
	AttributeContactID   = "contact.id"
)

// commitFor is how long a change that the caller confirmed may take to be
// stored after the caller hung up.
const commitFor = 10 * time.Second

// ModeRead is the action mode.read: how the hotline works as of now, from
// memory.
//
// Results: "normal", "emergency", "announcement", "callbacks", "closed" and
// "redirect". The modes that hold the load ladder (calm, busy, surge) are
// "normal" to a flow, and so is a ladder that moved there by itself; one that
// has reached its last rung is "closed". Sets
//
//   - mode.current: the result
//   - mode.hours: until it ends, rounded up, where a supervisor has set it
//   - mode.rung: calm, busy, surge or closed
//   - mode.greeting: full or short
//   - mode.bulletins: first, or menu (heard by those who ask)
//   - mode.offer_callback: yes or no, before a caller waits
//   - mode.volunteers: person, or keypad (nobody may be asked for)
//   - mode.overflow: yes or no, other lines help
//   - mode.voicemail: yes or no, a message and a promise instead of waiting
//   - mode.wait_minutes: expected now, rounded up; none when it cannot be told
//   - mode.partner: the number to which callers are sent, of redirect
//   - mode.announcement: yes or none; {announcement: mode} is its sound in the
//     caller's language
//   - mode.same: yes when an earlier mode.read of the call gave the same sound
//     (or none, in the same language)
func ModeRead(m *mode.Switch) Action {
	return func(_ context.Context, s *Session) (string, error) {
		now := time.Now()
		state := m.Current(now)
		clip := state.AnnouncementFor(s.Language())
		same := s.spoken[announcementMode] == clip && (clip != nil || s.Get("mode.language") == s.Language())
		s.Set("mode.language", s.Language())
		s.Announce(announcementMode, clip)
		s.Set("mode.current", treatment(state))
		s.Set("mode.same", yes(same))
		s.Set("mode.announcement", "none")
		s.Set("mode.hours", "")
		if clip != nil {
			s.Set("mode.announcement", "yes")
		}
		if state.Active {
			left := state.Expires.Sub(now)
			s.Set("mode.hours", strconv.Itoa(int((left+time.Hour-1)/time.Hour)))
		}
		s.Set("mode.partner", string(state.Partner))
		setService(s, state)
		return treatment(state), nil
	}
}

// treatment is what callers get, as flows tell it apart.
func treatment(state mode.State) string {
	switch state.Mode {
	case mode.Normal, mode.Calm, mode.Busy, mode.Surge:
		if state.Service().Promise {
			return mode.Closed
		}
		return mode.Normal
	}
	return state.Mode
}

func setService(s *Session, state mode.State) {
	service := state.Service()
	choose := func(name string, on bool, with, without string) {
		if on {
			without = with
		}
		s.Set(name, without)
	}
	s.Set("mode.rung", state.Rung.String())
	choose("mode.greeting", service.ShortGreeting, "short", "full")
	choose("mode.bulletins", service.BulletinsFirst, "first", "menu")
	choose("mode.volunteers", service.KeypadOnly, "keypad", "person")
	s.Set("mode.offer_callback", yes(service.OfferCallBack))
	s.Set("mode.overflow", yes(service.Overflow))
	s.Set("mode.voicemail", yes(service.Promise))
	s.Set("mode.wait_minutes", "")
	if wait := state.Load.Wait; wait > 0 {
		s.Set("mode.wait_minutes", strconv.Itoa(int((wait+time.Minute-1)/time.Minute)))
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// RegistrantSave is the action registrant.save. It hands the call's attributes
// and recordings (µ-law) to save and keeps the spoken code in registrant.code.
//
// Results: "ok", or "refused" when the caller did not agree to be registered.
func RegistrantSave(save func(ctx context.Context, answers map[string]string, recordings map[string][]byte) (code string, err error)) Action {
	return func(ctx context.Context, s *Session) (string, error) {
		if s.Get("consent") != "yes" {
			return "refused", nil
		}
		ctx, cancel := outlive(ctx)
		defer cancel()
		recordings := map[string][]byte{}
		for name, clip := range s.Recordings() {
			recordings[name] = clip.MuLaw()
		}
		code, err := save(ctx, s.Attributes(), recordings)
		if err != nil {
			return "", err
		}
		s.Set("registrant.code", code)
		return "ok", nil
	}
}

// outlive lets a change that was asked for be finished although the caller
// hangs up at that moment.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), commitFor)
}
