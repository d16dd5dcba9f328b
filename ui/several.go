package ui

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage/find"
	"hotline/ui/page"
	"hotline/volunteers"
)

// limitOfSeveral is how long the same may be done for several people: after it
// the rest is left, and named.
const limitOfSeveral = time.Minute

// severalDo does the same for several registered volunteers: those who are
// ticked, or all whom the filter finds.
func (s *Server) severalDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form about several registered volunteers", err)
		return
	}
	f := s.textFor(r)
	asked := page.ForSeveral{Whom: r.PostForm["who"], All: r.PostForm.Get("whom") == "all", Step: r.PostForm.Get("step"), Why: clean(r.PostForm.Get("why"), reasonMax)}
	refuse := func(trouble string) {
		asked.Trouble = trouble
		s.showRecords(w, r, v, http.StatusUnprocessableEntity, asked)
	}
	filter := find.ParseFilter(r.URL.Query())
	ids := asked.Whom
	if asked.All && !filter.Empty() {
		s.settled(r)
		all, err := s.cfg.Finder.All(filter)
		if err != nil { // the index is being built, and knows only some of them
			refuse(f.T("match.building"))
			return
		}
		ids = all
	}
	switch {
	case filter.Kind != find.Registrants:
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case len(ids) == 0:
		refuse(f.T("several.wrong.nobody"))
	case len(ids) > mostWanted:
		refuse(f.T("several.wrong.many"))
	case r.PostForm.Get("do") == "call" && s.mayCallList(v):
		s.callList(w, r, v, func() []string { return ids }, refuse)
	case r.PostForm.Get("do") == "move":
		s.moveSeveral(w, r, v, ids, asked, refuse)
	default:
		refuse(f.T("person.wrong.what"))
	}
}

// moveSeveral takes the step for everybody for whom it is possible, each with a
// history and an event of their own, and names those whom it leaves as they are.
func (s *Server) moveSeveral(w http.ResponseWriter, r *http.Request, v visit, ids []string, asked page.ForSeveral, refuse func(string)) {
	f := s.frame(r, v, "records.title")
	steps := volunteers.StepsForSeveral()
	i := slices.IndexFunc(steps, func(step volunteers.Step) bool { return step.Name == asked.Step })
	if i < 0 {
		refuse(f.T("several.wrong.step"))
		return
	}
	if steps[i].Reason && asked.Why == "" {
		refuse(f.T("person.wrong.why"))
		return
	}
	// A browser that goes away in the middle stops nothing: what was asked for is
	// done, or named.
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), limitOfSeveral)
	defer stop()
	seen := map[string]bool{}
	var failed error
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		_, err := s.cfg.Registrants.Move(ctx, id, asked.Step, history.Edit{By: v.account.ID, Via: "web", Why: asked.Why})
		if err == nil {
			asked.Moved++
			continue
		}
		g, gone := s.cfg.Registrants.Get(id)
		if errors.Is(gone, store.ErrNotFound) {
			continue // erased meanwhile: there is nobody to name
		}
		why := f.T("several.left.save")
		switch key := personTrouble(err); {
		case errors.Is(err, volunteers.ErrStep):
			why = f.F("several.left.step", "status", f.Code(find.Registrants, "status", string(g.Status)))
		case key != "":
			why = f.T(key)
		default:
			failed = err
		}
		g.ID = id // also where the record cannot be read
		asked.Left = append(asked.Left, page.LeftAsIs{Person: g, Why: why})
	}
	if failed != nil {
		s.cfg.Log.LogAttrs(ctx, slog.LevelError, "a step for several registered volunteers was not saved for all", slog.String("step", asked.Step), slog.Any("error", failed))
	}
	asked.Whom = nil
	s.showRecords(w, r, v, http.StatusOK, asked)
}
