package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/triage"
	"hotline/ui/page"
)

// Recordings are the recordings of calls and the rules for them;
// *triage.Recordings.
type Recordings interface {
	Each(func(triage.Recording) bool) error
	Get(id string) (triage.Recording, error)
	Open(id string) (io.ReadSeekCloser, triage.Recording, error)
	Peaks(id string, pieces int) (caller, agent []byte, err error)
	Note(ctx context.Context, id, account, kind, reason string) error
	Delete(ctx context.Context, id, account, reason string) error
	Rules() triage.RecordingRules
	SetRules(ctx context.Context, rules triage.RecordingRules, account string) error
}

// mayKeep reports whether a role may take recordings away or destroy them, and
// not only listen.
func mayKeep(who role) bool { return who == coordinator || who == admin }

func (s *Server) recordings(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRecordings(w, r, v, http.StatusOK, r.URL.Query().Get("contact"), "")
}

func (s *Server) showRecordings(w http.ResponseWriter, r *http.Request, v visit, status int, contact, trouble string) {
	f := s.frame(r, v, "recordings.title")
	content := page.RecordingsPage{Frame: f, Contact: clean(contact, 32), Keep: mayKeep(v.role), Trouble: trouble, Done: r.URL.Query().Get("done"),
		KeepDays: s.cfg.Recordings.Rules().KeepDays}
	seen, scope := 0, s.scope(v)
	content.Scope = scope
	err := s.cfg.Recordings.Each(func(rec triage.Recording) bool {
		seen++
		if scope.Has(rec.Agent) && (content.Contact == "" || rec.Contact == content.Contact) {
			if len(content.List) == listed {
				content.More = true
				return false
			}
			content.List = append(content.List, rec)
		}
		return seen < searched
	})
	if err != nil {
		s.broken(w, r, v, "reading the recordings", err)
		return
	}
	s.show(w, r, status, page.Recordings(content))
}

// recording is one recording as a picture: who speaks where, and a place to
// begin at. Looking is not listening; what is played is noted by recordingSound.
func (s *Server) recording(w http.ResponseWriter, r *http.Request, v visit) {
	rec, err := s.cfg.Recordings.Get(r.PathValue("id"))
	if err == nil && !s.scope(v).Has(rec.Agent) {
		err = store.ErrNotFound
	}
	p := page.RecordingPage{Rec: rec, Keep: mayKeep(v.role), KeepDays: s.cfg.Recordings.Rules().KeepDays}
	if err == nil && !rec.Running {
		p.Caller, p.Agent, err = s.cfg.Recordings.Peaks(rec.ID, page.WavePieces)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnfinished), err == nil && rec.Running:
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "drawing a recording", err)
	default:
		p.Frame = s.frame(r, v, "wave.title")
		s.show(w, r, http.StatusOK, page.Recording(p))
	}
}

// recordingSound plays a recording. Browsers fetch it in pieces: the first one
// is written into the log, and the ones that belong to it are not.
func (s *Server) recordingSound(w http.ResponseWriter, r *http.Request, v visit) {
	id := r.PathValue("id")
	var note func() error
	if s.heard.first(v.token+" "+id, time.Now()) {
		note = func() error {
			return s.cfg.Recordings.Note(r.Context(), id, v.account.ID, "recording.played", "")
		}
	}
	if !s.sendRecording(w, r, v, id, "inline", note) {
		s.heard.forget(v.token + " " + id)
	}
}

// recordingDownload lets a recording leave the box, for a reason.
func (s *Server) recordingDownload(w http.ResponseWriter, r *http.Request, v visit) {
	reason, ok := s.reason(w, r, v)
	if !ok {
		return
	}
	id := r.PathValue("id")
	s.sendRecording(w, r, v, id, "attachment", func() error {
		return s.cfg.Recordings.Note(r.Context(), id, v.account.ID, "recording.downloaded", reason)
	})
}

// sendRecording sends the sound after it was noted who hears it. It reports
// whether it did.
func (s *Server) sendRecording(w http.ResponseWriter, r *http.Request, v visit, id, disposition string, note func() error) bool {
	sound, rec, err := s.cfg.Recordings.Open(id)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnfinished):
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return false
	case err != nil:
		s.broken(w, r, v, "opening a recording", err)
		return false
	}
	defer sound.Close()
	if !s.scope(v).Has(rec.Agent) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return false
	}
	if note != nil {
		if err := note(); err != nil {
			s.broken(w, r, v, "noting who hears a recording", err)
			return false
		}
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeExport)); err != nil {
		s.broken(w, r, v, "preparing a recording", err)
		return false
	}
	name := fmt.Sprintf("recording-%s.wav", rec.Begun.Local().Format("2006-01-02-1504"))
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": name}))
	http.ServeContent(w, r, "", time.Time{}, sound)
	return true
}

