package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/ui/page"
)

// Cards are the records beside cases; *cards.Cards.
type Cards interface {
	Kind(name string) (cards.Kind, bool)
	Add(ctx context.Context, kind, of string, values map[string]any, by string) (cards.Card, error)
	Change(ctx context.Context, id string, e history.Edit) (cards.Card, []history.Conflict, error)
	Erase(ctx context.Context, id, by string) error
	Get(id string) (cards.Card, error)
	Belonging(of string) ([]cards.Card, error)
	Each(kind string, fn func(cards.Card) bool) error
	History(id string) ([]history.Entry, error)
}

// maySee reports whether a card is for this visitor: what is sensitive is for
// those alone who were trained for what is told in private.
func maySee(c cards.Card, v visit) bool { return !c.Hidden || v.trained && v.role == coordinator }

func (s *Server) card(w http.ResponseWriter, r *http.Request, v visit) {
	s.showCard(w, r, v, http.StatusOK, nil, "")
}

func (s *Server) showCard(w http.ResponseWriter, r *http.Request, v visit, status int, form []page.FormField, trouble string) {
	card, err := s.cfg.Cards.Get(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil && !maySee(card, v) {
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	if err == nil {
		err = s.viewed(r, v, card.Kind, card.ID)
	}
	if err != nil {
		s.broken(w, r, v, "reading a record", err)
		return
	}
	f := s.frame(r, v, "records."+card.Kind)
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	kind, _ := s.cfg.Cards.Kind(card.Kind)
	content := page.CardPage{Frame: f, Card: card, Kind: kind, Form: form, Trouble: trouble, Done: r.URL.Query().Get("done")}
	if content.Form == nil {
		content.Form = page.CardForm(f, kind, card.Values)
	}
	if err := s.aroundCard(&content); err != nil {
		s.broken(w, r, v, "reading what belongs to a record", err)
		return
	}
	s.show(w, r, status, page.CardRecord(content))
}

func (s *Server) aroundCard(p *page.CardPage) error {
	entries, err := s.cfg.Cards.History(p.Card.ID)
	if err != nil {
		return err
	}
	p.Timeline = page.Timeline(p.Frame, p.Card.Kind, p.Form, entries, nil, s.who())
	p.Notes, err = s.cfg.Cards.Belonging(p.Card.ID)
	return err
}

// cardSave changes answers of a card.
func (s *Server) cardSave(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a record", err)
		return
	}
	card, err := s.cfg.Cards.Get(r.PathValue("id"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	case err != nil:
		s.broken(w, r, v, "reading a record", err)
		return
	case !maySee(card, v):
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	if r.PostForm.Get("do") == "erase" {
		if err := s.cfg.Cards.Erase(r.Context(), card.ID, v.account.ID); err != nil {
			s.broken(w, r, v, "erasing a record", err)
			return
		}
		http.Redirect(w, r, "/records?tab="+url.QueryEscape(card.Kind)+"&done=erase", http.StatusSeeOther)
		return
	}
	f := s.frame(r, v, "records."+card.Kind)
	kind, _ := s.cfg.Cards.Kind(card.Kind)
	form := page.CardForm(f, kind, nil)
	changed, shown := readForm(form, r.PostForm)
	s.cardNumbers(kind, changed)
	saved, conflicts, err := s.cfg.Cards.Change(r.Context(), card.ID, history.Edit{By: v.account.ID, Via: "web", Fields: changed, Shown: shown})
	var field cards.FieldError
	switch {
	case errors.As(err, &field):
		s.showCard(w, r, v, http.StatusUnprocessableEntity, form, f.Said(field.Text))
	case err != nil:
		s.broken(w, r, v, "saving a record", err)
	case len(conflicts) > 0:
		disagree(form, conflicts)
		s.showCard(w, r, v, http.StatusConflict, form, f.T("form.disputed.h"))
	default:
		s.afterCard(w, r, v, saved, "save")
	}
}

// afterCard leads to the card, or to the list when it is for others alone.
func (s *Server) afterCard(w http.ResponseWriter, r *http.Request, v visit, card cards.Card, done string) {
	to := recordPath("cards", card.ID) + "?done=" + done
	if !maySee(card, v) {
		to = "/records?" + find.Filter{Kind: card.Kind}.Values().Encode() + "&done=sensitive"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// cardNumbers writes telephone numbers as records have them.
func (s *Server) cardNumbers(kind cards.Kind, fields map[string]any) {
	for _, f := range kind.Fields {
		if text, is := fields[f.Name].(string); is && f.Kind == cards.Phone {
			fields[f.Name] = string(call.ParseNumber(clean(text, 32), s.cfg.Region))
		}
	}
}

func (s *Server) newCard(w http.ResponseWriter, r *http.Request, v visit) {
	kind, of, known := s.cardAsked(r)
	if !known {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	f := s.frame(r, v, "records."+kind.Name)
	s.show(w, r, http.StatusOK, page.NewCard(page.NewCardPage{Frame: f, Kind: kind, Of: of, Form: page.CardForm(f, kind, nil)}))
}

// cardAsked is the kind that a new card shall be of, and the record that it
// belongs to: one that is there, and that may be written about.
func (s *Server) cardAsked(r *http.Request) (kind cards.Kind, of string, known bool) {
	kind, known = s.cfg.Cards.Kind(r.PathValue("kind"))
	of = r.FormValue("of")
	switch {
	case !known || kind.Of == "" && of != "":
		return kind, of, false
	case kind.Of == find.Cases:
		cs, err := s.cfg.Cases.Get(of)
		return kind, of, err == nil && !cs.Protected
	case kind.Of != "":
		card, err := s.cfg.Cards.Get(of)
		return kind, of, err == nil && card.Kind == kind.Of
	}
	return kind, of, true
}

func (s *Server) addCard(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a new record", err)
		return
	}
	kind, of, known := s.cardAsked(r)
	if !known {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	f := s.frame(r, v, "records."+kind.Name)
	form := page.CardForm(f, kind, nil)
	values, _ := readForm(form, r.PostForm)
	s.cardNumbers(kind, values)
	card, err := s.cfg.Cards.Add(r.Context(), kind.Name, of, values, v.account.ID)
	var field cards.FieldError
	switch {
	case errors.As(err, &field):
		f.Title = f.T("problem.title") + ": " + f.Title
		label := ""
		if i := slices.IndexFunc(form, func(one page.FormField) bool { return one.Name == field.Field }); i >= 0 {
			label = form[i].Label + ": "
		}
		s.show(w, r, http.StatusUnprocessableEntity, page.NewCard(page.NewCardPage{Frame: f, Kind: kind, Of: of, Form: form, Trouble: label + f.Said(field.Text)}))
	case err != nil:
		s.broken(w, r, v, "writing down a record", err)
	default:
		s.afterCard(w, r, v, card, url.QueryEscape("new"))
	}
}
