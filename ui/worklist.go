package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"hotline/appliance/store"
	"hotline/triage"
	"hotline/ui/page"
)

// worklist shows what somebody still has to care for, most urgent first, and
// that no attempt is missing.
func (s *Server) worklist(w http.ResponseWriter, r *http.Request, v visit) {
	pick := triage.Pick{Kind: r.URL.Query().Get("kind"), Language: clean(r.URL.Query().Get("language"), 16), Limit: listed}
	if !slices.Contains(triage.Kinds(), pick.Kind) {
		pick.Kind = ""
	}
	found, err := s.cfg.Worklist.Worklist(pick)
	if err != nil {
		s.broken(w, r, v, "reading the worklist", err)
		return
	}
	content := page.WorklistPage{Frame: s.frame(r, v, "worklist.title"), Pick: pick, Page: found, Me: v.account.ID, Numbers: seesNumbers(v.role),
		Done: r.URL.Query().Get("done")}
	content.Total, content.Today, err = s.cfg.Books.Balance(r.Context(), time.Now())
	if err != nil { // the list is what counts
		s.cfg.Log.Error("the books of all attempts cannot be read", "error", err)
	}
	content.Counted = err == nil
	content.Page.Items = slices.DeleteFunc(content.Page.Items, func(i triage.Item) bool { return !mayWork(i, v) })
	content.CallsOut, content.MaySet = s.cfg.Desk.CallsOut(), seesNumbers(v.role)
	if content.Quiet, err = s.cfg.Worklist.QuietHours(); err != nil {
		s.broken(w, r, v, "reading the quiet hours", err)
		return
	}
	s.show(w, r, http.StatusOK, page.Worklist(content))
}

// seesNumbers reports whether a role sees every number. A phone volunteer sees
// that of the item that it has taken.
func seesNumbers(who role) bool { return who == supervisor || who == coordinator }

// mayWork reports whether an item is for this person: not everything that
// callers tell is for everybody who answers.
func mayWork(i triage.Item, v visit) bool { return i.MayWork(v.trained, v.role != agent) }

func (s *Server) item(w http.ResponseWriter, r *http.Request, v visit) {
	s.showItem(w, r, v, http.StatusOK, "")
}

func (s *Server) showItem(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	i, attempts, err := s.cfg.Worklist.Item(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "reading an item of the worklist", err)
		return
	}
	if !mayWork(i, v) {
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	f := s.frame(r, v, "item.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	content := page.ItemPage{Frame: f, Item: i, Attempts: attempts, Me: v.account.ID, Numbers: seesNumbers(v.role),
		Supervises: v.role != agent, Records: v.role == coordinator, Trouble: trouble, Done: r.URL.Query().Get("done"),
		CallsOut: s.cfg.Desk.CallsOut(), Why: clean(r.PostForm.Get("why"), reasonMax)}
	content.Reveal = status == http.StatusOK && r.PostForm.Get("do") == "number" // which was written down
	s.show(w, r, status, page.WorkItem(content))
}

