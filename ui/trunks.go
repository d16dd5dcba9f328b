package ui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/call"
	"hotline/appliance/lines"
	"hotline/appliance/trunk"
	"hotline/ui/page"
)

// Telephone is the lines to the telephone network and the numbers of the
// hotline, as its pages need them.
type Telephone struct {
	Book    *lines.Book
	Trials  *lines.Trials
	States  func() []trunk.LineState
	Filed   lines.Record         // what hotline.yaml says; their kinds are not told
	Peers   []string             // there; none: calls come from anywhere
	Dropped func() uint64        // messages of addresses that are not let in
	At      func() TelephoneAddr // where the other side sends calls
	Flows   func() []string
	Allowed func() []string // beginnings of numbers that may be dialled
	Out     func() lines.CallsOut
}

// TelephoneAddr is where the telephone side listens, by transport; empty where
// it does not.
type TelephoneAddr struct{ UDP, TCP, TLS string }

// trunks is the page of the telephone lines and numbers.
func (s *Server) trunks(w http.ResponseWriter, r *http.Request, v visit) {
	s.showTrunks(w, r, v, http.StatusOK, page.TrunksPage{Done: known(r.URL.Query().Get("done"), page.TrunkDone())})
}

func (s *Server) showTrunks(w http.ResponseWriter, r *http.Request, v visit, status int, p page.TrunksPage) {
	t := s.cfg.Telephone
	p.Frame, p.Peers, p.Dropped, p.Flows, p.Queues, p.Offered = s.frame(r, v, "trunks.title"), t.Peers, t.Dropped(), t.Flows(), s.queues(), s.cfg.Offered
	states := t.States()
	add := func(l lines.Line, filed bool) {
		one := page.TrunkLine{Line: l, Filed: filed}
		if i := slices.IndexFunc(states, func(s trunk.LineState) bool { return s.Name == l.Name }); i >= 0 && !l.Off {
			one.State, one.Used = states[i], true
		}
		p.Lines = append(p.Lines, one)
	}
	for _, l := range t.Filed.Lines {
		add(l, true)
	}
	now := t.Book.List()
	for _, l := range now.Lines {
		if _, doubled := t.Filed.Line(l.Name); doubled { // the file has got one of that name since, which counts
			l.Off = false
			p.Lines = append(p.Lines, page.TrunkLine{Line: l})
			continue
		}
		add(l, false)
	}
	for _, n := range t.Filed.Numbers {
		p.Numbers = append(p.Numbers, page.TrunkNumber{Number: n, Filed: true})
	}
	for _, n := range now.Numbers {
		p.Numbers = append(p.Numbers, page.TrunkNumber{Number: n})
	}
	p.FiledDials = strings.Join(t.Filed.Dials, " ")
	if p.Dials == nil {
		p.Dials = now.Dials
	}
	if p.Out == nil {
		out := t.Out()
		p.Out = &out
	}
	if p.Trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.Trunks(p))
}

// trunkDo switches a line on or off, or removes it.
func (s *Server) trunkDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	book, name, done := s.cfg.Telephone.Book, r.PostForm.Get("name"), r.PostForm.Get("do")
	var err error
	switch done {
	case "on", "off":
		err = book.Switch(r.Context(), name, done == "on", v.account.ID, "web")
	case "remove":
		done, err = "removed", book.Remove(r.Context(), name, v.account.ID)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	s.trunkDone(w, r, v, done, err)
}