func (s *Server) recordingDelete(w http.ResponseWriter, r *http.Request, v visit) {
	reason, ok := s.reason(w, r, v)
	if !ok {
		return
	}
	err := s.cfg.Recordings.Delete(r.Context(), r.PathValue("id"), v.account.ID, reason)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // somebody was faster: it is gone, as was wished
		s.broken(w, r, v, "deleting a recording", err)
		return
	}
	http.Redirect(w, r, "/recordings?done=deleted", http.StatusSeeOther)
}

// reason reads why something happens to a recording.
func (s *Server) reason(w http.ResponseWriter, r *http.Request, v visit) (string, bool) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a recording", err)
		return "", false
	}
	reason := clean(r.PostForm.Get("reason"), reasonMax)
	if len([]rune(reason)) < reasonMin {
		s.showRecordings(w, r, v, http.StatusUnprocessableEntity, r.PostForm.Get("contact"), s.textFor(r).T("recordings.wrong.reason"))
		return "", false
	}
	return reason, true
}

// hearings are who has begun to hear what.
type hearings struct {
	mu    sync.Mutex
	begun map[string]time.Time
}

// hearingLong is how long the pieces of one hearing may take.
const hearingLong = 10 * time.Minute

// first reports whether this is a new hearing.
func (h *hearings) first(what string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for other, at := range h.begun {
		if now.Sub(at) > hearingLong {
			delete(h.begun, other)
		}
	}
	if _, on := h.begun[what]; on {
		return false
	}
	if h.begun == nil {
		h.begun = map[string]time.Time{}
	}
	h.begun[what] = now
	return true
}

func (h *hearings) forget(what string) {
	h.mu.Lock()
	delete(h.begun, what)
	h.mu.Unlock()
}

func (s *Server) recordingRules(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRecordingRules(w, r, v, http.StatusOK, formOfRules(s.cfg.Recordings.Rules()), nil)
}

func formOfRules(rules triage.RecordingRules) page.RecordingForm {
	return page.RecordingForm{Purpose: rules.Purpose, KeepDays: strconv.Itoa(rules.KeepDays), Queues: rules.Queues}
}

func (s *Server) showRecordingRules(w http.ResponseWriter, r *http.Request, v visit, status int, form page.RecordingForm, mistake error) {
	f := s.frame(r, v, "recording.title")
	content := page.RecordingRulesPage{Frame: f, Off: s.cfg.Switches.Off(switches.Recording), Queues: s.queues(), Form: form, Done: r.URL.Query().Get("done")}
	if mistake != nil {
		content.Trouble = f.T("recording.wrong") + " " + f.Said(mistake.Error())
	}
	s.show(w, r, status, page.RecordingRules(content))
}

func (s *Server) recordingRulesChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the rules for recording", err)
		return
	}
	var err error
	switch what := r.PostForm.Get("do"); what {
	case "off", "on":
		err = s.cfg.Switches.Turn(r.Context(), switches.Recording, what == "on", v.account.ID, v.account.Name, "web")
	case "rules":
		form := page.RecordingForm{Purpose: clean(r.PostForm.Get("purpose"), 500), KeepDays: clean(r.PostForm.Get("keep_days"), 4), Queues: map[string]triage.RecordingPolicy{}}
		for _, queue := range s.queues() {
			form.Queues[queue] = cmp.Or(s.cfg.Recordings.Rules().Queues[queue], triage.RecordNever) // a line that was added since the form was shown stays as it is
			if name := "policy:" + queue; r.PostForm.Has(name) {
				form.Queues[queue] = triage.RecordingPolicy(r.PostForm.Get(name))
			}
		}
		days, _ := strconv.Atoi(form.KeepDays) // 0 is refused, in words
		err = s.cfg.Recordings.SetRules(r.Context(), triage.RecordingRules{Purpose: form.Purpose, KeepDays: days, Queues: form.Queues}, v.account.ID)
		var wrong triage.FieldError
		if errors.As(err, &wrong) {
			s.showRecordingRules(w, r, v, http.StatusUnprocessableEntity, form, err)
			return
		}
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	if err != nil {
		s.broken(w, r, v, "changing the rules for recording", err)
		return
	}
	done := r.PostForm.Get("do")
	if !slices.Contains([]string{"off", "on"}, done) {
		done = "saved"
	}
	http.Redirect(w, r, "/admin/recording?done="+done, http.StatusSeeOther)
}
