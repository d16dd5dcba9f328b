package supervise

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Names of the actions of the supervisor line, as flows write them. All need
// account.id, which only the proof by number and PIN sets.
const (
	ActionState         = "room.state"
	ActionModeApply     = "mode.apply"
	ActionModeClear     = "mode.clear"
	ActionBulletinDraft = "bulletin.publish"
	ActionQueueRead     = "queue.read"
	ActionQueueSet      = "queue.set"
	ActionCallOutCount  = "callout.count"
	ActionCallOutStart  = "callout.start"
	ActionUndoRead      = "undo.read"
	ActionUndoApply     = "undo.apply"
	ActionProofCode     = "proof.code"
	ActionProofBack     = "proof.callback"
	ActionProofConfirm  = "proof.confirm"
)

// Results that several actions share.
const (
	resultOK    = "ok"
	resultNone  = "none"
	resultProof = "proof" // a second proof is needed first
)

// commitFor is how long a change that was confirmed may take to be stored after
// the supervisor hung up.
const commitFor = 10 * time.Second

// Actions are the actions of the supervisor line.
func (c *Commands) Actions() map[string]ivr.Action {
	actions := map[string]ivr.Action{
		ActionState: c.readState, ActionModeApply: c.applyMode, ActionModeClear: c.clearMode,
		ActionBulletinDraft: c.publishBulletin, ActionQueueRead: c.readQueue, ActionQueueSet: c.applyQueue,
		ActionCallOutCount: c.countCallOut, ActionCallOutStart: c.startCallOut,
		ActionUndoRead: c.readUndo, ActionUndoApply: c.applyUndo,
		ActionProofCode: c.proveByCode, ActionProofBack: c.proveByCallBack,
	}
	for name, action := range actions {
		actions[name] = authenticated(action)
	}
	actions[ActionProofConfirm] = c.proveByAnswering // on the call-back, by the id of the change
	return actions
}

// Results are what the actions of the supervisor line answer, by name.
func Results() map[string][]string {
	return map[string][]string{
		ActionState:         {resultOK},
		ActionModeApply:     {resultOK, resultProof},
		ActionModeClear:     {resultOK},
		ActionBulletinDraft: {resultOK, "full", "not_offered"},
		ActionQueueRead:     {"open", "closed", resultNone},
		ActionQueueSet:      {resultOK, resultProof},
		ActionCallOutCount:  {resultOK, resultNone, "no_line", "running"},
		ActionCallOutStart:  {resultOK, resultNone, "no_line", "running"},
		ActionUndoRead:      {resultOK, resultNone},
		ActionUndoApply:     {resultOK, resultNone},
		ActionProofCode:     {resultOK, "denied"},
		ActionProofBack:     {resultOK, "no_line"},
		ActionProofConfirm:  {resultOK, "late"},
	}
}

var errNobody = errors.New("this needs an authenticated caller")

