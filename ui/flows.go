package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hotline/ivr/flow"
	"hotline/ivr/flow/edit"
	"hotline/ivr/versions"
	"hotline/ui/page"
)

// Flows are the dialogues that callers hear, over time; *versions.Shelf.
type Flows interface {
	Current() (versions.Version, error)
	History() ([]versions.Version, error)
	Version(number int) (versions.Version, error)
	Texts(number int) (map[string]string, error)
	Drafts() (map[string]versions.Draft, error)
	Drafted() (map[string]string, error)
	Shipped(name string) bool
	Trouble() string
	Check() (problems, warnings flow.Problems, err error)
	CheckTexts(texts map[string]string) (problems, warnings flow.Problems)
	SaveDraft(ctx context.Context, name, text, seen string, by versions.Actor) error
	Undo(ctx context.Context, name, seen string, by versions.Actor) error
	Discard(ctx context.Context, name string, by versions.Actor) error
	Publish(ctx context.Context, note string, by versions.Actor) (versions.Version, error)
	Back(ctx context.Context, number int, by versions.Actor) (versions.Version, error)
	Previous() (int, error)
	Export(w io.Writer, number int) error
	Import(ctx context.Context, texts map[string]string, by versions.Actor) (changed []string, err error)
}

// FlowTrial plays a flow as text with the answers so far, one a line. More
// reports that it waits for another one.
type FlowTrial func(ctx context.Context, texts map[string]string, name, answers string) (transcript string, more bool, err error)

func (s *Server) flowActor(v visit) versions.Actor {
	return versions.Actor{ID: v.account.ID, Name: v.account.Name, Via: "web"}
}

func (s *Server) flows(w http.ResponseWriter, r *http.Request, v visit) {
	s.showFlows(w, r, v, http.StatusOK, "", nil)
}

// showFlows is the list of all flows, what is wrong with them, and the versions.
func (s *Server) showFlows(w http.ResponseWriter, r *http.Request, v visit, status int, note string, mistake error) {
	f := s.frame(r, v, "flows.title")
	p := page.FlowsPage{Frame: f, Note: note, Done: r.URL.Query().Get("done"), Trouble: s.flowMistake(f, mistake), Unfit: s.cfg.Flows.Trouble() != ""}
	err := s.fillFlows(&p)
	if err != nil {
		s.broken(w, r, v, "reading the flows", err)
		return
	}
	s.show(w, r, status, page.Flows(p))
}

func (s *Server) fillFlows(p *page.FlowsPage) error {
	drafted, err1 := s.cfg.Flows.Drafted()
	drafts, err2 := s.cfg.Flows.Drafts()
	current, err3 := s.cfg.Flows.Current()
	history, err4 := s.cfg.Flows.History()
	problems, warnings, err5 := s.cfg.Flows.Check()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	p.Current, p.Problems, p.Warnings, p.Drafts = current.Number, problems, warnings, len(drafts)
	for _, number := range history {
		p.Versions = append(p.Versions, page.FlowVersion{Number: number.Number, At: number.At, By: number.Name, Note: number.Note, Back: number.Back, Changed: number.Changed})
	}
	p.Previous = -1
	if number, err := s.cfg.Flows.Previous(); err == nil {
		p.Previous = number
	}
	for _, name := range slices.Sorted(maps.Keys(drafted)) {
		row := page.FlowRow{Name: name, Shipped: s.cfg.Flows.Shipped(name)}
		if parsed, err := flow.Parse(name, []byte(drafted[name])); err == nil {
			row.About, row.Steps = parsed.About, len(parsed.Order)
		}
		_, row.Draft = drafts[name]
		_, row.Changed = current.Files[name]
		row.Wrong = slices.ContainsFunc(problems, func(one flow.Problem) bool { return one.File == name })
		p.Flows = append(p.Flows, row)
	}
	return nil
}

// flowMistake is the sentence about something that could not be done.
func (s *Server) flowMistake(f page.Frame, err error) string {
	var problems flow.Problems
	switch {
	case err == nil:
		return ""
	case errors.Is(err, versions.ErrChanged):
		return f.T("flows.wrong.changed")
	case errors.Is(err, versions.ErrNoDrafts):
		return f.T("flows.wrong.nothing")
	case errors.Is(err, versions.ErrNoNote):
		return f.T("flows.wrong.note")
	case errors.As(err, &problems):
		return f.T("flows.wrong.problems")
	}
	return f.F("flows.wrong.refused", "why", f.Said(err.Error()))
}

