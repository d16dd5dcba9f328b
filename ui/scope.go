package ui

import (
	"slices"
	"time"

	"hotline/triage"
	"hotline/triage/desk"
)

// What a supervisor of some teams sees (S12) is decided here for the pages, anew
// for each answer and each drawing of a live page, so that a change counts at
// once. The desk asks again before somebody is steered or heard.

func (s *Server) scope(v visit) triage.Scope { return s.cfg.Supervise.Scope(v.account.ID) }

// floorFor is the room as this person may see it.
func (s *Server) floorFor(v visit) (desk.FloorView, error) {
	view, err := s.cfg.Desk.FloorView(time.Now())
	return view.For(s.scope(v)), err
}

// concerns reports whether a notice is for somebody whom a supervisor leads.
func concerns(one triage.Notice, scope triage.Scope, me string) bool {
	return !scope.Limited() || one.By == me || len(one.Teams) == 0 ||
		slices.ContainsFunc(one.Teams, func(id string) bool { return slices.Contains(scope.Teams(), id) })
}

// noticeTeams is for whom a supervisor gives notices: the own teams, or everybody.
// Teams that are gone are nobody.
func noticeTeams(scope triage.Scope) []string {
	if scope.Limited() && len(scope.Teams()) == 0 {
		return []string{""}
	}
	return scope.Teams()
}
