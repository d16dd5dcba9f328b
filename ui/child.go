package ui

import (
	"net/http"
	"slices"

	"hotline/appliance/events"
	"hotline/triage"
	"hotline/triage/find"
	"hotline/ui/page"
)

// Where a child that is alone is, and how it can be rung, is kept so that it can be
// found (triage/child.go). Nobody needs to see it by the way: lists and search do
// not have it, and on the page of the case a coordinator asks for it, says why out
// of a few choices, and that is written down before it is shown. The next look
// asks again. On the worklist it stands for nobody either: who has taken the item of a
// child is shown the number in calling it, or to call it, and that is in the log.

// reveals reports whether this request may show where the child of a case is, and
// writes that down.
func (s *Server) reveals(r *http.Request, v visit, cs triage.Case) (why string, err error) {
	why = known(r.PostForm.Get("reveal"), page.ChildWhys())
	if !cs.Fields.ChildAlone || why == "" || v.role != coordinator {
		return "", nil
	}
	return why, s.cfg.Journal.Note(r.Context(), events.Event{Kind: "child.shown", Operation: s.cfg.Operation, By: v.account.ID, Via: "web",
		Data: map[string]string{"name": v.account.Name, "kind": find.Cases, "id": cs.ID, "reason": why}})
}

// withoutPlace are the fields of a case form that do not tell where a child is.
func withoutPlace(form []page.FormField) []page.FormField {
	return slices.DeleteFunc(form, func(f page.FormField) bool { return triage.FindsChild(f.Name) })
}