// authenticated refuses a caller who has not proved who it is, and lets a
// change that was asked for be finished although the caller hangs up in that
// moment.
func authenticated(action ivr.Action) ivr.Action {
	return func(ctx context.Context, s *ivr.Session) (string, error) {
		if s.Get(ivr.AttributeAccountID) == "" {
			return "", errNobody
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
		defer cancel()
		return action(ctx, s)
	}
}

func whoCalls(s *ivr.Session) Who {
	return Who{ID: s.Get(ivr.AttributeAccountID), Name: s.Get(ivr.AttributeAccountName), Via: "phone"}
}

// proved is the key under which a session holds that a second proof was given.
type proved struct{}

// readState is the action room.state. Results: "ok". Sets room.waiting,
// room.longest (minutes, rounded up), room.why (of who waits longest), room.ready, room.agents, room.closed (the
// closed queues), bulletins.playing, bulletins.overdue, and callout.coming when
// people were called in within the last hours.
func (c *Commands) readState(_ context.Context, s *ivr.Session) (string, error) {
	now := time.Now()
	state := c.State(now)
	longest, closed := time.Duration(0), []string{}
	waiting := 0
	for _, q := range state.Queues {
		waiting += q.Waiting
		longest = max(longest, q.Longest)
		if q.Closed {
			closed = append(closed, q.ID)
		}
	}
	s.Set("room.why", string(c.longestWhy()))
	s.Set("room.waiting", strconv.Itoa(waiting))
	s.Set("room.longest", strconv.Itoa(int((longest+time.Minute-1)/time.Minute)))
	s.Set("room.ready", strconv.Itoa(state.Help.Ready))
	s.Set("room.agents", strconv.Itoa(state.Help.Agents))
	s.Set("room.closed", strings.Join(closed, ","))
	s.Set("bulletins.playing", strconv.Itoa(state.Playing))
	s.Set("bulletins.overdue", strconv.Itoa(len(state.Overdue)))
	s.Set("bulletins.warn", yes(len(state.Overdue) > 0))
	s.Set("callout.coming", "")
	if out := state.CallOut; !out.Began.IsZero() && now.Sub(out.Began) < calloutTold {
		s.Set("callout.coming", strconv.Itoa(out.Count(Coming)))
	}
	s.Set("callout.told", yes(s.Get("callout.coming") != ""))
	return resultOK, nil
}

// longestWhy is why the caller waits who has waited longest; "" when nobody
// does.
func (c *Commands) longestWhy() (why triage.Reason) {
	var since time.Time
	_, waiting := c.cfg.Dispatcher.View()
	for _, w := range waiting {
		if !w.Away && w.Only == "" && (since.IsZero() || w.Since.Before(since)) {
			since, why = w.Since, w.Why.Reason
		}
	}
	return why
}

// calloutTold is how long the result of a call-out is part of the state.
const calloutTold = 3 * time.Hour

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// announcementPrefix begins the names of recordings that mode.apply takes:
// "announcement" for everybody, "announcement.es" for callers in Spanish.
const announcementPrefix = "announcement"

// change reads what the caller has chosen.
func (c *Commands) change(s *ivr.Session) (mode.Change, error) {
	change := mode.Change{Mode: s.Get("mode.wanted"), Announcement: s.Recording(announcementPrefix), Announcements: map[string]*audio.Clip{}}
	for name, clip := range s.Recordings() {
		if language, ok := strings.CutPrefix(name, announcementPrefix+"."); ok {
			change.Announcements[language] = clip
		}
	}
	long, err := hours(s, "mode.for")
	change.For = long
	if change.Mode == mode.Redirect {
		change.Partner = partner(s.Get("mode.partner_wanted"))
		if keyed := s.Get("mode.partner_wanted"); keyed == "" {
			change.Partner = c.cfg.Mode.Current(time.Now()).Partner // a new announcement for the mode that is on
		}
	}
	return change, err
}

// partner reads a number keyed with its country code, without the plus sign.
func partner(keyed string) call.Number {
	keyed = strings.TrimPrefix(keyed, "00")
	if keyed == "" {
		return ""
	}
	return call.ParseNumber("+"+keyed, "")
}

func hours(s *ivr.Session, attribute string) (time.Duration, error) {
	text := s.Get(attribute)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("the hours must be a number from 1 on")
	}
	return time.Duration(n) * time.Hour, nil
}

// applyMode is the action mode.apply: it switches on the mode in mode.wanted
// for mode.for hours (12 without), with the recordings "announcement" and
// "announcement.<language>" where the caller made some, and mode.partner_wanted
// for a partner's number.
//
// Results: "ok", or "proof". The recordings are dropped afterwards.
func (c *Commands) applyMode(ctx context.Context, s *ivr.Session) (string, error) {
	change, err := c.change(s)
	if err != nil {
		return "", err
	}
	if change.Grave() && s.Held(proved{}) == nil {
		return resultProof, nil
	}
	if _, err := c.SetMode(ctx, whoCalls(s), change); err != nil {
		return "", err
	}
	for name := range s.Recordings() {
		if name == announcementPrefix || strings.HasPrefix(name, announcementPrefix+".") {
			s.ForgetRecording(name)
		}
	}
	return resultOK, nil
}

// clearMode is the action mode.clear: back to normal. Results: "ok".
func (c *Commands) clearMode(ctx context.Context, s *ivr.Session) (string, error) {
	_, err := c.SetMode(ctx, whoCalls(s), mode.Change{Mode: mode.Normal})
	return resultOK, err
}

// publishBulletin is the action bulletin.publish: the recording "bulletin" for
// callers in bulletin.language, for bulletin.for hours (6 without). Results:
// "ok", "full" when there are too many in that language, or "not_offered" when
// callers are not offered it. The recording is dropped afterwards.
func (c *Commands) publishBulletin(ctx context.Context, s *ivr.Session) (string, error) {
	long, err := hours(s, "bulletin.for")
	if err != nil {
		return "", err
	}
	sound := s.Recording("bulletin")
	if sound == nil {
		return "", errors.New("there is no recording of a bulletin")
	}
	_, err = c.Publish(ctx, whoCalls(s), bulletins.Draft{Language: s.Get("bulletin.language"), Sound: sound, For: long})
	switch {
	case errors.Is(err, bulletins.ErrTooMany):
		return "full", nil
	case errors.Is(err, bulletins.ErrLanguage):
		return "not_offered", nil
	}
	if err != nil {
		return "", err
	}
	s.ForgetRecording("bulletin")
	return resultOK, nil
}

// readQueue is the action queue.read. Results: "open" or "closed", of the queue
// in queue.wanted, and "none" when there is no such queue.
func (c *Commands) readQueue(_ context.Context, s *ivr.Session) (string, error) {
	queue := s.Get("queue.wanted")
	switch {
	case !slices.Contains(c.cfg.Closures.Queues(), queue):
		return resultNone, nil
	case c.cfg.Closures.Closed(queue):
		return "closed", nil
	}
	return "open", nil
}

