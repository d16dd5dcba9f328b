package ui

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hotline/ivr/flow"
	"hotline/ivr/flow/edit"
	"hotline/ivr/versions"
	"hotline/ui/page"
)

// steps is a dialogue as it would be published, while somebody changes it.
type steps struct {
	s        *Server
	v        visit
	f        page.Frame
	name     string
	texts    map[string]string // of all dialogues
	seen     string            // the Print of this one's text as it is stored
	doc      *edit.Doc         // nil where only the text can be changed
	problems []page.StepProblem
	other    int // problems in other dialogues
	warnings flow.Problems
	parsed   []*flow.Flow
}

// openSteps reads a dialogue; nil when the visitor has been told why not.
func (s *Server) openSteps(w http.ResponseWriter, r *http.Request, v visit) *steps {
	e := &steps{s: s, v: v, f: s.flowFrame(r, v, "flow.title"), name: r.PathValue("id")}
	var err error
	if e.texts, err = s.cfg.Flows.Drafted(); err != nil {
		s.broken(w, r, v, "reading a flow", err)
		return nil
	}
	text, known := e.texts[e.name]
	if !known {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return nil
	}
	e.seen = versions.Print(text)
	e.doc, err = edit.Open(text)
	if err != nil {
		e.doc = nil
	}
	e.look(text)
	return e
}

// flowFrame is that of the pages of one dialogue: in the menu they belong to the
// list of all.
func (s *Server) flowFrame(r *http.Request, v visit, title string) page.Frame {
	f := s.frame(r, v, title)
	f.Path = "/admin/flows"
	return f
}

// look checks a text, and says which step each fault belongs to.
func (e *steps) look(text string) {
	texts := maps.Clone(e.texts)
	texts[e.name] = text
	problems, warnings := e.s.cfg.Flows.CheckTexts(texts)
	e.warnings, e.problems, e.other = warnings, nil, 0
	var all []edit.Step
	if e.doc != nil {
		all = e.doc.Steps()
	}
	for _, one := range problems {
		if one.File != e.name {
			e.other++
			continue
		}
		p := page.StepProblem{Problem: one}
		for _, s := range all {
			if one.Pos.Line >= s.First && one.Pos.Line <= s.Last {
				p.Step = s.Name
			}
		}
		e.problems = append(e.problems, p)
	}
}

func (e *steps) faults(step string) []page.StepProblem {
	return slices.DeleteFunc(slices.Clone(e.problems), func(p page.StepProblem) bool { return p.Step != step || step == "" })
}

// sentence is what a prompt says, in the language of the page if it is spoken.
func (e *steps) sentence(id string) string {
	for _, language := range append([]string{e.f.Lang()}, e.s.cfg.Prompts.Languages()...) {
		if p, err := e.s.cfg.Prompts.Get(language, id); err == nil && p.Text != "" {
			return p.Text
		}
	}
	return id
}

func (s *Server) flow(w http.ResponseWriter, r *http.Request, v visit) {
	if e := s.openSteps(w, r, v); e != nil {
		e.show(w, r, http.StatusOK, nil)
	}
}

// show is the list of steps.
func (e *steps) show(w http.ResponseWriter, r *http.Request, status int, mistake error) {
	drafts, err := e.s.cfg.Flows.Drafts()
	if err != nil {
		e.s.broken(w, r, e.v, "reading a flow", err)
		return
	}
	p := page.StepsPage{Frame: e.f, Name: e.name, Seen: e.seen, Done: r.URL.Query().Get("done"), Trouble: e.mistake(mistake),
		Problems: e.problems, Warnings: e.warnings, Elsewhere: e.other, AsText: e.doc == nil}
	if d, ok := drafts[e.name]; ok {
		p.Draft, p.DraftBy, p.DraftAt, p.Undo = true, d.Name, d.At, len(d.Earlier) > 0
	}
	if e.doc != nil {
		p.About = e.doc.About()
		p.Rows = e.rows()
		p.Map = page.DrawFlow(p.Rows)
		for i := range p.Rows { // what is filled in by itself is drawn and not listed
			p.Rows[i].Ways = slices.DeleteFunc(p.Rows[i].Ways, func(way page.StepWay) bool { return way.Name == "kept" })
		}
	}
	e.s.show(w, r, status, page.FlowSteps(p))
}

