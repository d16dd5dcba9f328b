package ui

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hotline/appliance/lists"
	sheets "hotline/appliance/table"
	"hotline/ui/page"
)

// pastChanges is how many changes of a list the page shows.
const pastChanges = 12

// listTab is the part of the page that an address means: a list, the questions
// about a case, the places, or the choices of an own question.
func (s *Server) listTab(name string) string {
	if q, there := s.cfg.Lists.Now().Question(name); there && q.Added && q.List != "" {
		return name
	}
	if tab := known(name, page.ListTabs()); tab != "" {
		return tab
	}
	return page.TabCase
}

func (s *Server) listsPage(w http.ResponseWriter, r *http.Request, v visit) {
	q := r.URL.Query()
	s.showLists(w, r, v, http.StatusOK, page.ListsPage{Tab: s.listTab(q.Get("list")), Code: clean(q.Get("code"), 80), Typed: clean(q.Get("q"), 200), Done: q.Get("done") != ""})
}

func (s *Server) showLists(w http.ResponseWriter, r *http.Request, v visit, status int, p page.ListsPage) {
	p.Frame = s.frame(r, v, "lists.title")
	if p.Trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	p.Back = s.cfg.Lists.CanTakeBack(p.Tab)
	past, err := s.cfg.Lists.History(p.Tab)
	if err != nil {
		s.broken(w, r, v, "reading what was changed of a list", err)
		return
	}
	slices.Reverse(past)
	who := s.who()
	for _, e := range past[:min(len(past), pastChanges)] {
		p.Past = append(p.Past, page.ListChange{When: p.When(e.At), Who: who(e.By), What: p.T("lists.what." + e.What), Which: s.listWords(p.Frame, p.Tab, e.Why)})
	}
	if p.Tab == lists.PlacesName {
		count, since := s.cfg.Lists.Places()
		p.Places, p.Since = count, p.When(since)
		p.Found = s.cfg.Lists.FindPlaces(p.Typed, placesFound)
	}
	s.show(w, r, status, page.ListsAndFields(p))
}

// listWords names what was changed.
func (s *Server) listWords(f page.Frame, tab, code string) string {
	if tab == page.TabCase {
		return f.Ask(code)
	}
	return f.Lists.List(tab).Word(code, f.Lang())
}

func (s *Server) listsDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a list", err)
		return
	}
	tab, code := s.listTab(r.PostForm.Get("list")), clean(r.PostForm.Get("code"), 80)
	err := s.changeList(r, v, tab, code)
	var wrong lists.Mistake
	switch {
	case errors.As(err, &wrong):
		f := s.frame(r, v, "lists.title")
		s.showLists(w, r, v, http.StatusUnprocessableEntity, page.ListsPage{Tab: tab, Code: code, Trouble: f.T("lists.wrong." + string(wrong))})
	case err != nil:
		s.broken(w, r, v, "changing a list", err)
	default:
		q := url.Values{"list": {tab}, "done": {"1"}}
		if do := r.PostForm.Get("do"); do != "up" && do != "down" && code != "" {
			q.Set("code", code)
		}
		http.Redirect(w, r, "/admin/lists?"+q.Encode(), http.StatusSeeOther)
	}
}

// changeList carries out one change.
func (s *Server) changeList(r *http.Request, v visit, tab, code string) error {
	ctx, form, k := r.Context(), r.PostForm, s.cfg.Lists
	by := lists.Actor{ID: v.account.ID, Name: v.account.Name, Via: "web"}
	do := form.Get("do")
	if do == "back" {
		return k.TakeBack(ctx, tab, by)
	}
	if tab == page.TabCase {
		switch do {
		case "ask":
			q := lists.NewQuestion{Kind: form.Get("kind"), Words: wordsOf(form, "words."), Must: form.Get("must") != "", Personal: form.Get("personal") != ""}
			language := s.textFor(r).Lang()
			for line := range strings.Lines(form.Get("choices")) {
				q.Choices = append(q.Choices, lists.Words{language: strings.TrimSpace(line)})
			}
			_, err := k.AddQuestion(ctx, q, by)
			return err
		case "reword":
			return k.RewordQuestion(ctx, code, wordsOf(form, "words."), wordsOf(form, "hint."), by)
		case "on", "off":
			return k.SwitchQuestion(ctx, code, do == "on", by)
		case "must", "optional":
			return k.Require(ctx, code, do == "must", by)
		case "personal", "impersonal":
			return k.SetPersonal(ctx, code, do == "personal", by)
		case "up", "down":
			return k.MoveQuestion(ctx, code, do == "up", by)
		}
		return lists.WrongName
	}
	switch do {
	case "add":
		return k.AddChoice(ctx, tab, clean(form.Get("new"), 80), wordsOf(form, "words."), by)
	case "reword":
		return k.Reword(ctx, tab, code, wordsOf(form, "words."), by)
	case "on", "off":
		return k.SwitchChoice(ctx, tab, code, do == "on", by)
	case "first", "unfirst":
		return k.ShowFirst(ctx, tab, code, do == "first", by)
	case "up", "down":
		return k.MoveChoice(ctx, tab, code, do == "up", by)
	}
	return lists.WrongName
}