// applyQueue is the action queue.set: it opens or closes the queue in
// queue.wanted, as queue.to says. Results: "ok", or "proof": closing is grave.
func (c *Commands) applyQueue(ctx context.Context, s *ivr.Session) (string, error) {
	queue, closed := s.Get("queue.wanted"), s.Get("queue.to") == "closed"
	if closed && s.Held(proved{}) == nil {
		return resultProof, nil
	}
	return resultOK, c.setQueue(ctx, whoCalls(s), queue, closed)
}

// countCallOut is the action callout.count. Results: "ok" with callout.people,
// "none", "no_line", or "running".
func (c *Commands) countCallOut(_ context.Context, s *ivr.Session) (string, error) {
	people, err := c.Reachable(whoCalls(s))
	if err == nil && c.CallOutState().Running {
		err = ErrRunning
	}
	s.Set("callout.people", strconv.Itoa(len(people)))
	return callOutResult(err)
}

// startCallOut is the action callout.start. Results as of callout.count.
func (c *Commands) startCallOut(ctx context.Context, s *ivr.Session) (string, error) {
	_, err := c.CallOut(ctx, whoCalls(s))
	return callOutResult(err)
}

func callOutResult(err error) (string, error) {
	switch {
	case err == nil:
		return resultOK, nil
	case errors.Is(err, ErrNobody):
		return resultNone, nil
	case errors.Is(err, ErrNoLine):
		return "no_line", nil
	case errors.Is(err, ErrRunning):
		return "running", nil
	}
	return "", err
}

// readUndo is the action undo.read. Results: "ok" with undo.what (mode,
// bulletin, queue or callout), or "none".
func (c *Commands) readUndo(_ context.Context, s *ivr.Session) (string, error) {
	what := c.Undoable(time.Now()).What
	s.Set("undo.what", what)
	if what == "" {
		return resultNone, nil
	}
	return resultOK, nil
}

// applyUndo is the action undo.apply. Results: "ok", or "none" when the five
// minutes are over or somebody else was faster.
func (c *Commands) applyUndo(ctx context.Context, s *ivr.Session) (string, error) {
	if c.Undoable(time.Now()).What != s.Get("undo.what") {
		return resultNone, nil // not the change that was read back
	}
	_, err := c.Undo(ctx, whoCalls(s))
	if errors.Is(err, ErrNothingToUndo) {
		return resultNone, nil
	}
	return resultOK, err
}

// proveByCode is the action proof.code: the second proof is a paper code, keyed
// into the sensitive step code. Results: "ok" or "denied".
func (c *Commands) proveByCode(ctx context.Context, s *ivr.Session) (string, error) {
	err := c.cfg.Accounts.UseCode(ctx, s.Get(ivr.AttributeAccountID), s.Get("code"), "phone")
	if errors.Is(err, roster.ErrCode) {
		return "denied", nil
	}
	if err != nil {
		return "", err
	}
	s.Hold(proved{}, true)
	return resultOK, nil
}

// proveByCallBack is the action proof.callback: the change that attribute
// command names (mode or queue) is prepared, and the hotline calls the number on
// file. Results: "ok", or "no_line".
func (c *Commands) proveByCallBack(_ context.Context, s *ivr.Session) (string, error) {
	who := whoCalls(s)
	said := map[string]string{"command": s.Get("command")}
	var do func(context.Context, Who) error
	switch s.Get("command") {
	case "mode":
		change, err := c.change(s)
		if err != nil {
			return "", err
		}
		for _, name := range []string{"mode.wanted", "mode.for", "mode.partner_wanted"} {
			said[name] = s.Get(name)
		}
		do = func(ctx context.Context, who Who) error { _, err := c.SetMode(ctx, who, change); return err }
	case "queue":
		queue, closed := s.Get("queue.wanted"), s.Get("queue.to") == "closed"
		maps.Copy(said, map[string]string{"queue.wanted": queue, "queue.to": s.Get("queue.to")})
		do = func(ctx context.Context, who Who) error { return c.setQueue(ctx, who, queue, closed) }
	default:
		return "", errors.New("there is no change that a call-back could confirm")
	}
	err := c.Prepare(who, s.Language(), said, do)
	if errors.Is(err, ErrNoLine) {
		return "no_line", nil
	}
	return resultOK, err
}

// proveByAnswering is the action proof.confirm of the call-back: it carries out
// the change that pending.id names, once. Results: "ok", or "late".
func (c *Commands) proveByAnswering(ctx context.Context, s *ivr.Session) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer cancel()
	err := c.confirm(ctx, s.Get(attributePending))
	if errors.Is(err, errTooLate) {
		return "late", nil
	}
	return resultOK, err
}