func (e *steps) rows() []page.StepRow {
	all := e.doc.Steps()
	var rows []page.StepRow
	for i, s := range all {
		row := page.StepRow{Name: s.Name, Kind: s.Kind, Begins: s.Name == e.doc.Start(), First: i == 0, Last: i == len(all)-1, Unknown: s.Unknown(), Problems: e.faults(s.Name), About: e.about(s)}
		for _, part := range s.Parts("say") {
			row.Says = append(row.Says, e.said(part))
		}
		for _, way := range s.Ways() {
			one := page.StepWay{Setting: way.Path[0], To: way.To}
			if len(way.Path) > 1 {
				one.Name = way.Path[1]
			}
			if e.doc.Kept(way) {
				one.Name = "kept"
			}
			row.Ways = append(row.Ways, one)
		}
		rows = append(rows, row)
	}
	return rows
}

// said is a sentence, or a piece of what is said as it is written.
func (e *steps) said(part edit.Part) string {
	switch {
	case part.Prompt != "":
		return e.sentence(part.Prompt)
	case part.Like != "":
		return e.sentence(part.Like) + " …"
	}
	return strings.Join(strings.Fields(part.Text), " ")
}

// about names the line, the dialogue, or whatever else a step is about.
func (e *steps) about(s edit.Step) string {
	switch s.Kind {
	case flow.ToQueue, flow.Staffing, flow.CallBack:
		return e.f.Line(s.Word(string(s.Kind)))
	case flow.Voicemail:
		return e.f.Line(s.Word("voicemail"))
	case flow.Music:
		return e.sentence(s.Word("music"))
	case flow.If:
		if t, ok := s.Test(); ok {
			return t.Attribute + " · " + e.f.T("step.test."+t.How) + " · " + t.Value
		}
		return s.Written("if")
	case flow.Set:
		if all, ok := s.Values(); ok {
			var words []string
			for _, one := range all {
				words = append(words, one.Attribute+" = "+one.Value)
			}
			return strings.Join(words, ", ")
		}
		return s.Written("set")
	case flow.Say, flow.Menu, flow.Goto, flow.When, flow.Hangup, flow.End, flow.Bulletins, "":
		return ""
	}
	return s.Word(string(s.Kind))
}

func (e *steps) mistake(err error) string {
	switch {
	case errors.Is(err, errStale):
		return e.f.T("step.wrong.list")
	case errors.Is(err, versions.ErrChanged):
		return e.f.T("step.wrong.changed")
	case errors.Is(err, versions.ErrNoUndo):
		return e.f.T("step.wrong.undo")
	case errors.Is(err, edit.ErrNoStep):
		return e.f.T("step.wrong.gone")
	case errors.Is(err, edit.ErrName):
		return e.f.T("step.wrong.name")
	case errors.Is(err, edit.ErrEdge):
		return e.f.T("step.wrong.edge")
	case errors.Is(err, edit.ErrLast):
		return e.f.T("step.wrong.last")
	case errors.Is(err, edit.ErrText):
		return e.f.T("step.wrong.text")
	}
	return e.s.flowMistake(e.f, err)
}

func (e *steps) save(r *http.Request) error {
	return e.s.cfg.Flows.SaveDraft(r.Context(), e.name, e.doc.Text(), e.seen, e.s.flowActor(e.v))
}

// refuse shows the list as it is stored, and why nothing was changed.
func (e *steps) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if again := e.s.openSteps(w, r, e.v); again != nil {
		again.show(w, r, http.StatusUnprocessableEntity, err)
	}
}

