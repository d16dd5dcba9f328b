package ui

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage/cards"
	"hotline/triage/find"
)

// service is an entry of the directory as the desk shows it: what is read to a
// caller.
type service struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Org       string `json:"org"`
	Phone     string `json:"phone,omitempty"`
	Where     string `json:"where,omitempty"`
	When      string `json:"when,omitempty"`
	Who       string `json:"who,omitempty"` // may come
	Languages string `json:"languages,omitempty"`
	Closed    bool   `json:"closed,omitempty"` // for now
}

const (
	servicesShown  = 8
	servicesLooked = 40 // some of them are closed for good
)

// deskDirectory finds who offers what, while somebody is on the line: nothing
// in it is about callers, so every phone volunteer may look.
func (s *Server) deskDirectory(w http.ResponseWriter, r *http.Request, v visit) {
	text := clean(r.URL.Query().Get("q"), 80)
	list := []service{}
	var ids []string
	if text != "" {
		ids = s.cfg.Finder.Find(find.Filter{Kind: cards.Directory, Text: text}, 0, servicesLooked).IDs
	}
	for _, id := range ids {
		card, err := s.cfg.Cards.Get(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			s.broken(w, r, v, "reading the directory", err)
			return
		}
		if status := card.Value("service_status"); status == "inactive" || status == "defunct" {
			continue
		}
		list = append(list, serviceOf(card))
		if len(list) == servicesShown {
			break
		}
	}
	s.sendJSON(w, http.StatusOK, list)
}

func serviceOf(card cards.Card) service {
	where := slices.DeleteFunc([]string{card.Value("address_1"), card.Value("city")}, func(part string) bool { return part == "" })
	return service{ID: card.ID, Name: card.Value("service_name"), Org: card.Value("organization_name"), Phone: card.Value("phone_number"), Where: strings.Join(where, ", "),
		When: card.Value("schedule"), Who: card.Value("eligibility_description"), Languages: card.Value("languages"), Closed: card.Value("service_status") == "temporarily_closed"}
}

func (s *Server) sendJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		s.cfg.Log.Error("an answer could not be written", "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(raw); err != nil {
		return // the page has gone
	}
}

// deskRefer notes on the case of the call that runs that the caller was told of
// a service, and whether the caller agrees to be passed on to it. A person who
// works on cases sends it.
func (s *Server) deskRefer(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	say := func(status int, key string, pairs ...string) {
		s.sendJSON(w, status, map[string]string{"text": s.textFor(r).F(key, pairs...)})
	}
	contact := r.PostForm.Get("contact")
	now := s.cfg.Desk.Seat(PersonOf(v.account)).Snapshot()
	if now.Call == nil || now.Call.Contact != contact || now.Call.Internal || now.Monitoring != nil {
		say(http.StatusConflict, "refer.wrong.call")
		return
	}
	if now.Call.Protected {
		say(http.StatusConflict, "refer.wrong.protected")
		return
	}
	card, err := s.cfg.Cards.Get(r.PostForm.Get("service"))
	if errors.Is(err, store.ErrNotFound) || err == nil && card.Kind != cards.Directory {
		say(http.StatusConflict, "refer.wrong.gone")
		return
	}
	if err == nil {
		err = s.refer(r, v, contact, card, r.PostForm.Get("agrees") == "yes")
	}
	if err != nil {
		s.cfg.Log.Error("a caller could not be passed on", "contact", contact, "error", err)
		say(http.StatusInternalServerError, "js.error.failed")
		return
	}
	say(http.StatusOK, "refer.done", "org", card.Value("organization_name"))
}

func (s *Server) refer(r *http.Request, v visit, contact string, to cards.Card, agrees bool) error {
	cs, _, err := s.cfg.Cases.Write(r.Context(), contact, history.Edit{By: v.account.ID, Via: "web"}) // there is a case from now on
	if err != nil {
		return err
	}
	consent := map[bool]string{true: "yes", false: "no"}[agrees]
	values := map[string]any{"to_org": to.Value("organization_name"), "service": to.Value("service_name"), "consent": consent}
	passed, err := s.cfg.Cards.Belonging(cs.ID)
	if err != nil {
		return err
	}
	for _, one := range passed { // pressed twice, or thought better of
		if one.Kind == cards.Referrals && one.Value("to_org") == values["to_org"] && one.Value("service") == values["service"] && one.Value("sent_at") == "" {
			_, _, err := s.cfg.Cards.Change(r.Context(), one.ID, history.Edit{By: v.account.ID, Via: "web", Fields: map[string]any{"consent": consent}, Shown: map[string]any{"consent": one.Value("consent")}})
			return err
		}
	}
	_, err = s.cfg.Cards.Add(r.Context(), cards.Referrals, cs.ID, values, v.account.ID)
	return err
}
