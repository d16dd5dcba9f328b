package ui

import (
	"net/http"
	"slices"
	"strconv"

	"hotline/appliance/events"
	"hotline/triage/find"
	"hotline/ui/page"
)

const (
	wantedAtFirst = 20
	mostWanted    = 500
)

// match looks for registered volunteers who can be sent: so many with these
// skills, in these areas, free on that day. The result is a filter like any
// other, so it can be exported.
func (s *Server) match(w http.ResponseWriter, r *http.Request, v visit) {
	q := r.URL.Query()
	q.Set("tab", find.Registrants)
	wanted, err := strconv.Atoi(q.Get("wanted"))
	if err != nil || wanted < 1 || wanted > mostWanted {
		wanted = wantedAtFirst
	}
	f := s.frame(r, v, "match.title")
	content := page.MatchPage{Frame: f, Filter: find.ParseFilter(q), Wanted: wanted, Asked: q.Has("wanted"), Form: page.MatchFields(f, s.cfg.Offered)}
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
	s.show(w, r, http.StatusOK, page.Match(content))
}