// flowSteps moves, copies or removes a step, or undoes the last change.
func (s *Server) flowSteps(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	e := s.openSteps(w, r, v)
	if e == nil {
		return
	}
	do, step, at := r.PostForm.Get("do"), r.PostForm.Get("step"), ""
	back := func(done string) {
		http.Redirect(w, r, "/admin/flow/"+e.name+"?done="+done+"#"+url.PathEscape(at), http.StatusSeeOther)
	}
	if r.PostForm.Get("seen") != e.seen {
		e.refuse(w, r, errStale)
		return
	}
	if do == "undo" {
		if err := s.cfg.Flows.Undo(r.Context(), e.name, e.seen, s.flowActor(v)); err != nil {
			e.refuse(w, r, err)
			return
		}
		if now, err := s.cfg.Flows.Drafted(); err == nil && now[e.name] == "" { // the dialogue was new
			http.Redirect(w, r, "/admin/flows?done=discarded", http.StatusSeeOther)
			return
		}
		at = "undo"
		back("undone")
		return
	}
	if e.doc == nil {
		e.refuse(w, r, edit.ErrText)
		return
	}
	done, at2, asks, err := e.do(do, step, r.PostForm.Get("instead"))
	switch {
	case errors.Is(err, errUnknown):
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	case asks:
		e.askRemove(w, r, step)
		return
	case err == nil:
		err = e.save(r)
	}
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	at = at2
	back(done)
}

var errStale = errors.New("the list is not the one that was looked at")

var errUnknown = errors.New("this is nothing that can be done to a step")

// do changes the list. It returns what is said about it, and what has the focus
// afterwards; asks is true where it must be asked first where callers go.
func (e *steps) do(do, step, instead string) (done, at string, asks bool, err error) {
	switch do {
	case "up", "down":
		heard, err := e.doc.Move(step, do == "up")
		if err != nil {
			return "", "", false, err
		}
		all := e.doc.Steps()
		at = do + "-" + step
		if do == "up" && all[0].Name == step {
			at = "down-" + step
		}
		if do == "down" && all[len(all)-1].Name == step {
			at = "up-" + step
		}
		if heard {
			return "moved", at, false, nil
		}
		return "listed", at, false, nil
	case "again":
		copied, err := e.doc.Duplicate(step)
		return "copied", "change-" + copied, false, err
	case "remove":
		all := e.doc.Steps()
		i := slices.IndexFunc(all, func(s edit.Step) bool { return s.Name == step })
		if i < 0 {
			return "", "", false, edit.ErrNoStep
		}
		if instead == "" && slices.ContainsFunc(e.doc.Leading(step), func(w edit.Way) bool { return w.Step != step }) {
			return "", "", len(all) > 1, edit.ErrLast
		}
		next := all[max(i-1, 0)].Name
		if i == 0 && len(all) > 1 {
			next = all[1].Name
		}
		return "gone", "change-" + next, false, e.doc.Remove(step, instead)
	}
	return "", "", false, errUnknown
}

func (e *steps) askRemove(w http.ResponseWriter, r *http.Request, step string) {
	e.f.Title = e.f.T("step.remove") + ": " + e.f.Title
	p := page.StepRemove{Frame: e.f, Flow: e.name, Name: step, Seen: e.seen}
	for _, way := range e.doc.Leading(step) {
		if way.Step == step {
			continue
		}
		lead := page.StepLead{From: way.Step, Setting: way.Path[0]}
		if len(way.Path) > 1 {
			lead.Name = way.Path[1]
		}
		p.Leading = append(p.Leading, lead)
	}
	for _, s := range e.doc.Steps() {
		if s.Name != step {
			p.Steps = append(p.Steps, page.Option{Value: s.Name, Label: e.label(s)})
			continue
		}
		if ways := s.Ways(); len(ways) > 0 {
			p.Instead = ways[0].To
		}
	}
	e.s.show(w, r, http.StatusOK, page.FlowStepRemove(p))
}

// label is a step in a list of steps.
func (e *steps) label(s edit.Step) string {
	label := s.Name + " · " + e.f.KindWords(s.Kind)
	about := e.about(s)
	if parts := s.Parts("say"); about == "" && len(parts) > 0 && parts[0].Prompt != "" {
		about = e.sentence(parts[0].Prompt)
	}
	if about != "" {
		label += " · " + firstWords(about, 40)
	}
	return label
}

func firstWords(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return strings.TrimRight(string(r[:most-1]), " ,.") + "…"
}