// wordsOf are the texts of a form in all languages, empty ones too: they take a
// language back to what ships.
func wordsOf(form url.Values, prefix string) lists.Words {
	w := lists.Words{}
	for _, tag := range lists.Tags() {
		if form.Has(prefix + tag) {
			w[tag] = form.Get(prefix + tag)
		}
	}
	return w
}

// listsBring takes choices or places from a file, or says what it would change.
func (s *Server) listsBring(w http.ResponseWriter, r *http.Request, v visit) {
	p := page.ListsPage{}
	sheet, err := sheetFile(r)
	p.Tab = s.listTab(r.PostFormValue("list"))
	by := lists.Actor{ID: v.account.ID, Name: v.account.Name, Via: "import"}
	p.Looked = r.PostFormValue("do") != "take"
	var out lists.Brought
	if err == nil && p.Tab == lists.PlacesName {
		out, err = s.cfg.Lists.BringPlaces(r.Context(), sheet, r.PostFormValue("whole") != "", p.Looked, by)
	} else if err == nil {
		out, err = s.cfg.Lists.BringChoices(r.Context(), p.Tab, sheet, p.Looked, by)
	}
	f := s.frame(r, v, "lists.title")
	var wrong lists.Mistake
	var unread sheets.SheetError
	switch {
	case errors.As(err, &wrong):
		p.Trouble = f.T("lists.wrong." + string(wrong))
	case errors.As(err, &unread):
		p.Trouble = f.Said(unread.Error())
	case err != nil:
		s.broken(w, r, v, "bringing a list", err)
		return
	default:
		p.Brought = &out
	}
	status := http.StatusOK
	if p.Trouble != "" || len(out.Findings) > 0 {
		status = http.StatusUnprocessableEntity
	}
	s.showLists(w, r, v, status, p)
}

// errNoSheet is what is said to somebody who chose none.
const errNoSheet = lists.Mistake("file")

// sheetFile is the table of a form with a file.
func sheetFile(r *http.Request) (sheets.Sheet, error) {
	file, _, err := r.FormFile("sheet")
	if err != nil {
		return sheets.Sheet{}, errNoSheet
	}
	raw, err := io.ReadAll(io.LimitReader(file, sheets.MaxSheetFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return sheets.Sheet{}, err
	}
	if len(raw) == 0 {
		return sheets.Sheet{}, errNoSheet
	}
	return sheets.ReadSheet(raw)
}

// caseFormFile is the case form for other programs.
func (s *Server) caseFormFile(w http.ResponseWriter, r *http.Request, v visit) {
	w.Header().Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	w.Header().Set("Content-Disposition", `attachment; filename="case_form.xlsx"`)
	if _, err := s.cfg.Lists.Now().WriteXLSForm(w, s.cfg.Operation); err != nil {
		s.cfg.Log.Error("the case form could not be sent", "error", err)
	}
}

// placesFound is how many places are offered while somebody types.
const placesFound = 12

// places are those that fit what somebody has typed so far.
func (s *Server) places(w http.ResponseWriter, r *http.Request, _ visit) {
	found := s.cfg.Lists.FindPlaces(clean(r.URL.Query().Get("q"), 200), placesFound)
	if found == nil {
		found = []lists.Found{}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(found); err != nil {
		return // the page has gone
	}
}
