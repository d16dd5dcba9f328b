package ui

import (
	"context"
	"net/http"

	"hotline/appliance/events"
	"hotline/ui/page"
)

// Radio is the Wi-Fi network that the appliance's own image makes. Nil in the
// configuration on any other machine. Errors are sentences.
type Radio interface {
	Look(context.Context) (RadioState, error)
	Set(ctx context.Context, name, password string, off bool) (RadioState, error)
}

// RadioState is how it is.
type RadioState struct {
	There, On, Off bool // the machine has a radio; it can be joined; somebody has switched it off
	Name, Password string
	Picture        string // what a camera reads
	Trouble        string // why it cannot be joined, in the words of another program
}

// radioOf is what the page of the machine says of it.
func (s *Server) radioOf(r *http.Request) page.Radio {
	if s.cfg.Radio == nil {
		return page.Radio{}
	}
	state, err := s.cfg.Radio.Look(r.Context())
	if err != nil {
		s.cfg.Log.Error("the radio cannot be looked at", "error", err)
		return page.Radio{Image: true, Refused: err.Error()}
	}
	return page.Radio{Image: true, There: state.There, On: state.On, Off: state.Off, Name: state.Name, Password: state.Password, Picture: state.Picture, Trouble: state.Trouble}
}

// radioSet gives it another name and password, or switches it.
func (s *Server) radioSet(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Radio == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	state, err := s.cfg.Radio.Look(r.Context())
	name, password, off := r.PostFormValue("name"), r.PostFormValue("password"), state.Off
	did := known(r.PostFormValue("do"), []string{"save", "on", "off"})
	if did != "save" {
		name, password, off = state.Name, state.Password, did == "off"
	}
	if err == nil {
		_, err = s.cfg.Radio.Set(r.Context(), name, password, off)
	}
	if err != nil {
		p := s.radioOf(r)
		p.Refused = err.Error()
		if did == "save" {
			p.Name, p.Password = name, password
		}
		s.showRadio(w, r, v, p)
		return
	}
	s.cfg.Log.Info("the Wi-Fi network of this machine was changed", "account", v.account.ID, "did", did)
	// It is done: what cannot be written to the log does not undo it.
	if err := s.cfg.Journal.Note(r.Context(), events.Event{Kind: "radio." + did, Operation: s.cfg.Operation, By: v.account.ID, Via: "web"}); err != nil {
		s.cfg.Log.Error("that somebody changed the Wi-Fi network cannot be written to the log", "error", err)
	}
	http.Redirect(w, r, "/admin/system?done=radio#radio-h", http.StatusSeeOther)
}

// radioSheet is for a wall: how telephones join.
func (s *Server) radioSheet(w http.ResponseWriter, r *http.Request, v visit) {
	p := s.radioOf(r)
	if !p.There || p.Off {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	s.show(w, r, http.StatusOK, page.RadioSheet(page.RadioSheetPage{Frame: s.frame(r, v, "radio.h"), Radio: p}))
}
