package ui

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"hotline/appliance/calendar"
)

// errBrowserClock is a time that no browser can have.
var errBrowserClock = errors.New("the time of the browser cannot be right")

// browserTime reads what the clock of a browser shows, in milliseconds since 1970.
func browserTime(said string) (time.Time, error) {
	ms, err := strconv.ParseInt(said, 10, 64)
	if err != nil {
		return time.Time{}, errBrowserClock
	}
	at := time.UnixMilli(ms)
	if at.Before(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) || at.Year() > 2099 {
		return time.Time{}, errBrowserClock
	}
	return at, nil
}

// clock sets the clock of the machine to that of the browser, or says that its
// date is right after it has leapt.
func (s *Server) clock(w http.ResponseWriter, r *http.Request, v visit) {
	done, err := "clock", error(nil)
	switch do := r.PostFormValue("do"); {
	case do == "set" && s.cfg.SetClock != nil:
		var at time.Time
		if at, err = browserTime(r.PostFormValue("now")); err == nil {
			kept := false
			if kept, err = calendar.Set(r.Context(), s.cfg.Store, s.cfg.SetClock, at, s.cfg.Operation, v.account.ID); !kept {
				done = "forgets"
			}
		}
	case do == "right":
		done, err = "date", calendar.Confirm(r.Context(), s.cfg.Store, time.Now(), s.cfg.Operation, v.account.ID)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	if err != nil {
		s.cfg.Log.Warn("the clock could not be set", "error", err)
		s.showSystem(w, r, v, http.StatusUnprocessableEntity, nil, s.textFor(r).T("setup.clock.failed"))
		return
	}
	http.Redirect(w, r, "/admin/system?done="+done, http.StatusSeeOther)
}