func (s *Server) trunkDone(w http.ResponseWriter, r *http.Request, v visit, done string, err error) {
	switch {
	case err == nil:
		http.Redirect(w, r, "/admin/trunks?done="+done, http.StatusSeeOther)
	case errors.Is(err, lines.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case errors.As(err, new(lines.Problem)):
		s.showTrunks(w, r, v, http.StatusUnprocessableEntity, page.TrunksPage{Trouble: s.frame(r, v, "trunks.title").Said(err.Error())})
	default:
		s.broken(w, r, v, "changing the telephone lines", err)
	}
}

// trunkForm is the form of a new line of a kind, or of one that is there.
func (s *Server) trunkForm(w http.ResponseWriter, r *http.Request, v visit) {
	p := page.TrunkPage{Fresh: true, Line: lines.Line{Kind: lines.Kind(r.URL.Query().Get("kind"))}}
	if name := r.URL.Query().Get("name"); name != "" {
		p.Fresh = false
		p.Line, _ = s.cfg.Telephone.Book.List().Line(name)
	}
	if !slices.Contains(lines.Kinds(), p.Line.Kind) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	s.showTrunk(w, r, v, http.StatusOK, p)
}

func (s *Server) showTrunk(w http.ResponseWriter, r *http.Request, v visit, status int, p page.TrunkPage) {
	p.Frame = s.frame(r, v, "trunks.title")
	at := s.cfg.Telephone.At()
	p.At = at.UDP
	if at.TCP != "" {
		p.At += ", TCP " + at.TCP
	}
	if at.TLS != "" {
		p.At += ", TLS " + at.TLS
	}
	if p.Trouble != "" {
		p.Trouble = p.Said(p.Trouble)
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.Trunk(p))
}

const (
	mostAddresses   = 800
	mostCertificate = 16_000
)

// trunkSave adds a line or changes one. The password is taken and never shown.
func (s *Server) trunkSave(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a telephone line", err)
		return
	}
	form, book := r.PostForm, s.cfg.Telephone.Book
	fresh := form.Get("do") != "change"
	l := lines.Line{Name: clean(form.Get("name"), 41), Kind: lines.Kind(form.Get("kind")), Servers: several(form.Get("servers")), Accepts: several(form.Get("accepts")),
		User: clean(form.Get("user"), 201), AuthUser: clean(form.Get("auth_user"), 201), Domain: clean(form.Get("domain"), 201), From: clean(form.Get("from"), 41),
		Plus: clean(form.Get("plus"), 9), Transport: form.Get("transport"), Encrypt: form.Get("encrypt") == "yes", Certificate: certificateText(form.Get("certificate"))}
	var err error
	if text := clean(form.Get("max_calls"), 6); text != "" {
		if l.MaxCalls, err = strconv.Atoi(text); err != nil || l.MaxCalls == 0 {
			l.MaxCalls = -1 // is refused with what may be said
		}
	}
	done := "changed"
	if fresh {
		done, err = "added", book.Add(r.Context(), l, form.Get("password"), v.account.ID)
	} else {
		before, _ := book.List().Line(l.Name)
		l.Kind, l.Password = before.Kind, before.Password
		err = book.Change(r.Context(), l, form.Get("password"), v.account.ID)
	}
	var wrong lines.Problem
	if errors.As(err, &wrong) && slices.Contains(lines.Kinds(), l.Kind) {
		s.showTrunk(w, r, v, http.StatusUnprocessableEntity, page.TrunkPage{Line: l, Fresh: fresh, Trouble: wrong.Sentence})
		return
	}
	s.trunkDone(w, r, v, done, err)
}

// several are words with spaces or commas between them.
func several(text string) []string {
	return strings.FieldsFunc(clean(text, mostAddresses), func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
}

func certificateText(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	return text[:min(len(text), mostCertificate)]
}

// numberDo says where a number leads, or removes it.
func (s *Server) numberDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a number", err)
		return
	}
	book, form := s.cfg.Telephone.Book, r.PostForm
	if form.Get("do") == "remove" {
		s.trunkDone(w, r, v, "number_removed", book.RemoveNumber(r.Context(), form.Get("number"), v.account.ID))
		return
	}
	leads, name, _ := strings.Cut(form.Get("leads"), ":")
	n := lines.Number{Number: clean(form.Get("number"), 41), Leads: lines.Leads(leads), Name: name, Language: form.Get("language")}
	err := book.SetNumber(r.Context(), n, v.account.ID)
	var wrong lines.Problem
	if errors.As(err, &wrong) {
		f := s.frame(r, v, "trunks.title")
		s.showTrunks(w, r, v, http.StatusUnprocessableEntity, page.TrunksPage{Number: n, Trouble: f.Said(wrong.Sentence)})
		return
	}
	s.trunkDone(w, r, v, "number", err)
}

