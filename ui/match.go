package ui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/find"
	"hotline/ui/page"
	"hotline/volunteers"
)

const (
	wantedAtFirst = 20
	mostWanted    = 500
)

// match looks for registered volunteers who can be sent: so many with these
// skills, in these areas, free on that day. The result is a filter like any
// other, so it can be exported.
func (s *Server) match(w http.ResponseWriter, r *http.Request, v visit) {
	s.showMatch(w, r, v, http.StatusOK, "")
}

func (s *Server) showMatch(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	q := r.URL.Query()
	q.Set("tab", find.Registrants)
	wanted, err := strconv.Atoi(q.Get("wanted"))
	if err != nil || wanted < 1 || wanted > mostWanted {
		wanted = wantedAtFirst
	}
	f := s.frame(r, v, "match.title")
	content := page.MatchPage{Frame: f, Filter: find.ParseFilter(q), Wanted: wanted, Asked: q.Has("wanted"), Form: page.MatchFields(f), Calls: s.mayCallList(v), Trouble: trouble}
	for i := range content.Form {
		field := &content.Form[i]
		field.Values = slices.DeleteFunc(slices.Clone(q[field.Name]), func(text string) bool { return text == "" })
	}
	if !content.Asked {
		tomorrow := f.Now.Local().AddDate(0, 0, 1)
		content.Set("free", tomorrow.Format("2006-01-02"))
		content.Set("wanted", strconv.Itoa(wanted))
		s.show(w, r, http.StatusOK, page.Match(content))
		return
	}
	s.settled(r)
	_, content.Building = s.cfg.Finder.Building()
	note := events.Event{Kind: "records.searched", Operation: s.cfg.Operation, By: v.account.ID, Via: "web", Data: map[string]string{"name": v.account.Name, "filter": content.Filter.String()}}
	if err := s.cfg.Journal.Note(r.Context(), note); err != nil {
		s.broken(w, r, v, "noting a search", err)
		return
	}
	got := s.cfg.Finder.Find(content.Filter, 0, wanted)
	content.Count = got.Count
	for _, id := range got.IDs {
		if err := taken(&content.People, s.cfg.Registrants.Get, id); err != nil {
			s.broken(w, r, v, "reading registered volunteers", err)
			return
		}
	}
	s.show(w, r, status, page.Match(content))
}

// matchCall makes a round of the people on the page.
func (s *Server) matchCall(w http.ResponseWriter, r *http.Request, v visit) {
	q := r.URL.Query()
	q.Set("tab", find.Registrants)
	wanted, err := strconv.Atoi(q.Get("wanted"))
	if err != nil || wanted < 1 || wanted > mostWanted {
		wanted = wantedAtFirst
	}
	s.callList(w, r, v, func() []string { return s.cfg.Finder.Find(find.ParseFilter(q), 0, wanted).IDs }, func(trouble string) {
		s.showMatch(w, r, v, http.StatusUnprocessableEntity, trouble)
	})
}

// mayCallList says whether a list of people to call can be made here.
func (s *Server) mayCallList(v visit) bool { return v.role == coordinator && s.cfg.Desk.CallsOut() }

// callList makes a round of registered volunteers. Nobody is called before
// somebody has looked at the list and started it.
func (s *Server) callList(w http.ResponseWriter, r *http.Request, v visit, whom func() []string, refuse func(trouble string)) {
	name := clean(r.PostFormValue("name"), 80)
	if name == "" {
		refuse(s.textFor(r).T("rounds.wrong.name"))
		return
	}
	var people []triage.ListedPerson
	for _, id := range whom() {
		g, err := s.cfg.Registrants.Get(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			s.broken(w, r, v, "reading registered volunteers", err)
			return
		}
		if g.Status == volunteers.StatusWithdrawn { // whatever was picked
			continue
		}
		people = append(people, triage.ListedPerson{Name: strings.TrimSpace(g.GivenName + " " + g.FamilyName), Number: string(g.Phone), Language: known(first(g.Languages), s.cfg.Offered),
			Source: triage.SourceRegistrant, Ref: g.ID})
	}
	round, err := s.cfg.Rounds.MakeRound(r.Context(), triage.Round{Operation: s.cfg.Operation, Name: name, Queue: triage.QueueVolunteers, Tries: 2}, people, s.cfg.Region, v.account.ID, v.account.Name)
	switch {
	case errors.Is(err, triage.ErrRoundEmpty):
		refuse(s.textFor(r).T("rounds.wrong.empty"))
	case err != nil:
		s.broken(w, r, v, "making a round of registered volunteers", err)
	default:
		http.Redirect(w, r, "/rounds/"+url.PathEscape(round.ID), http.StatusSeeOther)
	}
}
