package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/find"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// Records are told in the columns of their exports and by the same rules: a
// column that needs a higher level than the token's is not there, and of whoever
// has not agreed that others learn of them, no more than without names. What is
// protected, and complaints, are not there at all (goal 3).

const (
	usualPage = 50
	largePage = 200
	mostRead  = 5_000 // records that one request looks at; the cursor goes on
	chunk     = 200
	settle    = 300 * time.Millisecond // that a request waits for the newest change to be found
)

// set is one kind of records that programs read.
type set[T any] struct {
	kind    string // of find
	get     func(id string) (T, error)
	after   func(after string, limit int) ([]T, string, error)
	id      func(T) string
	changed func(T) time.Time
	table   func([]T) table.Table
}

func (a *API) contactSet() set[triage.Contact] {
	return set[triage.Contact]{find.Contacts, a.cfg.Contacts.Get, a.cfg.Contacts.After,
		func(k triage.Contact) string { return k.ID }, func(k triage.Contact) time.Time { return k.UpdatedAt },
		func(list []triage.Contact) table.Table { return a.cfg.Contacts.TableOf(a.cfg.Lists, list) }}
}

func (a *API) caseSet() set[triage.Case] {
	return set[triage.Case]{find.Cases, a.cfg.Cases.Get, a.cfg.Cases.After,
		func(cs triage.Case) string { return cs.ID }, func(cs triage.Case) time.Time { return cs.UpdatedAt },
		func(list []triage.Case) table.Table { return a.cfg.Cases.TableOf(list) }}
}

func (a *API) registrantSet() set[volunteers.Registrant] {
	return set[volunteers.Registrant]{find.Registrants, a.cfg.Registrants.Get, a.cfg.Registrants.After,
		func(g volunteers.Registrant) string { return g.ID }, func(g volunteers.Registrant) time.Time { return g.UpdatedAt },
		a.cfg.Registrants.TableOf}
}

func (a *API) contacts(w http.ResponseWriter, r *http.Request, t roster.Token) {
	list(a, w, r, t, a.contactSet())
}

func (a *API) contact(w http.ResponseWriter, r *http.Request, t roster.Token) {
	one(a, w, r, t, a.contactSet())
}

func (a *API) cases(w http.ResponseWriter, r *http.Request, t roster.Token) {
	list(a, w, r, t, a.caseSet())
}

func (a *API) oneCase(w http.ResponseWriter, r *http.Request, t roster.Token) {
	one(a, w, r, t, a.caseSet())
}

func (a *API) registrants(w http.ResponseWriter, r *http.Request, t roster.Token) {
	list(a, w, r, t, a.registrantSet())
}

func (a *API) registrant(w http.ResponseWriter, r *http.Request, t roster.Token) {
	one(a, w, r, t, a.registrantSet())
}

// wanted is what a list was asked for.
type wanted struct {
	filter   find.Filter
	since    time.Time
	limit    int
	question string
	after    string
}

// want reads the query of a list. A filter that is not known is refused: left
// out, it would tell of everybody.
func (a *API) want(q url.Values, kind string, t roster.Token) (wanted, error) {
	known := append([]string{"q", "from", "until", "since", "limit", "cursor"}, find.Fields(kind)...)
	if kind == find.Registrants {
		known = append(known, "area", "free")
	}
	if kind == find.Cases { // what operators ask besides
		for _, own := range append(a.cfg.Lists.Now().Full(), a.cfg.Lists.Now().Owned()...) {
			if own.Kind == lists.One || own.Kind == lists.Several {
				known = append(known, own.Name)
			}
		}
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return wanted{}, fmt.Errorf("%s cannot be picked by %q: see %s/openapi.json", kind, name, Prefix)
		}
		if slices.Contains([]string{"from", "until", "free"}, name) {
			if _, err := time.Parse(time.DateOnly, values[0]); err != nil {
				return wanted{}, fmt.Errorf("%s is a day like 2026-11-26", name)
			}
		}
	}
	ask := wanted{limit: usualPage}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > largePage {
			return wanted{}, fmt.Errorf("limit is a number from 1 to %d", largePage)
		}
		ask.limit = n
	}
	if text := q.Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return wanted{}, errors.New("since is a time like 2026-11-26T07:00:00Z")
		}
		ask.since = at
	}
	picked := url.Values{"tab": {kind}}
	for name, values := range q {
		picked[name] = values
	}
	picked.Set("tab", kind)
	ask.filter = find.ParseFilter(picked)
	ask.question = question(t.ID, ask.filter.Values().Encode(), ask.since.UTC().Format(time.RFC3339Nano))
	var err error
	ask.after, err = a.behind(ask.question, q.Get("cursor"))
	return ask, err
}