// dialsDo says which numbers may be called.
func (s *Server) dialsDo(w http.ResponseWriter, r *http.Request, v visit) {
	typed := strings.FieldsFunc(r.PostFormValue("dials"), func(c rune) bool { return c == ',' || c == ';' || unicode.IsSpace(c) })
	err := s.cfg.Telephone.Book.SetDials(r.Context(), typed, v.account.ID)
	var wrong lines.Problem
	if errors.As(err, &wrong) {
		s.showTrunks(w, r, v, http.StatusUnprocessableEntity, page.TrunksPage{Dials: typed, Trouble: s.frame(r, v, "trunks.title").Said(wrong.Sentence)})
		return
	}
	s.trunkDone(w, r, v, "dials", err)
}

// callersDo says who may call out, and how often.
func (s *Server) callersDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of who may call out", err)
		return
	}
	number := func(name string) int {
		n, err := strconv.Atoi(clean(r.PostForm.Get(name), 9))
		if err != nil {
			return -1 // is refused with what may be said
		}
		return n
	}
	out := lines.CallsOut{Roles: r.PostForm["who"], PerHour: number("per_hour"), Rounds: number("rounds")}
	err := s.cfg.Telephone.Book.SetOut(r.Context(), out, v.account.ID)
	var wrong lines.Problem
	if errors.As(err, &wrong) {
		s.showTrunks(w, r, v, http.StatusUnprocessableEntity, page.TrunksPage{Out: &out, Trouble: s.frame(r, v, "trunks.title").Said(wrong.Sentence)})
		return
	}
	s.trunkDone(w, r, v, "callers", err)
}

// trialWait is how long a page waits for the end of a test call, before it says
// how far the call is: below writeReply.
const trialWait = 15 * time.Second

// trial is the test call over a line. It waits a little for one that runs.
func (s *Server) trial(w http.ResponseWriter, r *http.Request, v visit) {
	name := r.URL.Query().Get("line")
	if !s.hasLine(name) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	wait := time.NewTimer(trialWait)
	defer wait.Stop()
	select {
	case <-s.cfg.Telephone.Trials.Over():
	case <-wait.C:
	case <-r.Context().Done():
		return
	case <-s.closing:
	}
	s.showTrial(w, r, v, http.StatusOK, page.TrialPage{Line: name})
}

func (s *Server) hasLine(name string) bool {
	return slices.ContainsFunc(s.cfg.Telephone.States(), func(l trunk.LineState) bool { return l.Name == name })
}

func (s *Server) showTrial(w http.ResponseWriter, r *http.Request, v visit, status int, p page.TrialPage) {
	t := s.cfg.Telephone
	p.Frame, p.May, p.Allowed = s.frame(r, v, "trunks.title"), len(t.Allowed()) > 0, strings.Join(t.Allowed(), ", ")
	if last, any := t.Trials.Last(); any && last.Line == p.Line {
		p.Trial = &last
	}
	if p.Trouble != "" {
		p.Trouble = p.Said(p.Trouble)
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.Trial(p))
}

func (s *Server) trialStart(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a test call", err)
		return
	}
	name, to := r.PostForm.Get("line"), clean(r.PostForm.Get("to"), 41)
	if !s.hasLine(name) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	number, err := trunk.Dialable(call.Number(to), s.cfg.Region)
	if err == nil {
		err = s.cfg.Telephone.Trials.Start(name, number, s.frame(r, v, "trunks.title").Lang(), v.account.ID)
	}
	if err != nil {
		s.showTrial(w, r, v, http.StatusUnprocessableEntity, page.TrialPage{Line: name, To: to, Trouble: err.Error()})
		return
	}
	http.Redirect(w, r, "/admin/trunks/test?line="+url.QueryEscape(name), http.StatusSeeOther)
}
