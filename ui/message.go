package ui

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"hotline/appliance/audio"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/ui/page"
)

// itemMessage is a message that a caller left, for whoever works on the item
// and for supervisors. Who hears it is in the log.
func (s *Server) itemMessage(w http.ResponseWriter, r *http.Request, v visit) {
	i, attempts, err := s.cfg.Worklist.Item(r.PathValue("id"))
	at, numberErr := strconv.Atoi(r.PathValue("n"))
	of := r.PathValue("contact")
	if err != nil || numberErr != nil || !slices.ContainsFunc(attempts, func(k triage.Contact) bool { return k.ID == of }) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if !mayWork(i, v) || !page.HearsMessages(i, v.account.ID, seesNumbers(v.role)) {
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	sound, _, err := s.cfg.Worklist.HearMessage(r.Context(), of, at, v.account.ID)
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "opening a message", err)
		return
	}
	heard, err := io.ReadAll(sound) // two minutes are a megabyte
	if err := errors.Join(err, sound.Close()); err != nil {
		s.broken(w, r, v, "reading a message", err)
		return
	}
	s.sound(w, r, v, audio.NewClip(heard))
}
