package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/ui/page"
	"hotline/ui/words"
)

const (
	listed    = 50      // rows of a list
	counted   = 10_000  // beyond it a list says "more than"
	searched  = 200_000 // recordings that one search looks at
	deepest   = 10_000  // rows that can be turned to page by page
	reasonMin = 5
	reasonMax = 200
)

// settle is how long a page waits for the newest change to be found.
const settle = 300 * time.Millisecond

// records shows the newest records of a kind, or those that a filter finds. The
// filter is the address: it can be kept, sent to a colleague, and exported.
func (s *Server) records(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRecords(w, r, v, http.StatusOK, page.ForSeveral{})
}

// showRecords shows them after something was done for several of them.
func (s *Server) showRecords(w http.ResponseWriter, r *http.Request, v visit, status int, several page.ForSeveral) {
	q := r.URL.Query()
	skip, err := strconv.Atoi(q.Get("skip"))
	if err != nil || skip < 0 || skip > deepest {
		skip = 0
	}
	f := s.frame(r, v, "records.title")
	content := page.RecordsPage{Frame: f, Filter: find.ParseFilter(q), Skip: skip, Step: listed, Done: q.Get("done"), Several: several}
	content.Several.Most, content.Several.Calls = mostWanted, s.mayCallList(v)
	content.CardKind, _ = s.cfg.Cards.Kind(content.Filter.Kind)
	s.settled(r)
	content.Read, content.Building = s.cfg.Finder.Building()
	if content.Filter.Empty() {
		err = s.newest(&content, v)
	} else {
		err = s.found(r, v, &content)
	}
	if err != nil {
		s.broken(w, r, v, "reading the records", err)
		return
	}
	content.Picks = s.picks(f, content.Filter)
	s.show(w, r, status, page.Records(content))
}

// settled waits a moment for what was saved just now to be found.
func (s *Server) settled(r *http.Request) {
	limit, stop := context.WithTimeout(r.Context(), settle)
	defer stop()
	if s.cfg.Finder.Settle(limit) != nil {
		return // the list is a moment behind
	}
}

// found fills the page with what a filter finds. Searches are noted: somebody
// who looks for a person's number leaves a trace, the number does not.
func (s *Server) found(r *http.Request, v visit, p *page.RecordsPage) error {
	note := events.Event{Kind: "records.searched", Operation: s.cfg.Operation, By: v.account.ID, Via: "web", Data: map[string]string{"name": v.account.Name, "filter": p.Filter.String()}}
	if err := s.cfg.Journal.Note(r.Context(), note); err != nil {
		return err
	}
	got := s.cfg.Finder.Find(p.Filter, p.Skip, listed)
	p.Count = got.Count
	p.Counts = map[string]int{}
	for _, kind := range find.Kinds() {
		if kind == p.Filter.Kind {
			p.Counts[kind] = got.Count
		} else if p.Filter.Text != "" {
			p.Counts[kind] = s.cfg.Finder.Find(find.Filter{Kind: kind, Text: p.Filter.Text}, 0, 0).Count
		}
	}
	for _, id := range got.IDs {
		var err error
		switch p.Filter.Kind {
		case find.Contacts:
			err = taken(&p.Contacts, s.cfg.Contacts.Get, id)
		case find.Cases:
			err = taken(&p.Cases, s.cfg.Cases.Get, id)
		case find.Registrants:
			err = taken(&p.Registrants, s.cfg.Registrants.Get, id)
		default:
			err = taken(&p.Cards, s.cfg.Cards.Get, id)
		}
		if err != nil {
			return err
		}
	}
	p.Shown = len(got.IDs)
	return nil
}

// taken adds the record id, unless it went meanwhile.
func taken[T any](list *[]T, get func(string) (T, error), id string) error {
	record, err := get(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		*list = append(*list, record)
	}
	return err
}

