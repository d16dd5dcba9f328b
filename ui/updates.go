package ui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/ui/page"
)

// Updates replaces the system of the appliance's own image by a signed file. Nil
// in the configuration on any other machine. Errors are sentences.
type Updates interface {
	Look(context.Context) (UpdateState, error)
	// Install takes an update while it arrives; the running system stays.
	Install(context.Context, io.Reader) (UpdateState, error)
	// Restart starts the machine anew, when the calls that run have ended. New ones
	// are not taken.
	Restart(context.Context) error
	// Plan restarts it as soon as nobody has been on the line for a minute; until
	// then calls are taken as always.
	Plan(ctx context.Context, by string) error
	// CallOff ends what is planned; false: nothing was, any more.
	CallOff(ctx context.Context, by string) (bool, error)
	Planned() RestartPlan
}

// RestartPlan is a restart that waits for a quiet minute.
type RestartPlan struct {
	At    time.Time // since when it is planned; zero: none is
	By    string    // account
	Calls int       // on the line now
	Quiet bool      // now

	// Of the last one, where it ended without a restart and without anybody's doing.
	Ended  time.Time
	Failed string // why the machine did not restart; "": no minute was quiet for a day
}

// UpdateState is how the systems of the machine are.
type UpdateState struct {
	Version uint64 // of the system that runs
	Takes   bool   // updates at all
	Waiting uint64 // version of the update that the next start tries; 0: none
	Failed  uint64 // of the last update, when the machine has gone back from it
}

const (
	updatePath = "/admin/system/update"
	// maxUpdate is far more than a slot holds; how much that is, the part that
	// writes it knows and says.
	maxUpdate = 512 << 20
	updateFor = 2 * time.Hour // over a slow network
)

// updateOf is what the page of the machine says about updates.
func (s *Server) updateOf(r *http.Request) page.Update {
	if s.cfg.Updates == nil {
		return page.Update{}
	}
	u := page.Update{Image: true, Plan: s.restartPlan()}
	state, err := s.cfg.Updates.Look(r.Context())
	if err != nil {
		s.cfg.Log.Error("the slots cannot be looked at", "error", err)
		u.Trouble = err.Error()
		return u
	}
	u.Version, u.Takes = strconv.FormatUint(state.Version, 10), state.Takes
	if state.Waiting > 0 {
		u.Waiting = strconv.FormatUint(state.Waiting, 10)
	}
	if state.Failed > 0 {
		u.Failed = strconv.FormatUint(state.Failed, 10)
	}
	return u
}

// restartPlan is what the page says about a restart that waits for a quiet minute.
func (s *Server) restartPlan() page.RestartPlan {
	plan := s.cfg.Updates.Planned()
	p := page.RestartPlan{At: plan.At, Calls: plan.Calls, Quiet: plan.Quiet, Ended: plan.Ended, Failed: plan.Failed}
	if !p.At.IsZero() {
		p.By = s.nameOf(events.Event{By: plan.By})
	}
	return p
}

// updateTake hands an update on while it arrives.
func (s *Server) updateTake(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Updates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	until, deadline := http.NewResponseController(w), time.Now().Add(updateFor)
	if err := errors.Join(until.SetReadDeadline(deadline), until.SetWriteDeadline(deadline)); err != nil {
		s.broken(w, r, v, "waiting for an update", err)
		return
	}
	state, err := s.updateInstall(r)
	ev := events.Event{Kind: "update.taken", Operation: s.cfg.Operation, By: v.account.ID, Via: "web", Data: map[string]string{"version": strconv.FormatUint(state.Waiting, 10)}}
	if err != nil {
		s.cfg.Log.Warn("an update was not taken", "account", v.account.ID, "error", err)
		ev.Kind, ev.Data = "update.refused", nil
	}
	if err := s.cfg.Journal.Note(r.Context(), ev); err != nil {
		s.cfg.Log.Error("that somebody brought an update cannot be written to the log", "error", err)
	}
	if err != nil {
		s.showSystem(w, r, v, http.StatusUnprocessableEntity, err, "")
		return
	}
	s.cfg.Log.Info("an update waits for the next start", "account", v.account.ID, "version", state.Waiting)
	http.Redirect(w, r, "/admin/system?done=update#version-h", http.StatusSeeOther)
}

var (
	errNoUpdate   = errors.New("choose the file of the update first")
	errHugeUpdate = errors.New("this file is too large to be an update of the hotline")
)

// updateInstall finds the file in the form, which has nothing else in it.
func (s *Server) updateInstall(r *http.Request) (UpdateState, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return UpdateState{}, errNoUpdate
	}
	part, err := form.NextPart()
	if err != nil || part.FormName() != "update" || part.FileName() == "" {
		return UpdateState{}, errNoUpdate
	}
	state, err := s.cfg.Updates.Install(r.Context(), part)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = errHugeUpdate
	}
	return state, err
}

// updateRestart starts the machine anew. Where an update waits it is tried now.
func (s *Server) updateRestart(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Updates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	// Written down before the machine has any reason to end.
	if err := s.cfg.Journal.Note(r.Context(), events.Event{Kind: "update.restart", Operation: s.cfg.Operation, By: v.account.ID, Via: "web"}); err != nil {
		s.broken(w, r, v, "writing down who restarts the machine", err)
		return
	}
	s.cfg.Log.Warn("the machine is started again, as somebody has asked for", "account", v.account.ID)
	if err := s.cfg.Updates.Restart(r.Context()); err != nil {
		s.showSystem(w, r, v, http.StatusUnprocessableEntity, err, "")
		return
	}
	http.Redirect(w, r, "/admin/system?done=restart#version-h", http.StatusSeeOther)
}

// restartPlanned plans a restart that turns no caller away.
func (s *Server) restartPlanned(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Updates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err := s.cfg.Updates.Plan(r.Context(), v.account.ID); err != nil {
		s.broken(w, r, v, "writing down who plans a restart of the machine", err)
		return
	}
	http.Redirect(w, r, "/admin/system?done=planned#version-h", http.StatusSeeOther)
}

// restartCalledOff ends what was planned. Whoever comes too late is told: the
// machine may be about to start again.
func (s *Server) restartCalledOff(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Updates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	off, err := s.cfg.Updates.CallOff(r.Context(), v.account.ID)
	switch {
	case err != nil:
		s.broken(w, r, v, "writing down who calls a restart of the machine off", err)
	case !off:
		p := s.systemPage(r, v)
		p.Update.Plan.Late, p.Title = true, p.T("problem.title")+": "+p.Title
		s.show(w, r, http.StatusConflict, page.System(p))
	default:
		http.Redirect(w, r, "/admin/system?done=called_off#version-h", http.StatusSeeOther)
	}
}