// list tells of some records and gives a cursor to the next ones.
func list[T any](a *API, w http.ResponseWriter, r *http.Request, t roster.Token, s set[T]) {
	ask, err := a.want(r.URL.Query(), s.kind, t)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	var found []T
	next := ""
	if ask.filter.Empty() {
		found, next, err = walk(a, s, ask)
	} else {
		found, next, err = picked(r.Context(), a, s, ask)
	}
	var items []map[string]any
	if err == nil {
		items, err = seen(s.table(found), t, ask.since)
	}
	if err == nil {
		// Noted before it is told: who looked, and with what.
		err = a.note(r.Context(), t, "records.searched", map[string]string{"filter": ask.filter.String(), "rows": strconv.Itoa(len(items)), "level": t.Sees().String()})
	}
	switch {
	case errors.Is(err, find.ErrBuilding):
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	case err != nil:
		a.broken(w, "reading the "+s.kind, err)
		return
	}
	answer := map[string]any{"items": items, "next": nil}
	if next != "" {
		answer["next"] = a.cursor(ask.question, next)
	}
	reply(w, http.StatusOK, answer)
}

// walk reads all records of a kind, those that changed since.
func walk[T any](a *API, s set[T], ask wanted) (found []T, next string, err error) {
	after := ask.after
	for read := 0; read < mostRead; read += chunk {
		some, more, err := s.after(after, chunk)
		switch {
		case errors.Is(err, store.ErrClosed), err != nil && len(some) == 0 && more == "":
			return nil, "", err
		case err != nil: // one that is damaged must not hide the others
			a.cfg.Log.Error("a record could not be read for a program; all others can", "kind", s.kind, "error", err)
		}
		for i, one := range some {
			if s.changed(one).Before(ask.since) {
				continue
			}
			if found = append(found, one); len(found) == ask.limit {
				if i == len(some)-1 && more == "" {
					return found, "", nil
				}
				return found, s.id(one), nil
			}
		}
		if after = more; after == "" {
			return found, "", nil
		}
	}
	return found, after, nil
}

// picked reads the records that a filter finds.
func picked[T any](ctx context.Context, a *API, s set[T], ask wanted) (found []T, next string, err error) {
	limit, stop := context.WithTimeout(ctx, settle)
	defer stop()
	if a.cfg.Finder.Settle(limit) != nil && ctx.Err() != nil { // else it is a moment behind
		return nil, "", context.Cause(ctx)
	}
	ids, err := a.cfg.Finder.All(ask.filter)
	if err != nil {
		return nil, "", err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id <= ask.after })
	slices.Sort(ids)
	for i, id := range ids {
		if i == mostRead || len(found) == ask.limit {
			return found, ids[i-1], nil
		}
		one, err := s.get(id)
		switch {
		case errors.Is(err, store.ErrNotFound): // it went meanwhile
		case err != nil:
			return nil, "", err
		case !s.changed(one).Before(ask.since):
			found = append(found, one)
		}
	}
	return found, "", nil
}

// one tells of one record.
func one[T any](a *API, w http.ResponseWriter, r *http.Request, t roster.Token, s set[T]) {
	record, err := s.get(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		missing(w)
		return
	}
	var items []map[string]any
	if err == nil {
		items, err = seen(s.table([]T{record}), t, time.Time{})
	}
	if err == nil && len(items) == 0 {
		missing(w)
		return
	}
	if err == nil {
		err = a.note(r.Context(), t, "record.viewed", map[string]string{"kind": s.kind, "id": s.id(record), "level": t.Sees().String()})
	}
	tag := ""
	if err == nil {
		tag, err = a.tag(record)
	}
	if err != nil {
		a.broken(w, "reading one of the "+s.kind, err)
		return
	}
	w.Header().Set("ETag", tag)
	reply(w, http.StatusOK, items[0])
}

// seen are the rows of a table as far as a token shows them: only those that may
// go to whoever runs the program, those of people who agreed with the columns of
// its level, and the others without names. With since, what has gone since then is
// told as gone.
func seen(t table.Table, token roster.Token, since time.Time) ([]map[string]any, error) {
	t = t.For(token.For())
	items, at := []map[string]any{}, map[any]int{}
	identity := t.Columns[0].Name
	for _, level := range []table.Level{table.Coordination, table.Referral} {
		if level > token.Sees() {
			break
		}
		if level > table.Coordination {
			since = time.Time{} // who has not agreed is told without names, and not as gone
		}
		for object, err := range t.At(level, since).Objects() {
			if err != nil {
				return nil, err
			}
			object["redaction"] = level.String()
			if i, told := at[object[identity]]; told {
				items[i] = object
				continue
			}
			at[object[identity]] = len(items)
			items = append(items, object)
		}
	}
	return items, nil
}

// tag is the ETag of a record as it is stored (RFC 9110 §8.8.3): whoever changes
// it says which one they saw. It is keyed, so that it tells nothing.
func (a *API) tag(record any) (string, error) {
	raw, err := json.Marshal(record)
	return `"` + a.cfg.Store.Digest("etag\n"+string(raw)) + `"`, err
}

// note writes down what a program looks at.
func (a *API) note(ctx context.Context, t roster.Token, kind string, data map[string]string) error {
	data["name"], data["token"] = t.Name, t.ID
	return a.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: kind, Operation: a.cfg.Operation, By: t.By, Via: "api", Data: data})
		return nil
	})
}
