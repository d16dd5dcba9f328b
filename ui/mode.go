package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/ivr/mode"
	"hotline/ui/page"
)

// pendingModes are changes of the emergency mode that somebody has prepared and
// not confirmed yet: one per session, in memory, for a few minutes.
type pendingModes struct {
	mu   sync.Mutex
	list map[string]pendingMode // by the session's token
}

type pendingMode struct {
	change mode.Change
	at     time.Time
}

const (
	confirmWithin = 10 * time.Minute
	mostPending   = 50
)

func newPendingModes() *pendingModes { return &pendingModes{list: map[string]pendingMode{}} }

func (p *pendingModes) put(session string, change mode.Change, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, one := range p.list {
		if now.Sub(one.at) > confirmWithin || len(p.list) >= mostPending {
			delete(p.list, key)
		}
	}
	p.list[session] = pendingMode{change: change, at: now}
}

func (p *pendingModes) get(session string, now time.Time) (mode.Change, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.list[session]
	return one.change, ok && now.Sub(one.at) <= confirmWithin
}

func (p *pendingModes) forget(session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list, session)
}

func (s *Server) modePage(w http.ResponseWriter, r *http.Request, v visit) {
	s.showMode(w, r, v, http.StatusOK, page.ModeForm{Path: mode.Emergency, Hours: strconv.Itoa(int(mode.DefaultFor / time.Hour)), Sound: "none"}, "")
}

func (s *Server) showMode(w http.ResponseWriter, r *http.Request, v visit, status int, form page.ModeForm, trouble string) {
	current := s.cfg.Mode.Current(time.Now())
	if form.Sound == "none" && current.HasAnnouncement {
		form.Sound = "keep"
	}
	list, err := s.cfg.Journal.Latest(lastModes, func(ev events.Event) bool {
		return ev.Kind == mode.EventChanged || ev.Kind == mode.EventExpired || ev.Kind == mode.EventUndone
	})
	if err != nil {
		s.broken(w, r, v, "reading the last changes", err)
		return
	}
	f := s.frame(r, v, "mode.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	s.show(w, r, status, page.Mode(page.ModePage{Frame: f, Mode: current, Changes: s.changes(list), Form: form, Trouble: trouble, Done: r.URL.Query().Get("done")}))
}

// errForm is a mistake in a form, as the key of a text.
type errForm string

func (e errForm) Error() string { return string(e) }

// modeReview checks what is asked for and shows what will happen. Nothing
// changes yet.
func (s *Server) modeReview(w http.ResponseWriter, r *http.Request, v visit) {
	change, form, err := s.readMode(r)
	f := s.frame(r, v, "mode.title")
	var mistake errForm
	switch {
	case errors.As(err, &mistake):
		s.showMode(w, r, v, http.StatusUnprocessableEntity, form, f.T(string(mistake)))
		return
	case errors.Is(err, audio.ErrNotWAV):
		s.cfg.Log.Info("an announcement was refused", "error", err)
		s.showMode(w, r, v, http.StatusUnprocessableEntity, form, f.F("mode.wrong.sound", "seconds", strconv.Itoa(int(mode.MaxAnnouncement/time.Second))))
		return
	case err != nil:
		s.broken(w, r, v, "reading the form of the emergency mode", err)
		return
	}
	s.pending.put(v.token, change, time.Now())
	current := s.cfg.Mode.Current(time.Now())
	s.show(w, r, http.StatusOK, page.ModeConfirm(f, page.Confirm{
		Path: change.Mode, Until: time.Now().Add(change.For), For: change.For,
		Partner: string(change.Partner), New: change.Announcement != nil, Length: change.Announcement.Duration(), Keep: change.Announcement == nil && current.HasAnnouncement,
	}))
}

func (s *Server) readMode(r *http.Request) (mode.Change, page.ModeForm, error) {
	// Small parts stay in memory; the limit of the whole is on the body already.
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		return mode.Change{}, page.ModeForm{}, errForm("mode.wrong.path")
	}
	if err != nil {
		return mode.Change{}, page.ModeForm{}, fmt.Errorf("reading the form: %w", err)
	}
	defer func() {
		if err := r.MultipartForm.RemoveAll(); err != nil {
			s.cfg.Log.Warn("an uploaded file could not be removed from the temporary folder", "error", err)
		}
	}()
	form := page.ModeForm{Path: r.PostForm.Get("path"), Hours: clean(r.PostForm.Get("hours"), 4), Sound: r.PostForm.Get("sound"), Partner: clean(r.PostForm.Get("partner"), 32)}
	if form.Path == mode.Normal || !slices.Contains(mode.Modes(), form.Path) {
		return mode.Change{}, form, errForm("mode.wrong.path")
	}
	hours, err := strconv.Atoi(form.Hours)
	if err != nil || hours < 1 || time.Duration(hours)*time.Hour > mode.MaxFor {
		return mode.Change{}, form, errForm("mode.wrong.hours")
	}
	change := mode.Change{Mode: form.Path, For: time.Duration(hours) * time.Hour}
	if form.Path == mode.Redirect {
		if change.Partner = call.ParseNumber(form.Partner, s.cfg.Region); !change.Partner.E164() {
			return mode.Change{}, form, errForm("mode.wrong.partner")
		}
	}
	if form.Sound == "upload" {
		if change.Announcement, err = s.uploaded(r.Context(), r.MultipartForm.File["announcement"]); err != nil {
			return mode.Change{}, form, err
		}
	}
	if change.Announcement == nil && form.Path == mode.Announcement && !s.cfg.Mode.Current(time.Now()).HasAnnouncement {
		return mode.Change{}, form, errForm("mode.wrong.needed")
	}
	return change, form, nil
}