// newest fills the page with the newest records of the kind, protected ones
// among them: they are counted, and cannot be looked for.
func (s *Server) newest(p *page.RecordsPage, v visit) error {
	more := func() (list, goOn bool) {
		p.Count++
		p.More = p.Count > counted
		list = p.Count > p.Skip && p.Count <= p.Skip+listed
		if list {
			p.Shown++
		}
		return list, !p.More
	}
	switch p.Filter.Kind {
	case find.Contacts:
		return s.cfg.Contacts.Each(func(k triage.Contact) bool {
			list, goOn := more()
			if list {
				p.Contacts = append(p.Contacts, k)
			}
			return goOn
		})
	case find.Cases:
		return s.cfg.Cases.Each(func(c triage.Case) bool {
			list, goOn := more()
			if list {
				p.Cases = append(p.Cases, c)
			}
			return goOn
		})
	}
	if p.CardKind.Name != "" {
		return s.cfg.Cards.Each(p.CardKind.Name, func(c cards.Card) bool {
			if !maySee(c, v) {
				return true
			}
			list, goOn := more()
			if list {
				p.Cards = append(p.Cards, c)
			}
			return goOn
		})
	}
	list, err := s.cfg.Registrants.List(p.Skip, listed)
	p.Registrants, p.Shown = list, len(list)
	if p.Count = s.cfg.Finder.Len(find.Registrants); p.Building {
		p.Count = max(p.Count, p.Skip+p.Shown)
	}
	return err
}

// picks are the choices by which the list can be narrowed, as far as there are
// records that have them.
func (s *Server) picks(f page.Frame, filter find.Filter) []page.Pick {
	var out []page.Pick
	fields := find.Fields(filter.Kind)
	if filter.Kind == find.Cases {
		for _, q := range append(f.Lists.Full(), f.Lists.Owned()...) {
			if q.Kind == lists.One || q.Kind == lists.Several {
				fields = append(fields, q.Name)
			}
		}
	}
	for _, field := range fields {
		there := s.cfg.Finder.Values(filter.Kind, field)
		for _, v := range filter.Picks[field] {
			if _, is := there[v]; !is {
				there = with(there, v)
			}
		}
		if len(there) > 0 {
			out = append(out, page.NewPick(f, filter, field, there))
		}
	}
	return out
}

func with(counts map[string]int, value string) map[string]int {
	if counts == nil {
		counts = map[string]int{}
	}
	counts[value] = 0
	return counts
}

// SearchWords are the words under which people look for a choice of a list, in
// every language of the pages.
func SearchWords(l *lists.Keeper) (func(field, value string) []string, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, err
	}
	return func(field, value string) []string {
		var said []string
		now := l.Now()
		for _, tag := range catalogues.Tags() {
			for _, texts := range []map[string]string{now.Texts(tag), catalogues.Keys(tag)} {
				for _, kind := range find.Kinds() {
					if text := page.CodeWords(texts, kind, field, value); text != "" && !slices.Contains(said, text) {
						said = append(said, text)
					}
				}
			}
		}
		return said
	}, nil
}

// who names an account: what is written into records is its id.
func (s *Server) who() func(id string) string {
	names := map[string]string{"": ""}
	return func(id string) string {
		name, known := names[id]
		if !known {
			account, err := s.cfg.Accounts.Get(id)
			if name = account.Name; err != nil {
				name = id // it was removed, or a program's
			}
			names[id] = name
		}
		return cmp.Or(name, id)
	}
}

// viewed notes who looked at whose record, before it is shown.
func (s *Server) viewed(r *http.Request, v visit, kind, id string) error {
	return s.cfg.Journal.Note(r.Context(), events.Event{Kind: "record.viewed", Operation: s.cfg.Operation, By: v.account.ID, Via: "web",
		Data: map[string]string{"name": v.account.Name, "kind": kind, "id": id}})
}

func recordPath(kind, id string) string { return "/records/" + kind + "/" + url.PathEscape(id) }
