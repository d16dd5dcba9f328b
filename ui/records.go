package ui

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"hotline/triage"
	"hotline/ui/page"
	"hotline/volunteers"
)

const (
	listed    = 50      // rows of a list
	counted   = 10_000  // beyond it a list says "more than"
	searched  = 200_000 // records that one search looks at
	reasonMin = 5
	reasonMax = 200
)

func recordLists() []string { return []string{"contacts", "cases", "registrants"} }

func (s *Server) records(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "records.title")
	content := page.RecordsPage{Frame: f, Query: clean(r.URL.Query().Get("q"), 64), Tab: r.URL.Query().Get("tab"), Lists: recordLists()}
	if !slices.Contains(content.Lists, content.Tab) {
		content.Tab = "contacts"
	}
	if err := s.fill(&content); err != nil {
		s.broken(w, r, v, "reading the records", err)
		return
	}
	s.show(w, r, http.StatusOK, page.Records(content))
}

// fill reads one list: the newest records that match, and how many there are.
func (s *Server) fill(p *page.RecordsPage) error {
	looking, digits := strings.ToLower(p.Query), onlyDigits(p.Query)
	match := func(number string, texts ...string) bool {
		if looking == "" || len(digits) >= 3 && strings.Contains(onlyDigits(number), digits) {
			return true
		}
		return slices.ContainsFunc(texts, func(text string) bool { return text != "" && strings.Contains(strings.ToLower(text), looking) })
	}
	seen := 0
	more := func(found bool) (list, goOn bool) {
		seen++
		if found {
			p.Count++
		}
		p.Shown = min(p.Count, listed)
		p.More = p.Count > counted || seen >= searched
		return found && p.Count <= listed, !p.More
	}
	switch p.Tab {
	case "contacts":
		return s.cfg.Contacts.Each(func(k triage.Contact) bool {
			list, goOn := more(match(string(k.Caller), k.ID, k.AgentName))
			if list {
				p.Contacts = append(p.Contacts, k)
			}
			return goOn
		})
	case "cases":
		return s.cfg.Cases.Each(func(c triage.Case) bool {
			list, goOn := more(match(string(cmp.Or(c.Fields.CallbackNumber, string(c.Caller))), c.Code, c.ID, c.Fields.Name, c.Fields.Place, c.Fields.Landmark))
			if list {
				p.Cases = append(p.Cases, c)
			}
			return goOn
		})
	}
	var all []volunteers.Registrant
	err := s.cfg.Registrants.Each(func(g volunteers.Registrant) error {
		found := match(string(g.Phone), g.Code, g.GivenName, g.FamilyName, g.Area)
		_, goOn := more(found)
		if found {
			all = append(all, g)
			if len(all) > listed { // oldest first: keep the newest
				all = all[1:]
			}
		}
		if !goOn {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	slices.Reverse(all)
	p.Registrants = all
	return err
}

var errEnough = errors.New("enough records were read")

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