// uploaded decodes the announcement. What is inside decides, not the file's name.
func (s *Server) uploaded(ctx context.Context, files []*multipart.FileHeader) (*audio.Clip, error) {
	if len(files) != 1 || files[0].Size == 0 {
		return nil, errForm("mode.wrong.nofile")
	}
	return s.soundIn(ctx, files[0], mode.MaxAnnouncement)
}

// soundIn decodes an uploaded sound, away from this process.
func (s *Server) soundIn(ctx context.Context, header *multipart.FileHeader, longest time.Duration) (*audio.Clip, error) {
	file, err := header.Open()
	if err != nil {
		return nil, fmt.Errorf("opening an uploaded sound: %w", err)
	}
	clip, err := s.cfg.Sounds.Import(ctx, file, longest)
	return clip, errors.Join(err, file.Close())
}

func (s *Server) modeSet(w http.ResponseWriter, r *http.Request, v visit) {
	change, ok := s.pending.get(v.token, time.Now())
	if !ok {
		f := s.frame(r, v, "mode.title")
		s.showMode(w, r, v, http.StatusConflict, page.ModeForm{Path: mode.Emergency, Hours: strconv.Itoa(int(mode.DefaultFor / time.Hour)), Sound: "none"}, f.T("mode.wrong.late"))
		return
	}
	if _, err := s.cfg.Supervise.SetMode(r.Context(), v.by(), change); err != nil {
		s.broken(w, r, v, "switching the emergency mode on", err)
		return
	}
	s.pending.forget(v.token)
	http.Redirect(w, r, "/floor/mode?done=set", http.StatusSeeOther)
}

func (s *Server) modeClearReview(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.ModeClear(s.frame(r, v, "mode.title"), s.cfg.Mode.Current(time.Now())))
}

func (s *Server) modeClear(w http.ResponseWriter, r *http.Request, v visit) {
	if _, err := s.cfg.Supervise.SetMode(r.Context(), v.by(), mode.Change{Mode: mode.Normal}); err != nil {
		s.broken(w, r, v, "switching the emergency mode off", err)
		return
	}
	http.Redirect(w, r, "/floor/mode?done=clear", http.StatusSeeOther)
}

func (s *Server) modeAnnouncement(w http.ResponseWriter, r *http.Request, v visit) {
	s.sound(w, r, v, s.cfg.Mode.Current(time.Now()).Announcement)
}

func (s *Server) modePending(w http.ResponseWriter, r *http.Request, v visit) {
	change, _ := s.pending.get(v.token, time.Now())
	s.sound(w, r, v, change.Announcement)
}

func (s *Server) sound(w http.ResponseWriter, r *http.Request, v visit, clip *audio.Clip) {
	if clip == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	var file bytes.Buffer
	if err := audio.WriteWAV(&file, clip); err != nil {
		s.broken(w, r, v, "writing a sound", err)
		return
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", `inline; filename="announcement.wav"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.Bytes()))
}