// itemDo carries out what a person decided about one item.
func (s *Server) itemDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of an item", err)
		return
	}
	id, what := r.PathValue("id"), r.PostForm.Get("do")
	if i, _, err := s.cfg.Worklist.Item(id); err == nil && !mayWork(i, v) {
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	err := s.workOn(r.Context(), id, what, clean(r.PostForm.Get("why"), reasonMax), r.PostForm.Get("at"), v)
	if err != nil {
		if key := itemTrouble(err); key != "" {
			f := s.frame(r, v, "item.title")
			var taken triage.TakenError
			errors.As(err, &taken)
			s.showItem(w, r, v, http.StatusConflict, f.F(key, "name", taken.Name))
			return
		}
		if errors.Is(err, store.ErrNotFound) {
			s.problem(w, r, v, http.StatusNotFound, "missing")
			return
		}
		s.broken(w, r, v, "changing an item of the worklist", err)
		return
	}
	if what == "number" { // for this look
		s.showItem(w, r, v, http.StatusOK, "")
		return
	}
	back := "/worklist/" + url.PathEscape(id) + "?done=" + url.QueryEscape(what)
	if what == "call" { // there is the sound; the phone page makes the call as soon as it has it
		back = "/desk?item=" + url.QueryEscape(id)
	}
	if what == "close" || what == "release" || what == "unreached" || what == "queue" {
		back = "/worklist?done=" + url.QueryEscape(what)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// farAhead bounds how long before a call can be agreed upon.
const farAhead = 30 * 24 * time.Hour

// quietHours sets when nobody is called by the hotline itself.
func (s *Server) quietHours(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the quiet hours", err)
		return
	}
	var q triage.Quiet
	for _, one := range []struct {
		field string
		to    *int
	}{{"from", &q.From}, {"until", &q.Until}} {
		at, err := time.Parse("15:04", r.PostForm.Get(one.field))
		if err != nil {
			s.problem(w, r, v, http.StatusUnprocessableEntity, "hours")
			return
		}
		*one.to = at.Hour()*60 + at.Minute()
	}
	if err := s.cfg.Worklist.SetQuietHours(r.Context(), q, v.account.ID); err != nil {
		s.broken(w, r, v, "setting the quiet hours", err)
		return
	}
	http.Redirect(w, r, "/worklist?done=quiet", http.StatusSeeOther)
}

var (
	errItemWhat = errors.New("an unknown action on an item")
	errItemTime = errors.New("a time for a call that is none")
	errItemRole = errors.New("only a supervisor or coordinator may do that to an item")
)

func (s *Server) workOn(ctx context.Context, id, what, why, at string, v visit) error {
	me, list := v.account.ID, s.cfg.Worklist
	switch what {
	case "take", "call":
		_, err := list.TakeItem(ctx, id, me, v.account.Name)
		return err
	case "number":
		return list.ShowNumber(ctx, id, me, v.account.Name)
	case "release":
		return list.ReleaseItem(ctx, id, me)
	case "unreached":
		return list.NotReached(ctx, id, me)
	case "queue":
		when := time.Time{} // at once, in the old place
		if at != "" {
			var err error
			if when, err = time.ParseInLocation("2006-01-02T15:04", at, time.Local); err != nil || time.Until(when) > farAhead {
				return errItemTime
			}
		}
		return list.QueueItem(ctx, id, when, me)
	case "unqueue":
		return list.UnqueueItem(ctx, id, me)
	case "close":
		if len([]rune(why)) < reasonMin {
			return triage.ErrCloseText
		}
		return list.CloseItem(ctx, id, me, why)
	}
	if v.role == agent {
		return errItemRole
	}
	switch what {
	case "share":
		return list.SetShared(ctx, id, true, me)
	case "unshare":
		return list.SetShared(ctx, id, false, me)
	case "safe":
		if len([]rune(why)) < reasonMin {
			return triage.ErrCloseText
		}
		return list.SetSafe(ctx, id, true, me, why)
	}
	return errItemWhat
}

// itemTrouble is the text for a refusal, "" when it is a fault of ours.
func itemTrouble(err error) string {
	var taken triage.TakenError
	switch {
	case errors.As(err, &taken):
		return "item.wrong.taken"
	case errors.Is(err, triage.ErrItemGone):
		return "item.wrong.gone"
	case errors.Is(err, triage.ErrNotTaken):
		return "item.wrong.first"
	case errors.Is(err, triage.ErrCloseText):
		return "item.wrong.why"
	case errors.Is(err, errItemTime):
		return "item.wrong.time"
	case errors.Is(err, triage.ErrDialling):
		return "item.wrong.dialling"
	case errors.Is(err, triage.ErrNoCall):
		return "item.nocall.p"
	case errors.Is(err, errItemRole):
		return "item.wrong.role"
	case errors.Is(err, errItemWhat), errors.Is(err, triage.ErrNoNumber), errors.Is(err, triage.ErrNoDial):
		return "item.wrong.what"
	}
	return ""
}