func (s *Server) flowPublish(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	note := clean(r.PostForm.Get("note"), 300)
	s.flowDone(w, r, v, "published", note, func() error {
		_, err := s.cfg.Flows.Publish(r.Context(), note, s.flowActor(v))
		return err
	})
}

// flowDone does something to all flows and shows the list again.
func (s *Server) flowDone(w http.ResponseWriter, r *http.Request, v visit, done, note string, do func() error) {
	if err := do(); err != nil {
		s.cfg.Log.Info("flows were not changed", "error", err)
		s.showFlows(w, r, v, http.StatusUnprocessableEntity, note, err)
		return
	}
	http.Redirect(w, r, "/admin/flows?done="+done, http.StatusSeeOther)
}

func (s *Server) flowBack(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	s.flowDone(w, r, v, "back", "", func() error {
		number, err := strconv.Atoi(r.PostForm.Get("version"))
		if err != nil {
			return versions.ErrNoVersion
		}
		_, err = s.cfg.Flows.Back(r.Context(), number, s.flowActor(v))
		return err
	})
}

// flowExport sends a version as a bundle.
func (s *Server) flowExport(w http.ResponseWriter, r *http.Request, v visit) {
	current, err := s.cfg.Flows.Current()
	if err != nil {
		s.broken(w, r, v, "reading the flows", err)
		return
	}
	number := current.Number
	if text := r.URL.Query().Get("version"); text != "" {
		if number, err = strconv.Atoi(text); err != nil {
			s.problem(w, r, v, http.StatusNotFound, "missing")
			return
		}
	}
	var b bytes.Buffer
	if err := s.cfg.Flows.Export(&b, number); err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fmt.Sprintf("flows-%d.zip", number)}))
	if _, err := w.Write(b.Bytes()); err != nil {
		s.cfg.Log.Info("a download of flows broke off", "error", err)
	}
}

// flowImport makes drafts of a bundle.
func (s *Server) flowImport(w http.ResponseWriter, r *http.Request, v visit) {
	s.flowDone(w, r, v, "imported", "", func() error {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return errors.New("no file arrived")
		}
		defer func() {
			if err := r.MultipartForm.RemoveAll(); err != nil {
				s.cfg.Log.Warn("an uploaded file could not be removed from the temporary folder", "error", err)
			}
		}()
		file, header, err := r.FormFile("bundle")
		if err != nil {
			return errors.New("no file arrived")
		}
		defer file.Close()
		texts, err := versions.ReadBundle(file, header.Size)
		if err != nil {
			return err
		}
		_, err = s.cfg.Flows.Import(r.Context(), texts, s.flowActor(v))
		return err
	})
}

