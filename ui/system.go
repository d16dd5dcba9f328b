package ui

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/calendar"
	"hotline/ui/page"
)

// trust helps people whose browser warns: what the warning means, how the
// authority is installed, and how it is told from another one.
func (s *Server) trust(w http.ResponseWriter, r *http.Request, v visit) {
	p := page.TrustPage{Frame: s.frame(r, v, "trust.title")}
	if c := s.cfg.Certificates; c != nil {
		p.Fingerprint, p.Spoken = c.Fingerprint(), c.Spoken()
	}
	s.show(w, r, http.StatusOK, page.Trust(p))
}

func (s *Server) trustRoot(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Certificates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	w.Header().Set("Content-Disposition", `attachment; filename="hotline-authority.crt"`)
	if _, err := w.Write(s.cfg.Certificates.Root()); err != nil {
		s.cfg.Log.Debug("the authority was not fetched whole", "error", err)
	}
}

// system is the machine: certificate, addresses, version, limits.
func (s *Server) system(w http.ResponseWriter, r *http.Request, v visit) {
	s.showSystem(w, r, v, http.StatusOK, nil, "")
}

// showRadio shows it, and why the Wi-Fi network was not changed.
func (s *Server) showRadio(w http.ResponseWriter, r *http.Request, v visit, radio page.Radio) {
	p := s.systemPage(r, v)
	p.Radio, p.Title = radio, p.T("problem.title")+": "+p.Title
	s.show(w, r, http.StatusUnprocessableEntity, page.System(p))
}

// showSystem shows it, and why an update was not taken, or in words what else went
// wrong.
func (s *Server) showSystem(w http.ResponseWriter, r *http.Request, v visit, status int, update error, trouble string) {
	p := s.systemPage(r, v)
	p.Trouble = trouble
	if update != nil {
		p.Update.Trouble = update.Error()
	}
	if trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.System(p))
}

// systemPage is how the machine is.
func (s *Server) systemPage(r *http.Request, v visit) page.SystemPage {
	figures := s.cfg.Health()
	p := page.SystemPage{Frame: s.frame(r, v, "system.title"), Version: s.cfg.Version, Figures: figures, Update: s.updateOf(r), Radio: s.radioOf(r),
		Done: known(r.URL.Query().Get("done"), []string{"renewed", "brought", "returned", "update", "restart", "planned", "called_off", "clock", "forgets", "date", "radio"}), SetsClock: s.cfg.SetClock != nil}
	if leap, err := calendar.Unbelieved(s.cfg.Store); err != nil {
		s.cfg.Log.Error("whether the date is believed cannot be read", "error", err)
	} else {
		p.Leap = leap
	}
	if c := s.cfg.Certificates; c != nil {
		p.Brought, p.HasBrought = c.Brought()
		p.Certified, p.Fingerprint, p.Ends, p.Names = true, c.Fingerprint(), c.Expires(), c.Names()
		p.Days = int(p.Ends.Sub(p.Now) / (24 * time.Hour))
	}
	p.RecordHours = int(figures.DiskFree / bytesRecorded)
	s.sizing(&p, r)
	return p
}

// bytesRecorded is what an hour of recording with both sides takes (domain: sizing).
const bytesRecorded = 3600 * 2 * 8000

// whole is a number of the address between two bounds; what is none is usual.
func whole(r *http.Request, name string, usual, least, most int) int {
	n, err := strconv.Atoi(strings.TrimSpace(r.URL.Query().Get(name)))
	if err != nil {
		return usual
	}
	return min(max(n, least), most)
}

func (s *Server) certificateRenew(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Certificates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err := s.cfg.Certificates.Renew(time.Now()); err != nil {
		s.broken(w, r, v, "making a new certificate", err)
		return
	}
	s.cfg.Log.Info("the certificate of the pages was made anew", "account", v.account.ID)
	http.Redirect(w, r, "/admin/system?done=renewed", http.StatusSeeOther)
}