// flowVersion shows what a version changed.
func (s *Server) flowVersion(w http.ResponseWriter, r *http.Request, v visit) {
	number, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || number < 1 {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	version, err := s.cfg.Flows.Version(number)
	if errors.Is(err, versions.ErrNoVersion) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	after, err2 := s.cfg.Flows.Texts(number)
	before, err3 := s.cfg.Flows.Texts(number - 1)
	if err := errors.Join(err, err2, err3); err != nil {
		s.broken(w, r, v, "reading a version of the flows", err)
		return
	}
	p := page.FlowVersionPage{Frame: s.frame(r, v, "flows.version.title"), Version: page.FlowVersion{Number: number, At: version.At, By: version.Name,
		Note: version.Note, Back: version.Back, Changed: version.Changed}}
	for _, name := range version.Changed {
		p.Files = append(p.Files, page.FlowDiff{Name: name, Lines: page.Diff(before[name], after[name])})
	}
	s.show(w, r, http.StatusOK, page.FlowVersionView(p))
}

// flowAsText is a dialogue as it is written.
func (s *Server) flowAsText(w http.ResponseWriter, r *http.Request, v visit) {
	name := r.PathValue("id")
	drafted, err := s.cfg.Flows.Drafted()
	if err != nil {
		s.broken(w, r, v, "reading a flow", err)
		return
	}
	text, known := drafted[name]
	if !known {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	s.showFlow(w, r, v, http.StatusOK, name, text, versions.Print(text), nil)
}

// flowNew begins a dialogue as one of those that are ready to be changed.
func (s *Server) flowNew(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	name, text := nameOf(r.PostForm.Get("name")), edit.Template(known(r.PostForm.Get("template"), edit.Templates))
	err := errors.New("a name has letters, digits, dots, dashes and underscores")
	if flow.ValidName(name) && text != "" {
		if err = s.cfg.Flows.SaveDraft(r.Context(), name, text, versions.Print(""), s.flowActor(v)); errors.Is(err, versions.ErrChanged) {
			err = errors.New("there is a dialogue of that name already")
		}
	}
	if err != nil {
		s.showFlows(w, r, v, http.StatusUnprocessableEntity, "", err)
		return
	}
	http.Redirect(w, r, "/admin/flow/"+name+"?done=begun", http.StatusSeeOther)
}

// showFlow is the text of one flow, and what is wrong with it as it is on the
// page.
func (s *Server) showFlow(w http.ResponseWriter, r *http.Request, v visit, status int, name, text, seen string, mistake error) {
	f := s.flowFrame(r, v, "flow.title")
	drafts, err := s.cfg.Flows.Drafts()
	drafted, err2 := s.cfg.Flows.Drafted()
	if err := errors.Join(err, err2); err != nil {
		s.broken(w, r, v, "reading a flow", err)
		return
	}
	drafted[name] = text
	problems, warnings := s.cfg.Flows.CheckTexts(drafted)
	p := page.FlowPage{Frame: f, Name: name, Text: text, Seen: seen, Done: r.URL.Query().Get("done"), Trouble: s.flowMistake(f, mistake), Warnings: warnings}
	for _, one := range problems {
		if one.File == name {
			p.Problems = append(p.Problems, one)
		} else {
			p.Elsewhere++
		}
	}
	if d, ok := drafts[name]; ok {
		p.Draft, p.DraftBy, p.DraftAt = true, d.Name, d.At
	}
	p.Queues = s.queues()
	if parsed, err := flow.Parse(name, []byte(text)); err == nil {
		p.About = parsed.About
	}
	s.show(w, r, status, page.Flow(p))
}

// flowChange saves, checks or discards what is on the page.
func (s *Server) flowChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	name := r.PathValue("id")
	if !flow.ValidName(name) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	text, seen := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n"), r.PostForm.Get("seen")
	switch r.PostForm.Get("do") {
	case "save":
		if err := s.cfg.Flows.SaveDraft(r.Context(), name, text, seen, s.flowActor(v)); err != nil {
			s.showFlow(w, r, v, http.StatusUnprocessableEntity, name, text, seen, err)
			return
		}
		http.Redirect(w, r, "/admin/flow/"+name+"/text?done=saved", http.StatusSeeOther)
	case "check":
		s.showFlow(w, r, v, http.StatusOK, name, text, seen, nil)
	case "discard":
		s.flowDone(w, r, v, "discarded", "", func() error { return s.cfg.Flows.Discard(r.Context(), name, s.flowActor(v)) })
	case "remove":
		s.flowDone(w, r, v, "removed", "", func() error { return s.cfg.Flows.SaveDraft(r.Context(), name, "", "", s.flowActor(v)) })
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
	}
}

// mostAnswers bounds one trial on the page.
const mostAnswers = 300

// flowTry plays a flow as text. The page holds all answers: the server plays it
// from the beginning each time and keeps nothing.
func (s *Server) flowTry(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	name := r.PathValue("id")
	drafted, err := s.cfg.Flows.Drafted()
	if err != nil {
		s.broken(w, r, v, "reading a flow", err)
		return
	}
	if _, known := drafted[name]; !known {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	answers := strings.ReplaceAll(r.PostForm.Get("answers"), "\r\n", "\n")
	if r.PostForm.Has("answer") {
		answers += clean(r.PostForm.Get("answer"), 500) + "\n"
	}
	if strings.Count(answers, "\n") > mostAnswers {
		answers = ""
	}
	f := s.flowFrame(r, v, "flow.try.title")
	p := page.FlowTryPage{Frame: f, Name: name, Answers: answers}
	p.Transcript, p.More, err = s.cfg.FlowTrial(r.Context(), drafted, name, answers)
	if err != nil {
		p.Trouble = s.flowMistake(f, err)
	}
	s.show(w, r, http.StatusOK, page.FlowTry(p))
}
