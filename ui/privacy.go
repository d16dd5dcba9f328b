package ui

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/sharing"
	"hotline/triage"
	"hotline/triage/privacy"
	"hotline/ui/page"
	"hotline/volunteers"
)

// Privacy takes people out of the records; *privacy.Keeper.
type Privacy interface {
	Rules() (privacy.Rules, time.Time, error)
	SetRules(ctx context.Context, rules privacy.Rules, by string) error
	Of(number call.Number, code string) (privacy.Person, error)
	Erase(ctx context.Context, p privacy.Person, by, why string) error
	Left(ctx context.Context, number call.Number) ([]string, error)
	Sharing() (sharing.Defaults, error)
	SetSharing(ctx context.Context, set sharing.Defaults, by string) error
	Preview(ctx context.Context, now time.Time) (map[string]int, error)
	Unreviewed(now time.Time) (int, error)
}

func (s *Server) privacy(w http.ResponseWriter, r *http.Request, v visit) {
	s.showPrivacy(w, r, v, http.StatusOK, page.PrivacyPage{Done: r.URL.Query().Get("done")})
}

func (s *Server) showPrivacy(w http.ResponseWriter, r *http.Request, v visit, status int, content page.PrivacyPage) {
	rules, swept, err := s.cfg.Privacy.Rules()
	if err != nil {
		s.broken(w, r, v, "reading how long records are kept", err)
		return
	}
	content.Frame, content.Swept, content.Whys = s.frame(r, v, "privacy.title"), swept, privacy.Whys()
	if content.Sharing, err = s.cfg.Privacy.Sharing(); err != nil {
		s.broken(w, r, v, "reading how far records may go", err)
		return
	}
	content.Next = privacy.NextLook(swept, time.Now())
	if content.Review, err = s.cfg.Privacy.Unreviewed(time.Now()); err != nil {
		s.broken(w, r, v, "looking for missing persons to review", err)
		return
	}
	if content.Rules == nil {
		for _, f := range rules.Fields() {
			content.Rules = append(content.Rules, page.PrivacyRule{Name: f.Name, Days: strconv.Itoa(*f.Days)})
		}
	}
	if content.Trouble != "" {
		content.Trouble = content.T(content.Trouble)
		content.Frame.Title = content.T("problem.title") + ": " + content.Frame.Title
	}
	s.show(w, r, status, page.Privacy(content))
}

func (s *Server) privacyDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of privacy", err)
		return
	}
	switch r.PostForm.Get("do") {
	case "rules":
		s.privacyRules(w, r, v)
	case "sharing":
		s.privacySharing(w, r, v)
	case "preview":
		s.privacyPreview(w, r, v)
	case "find", "erase":
		s.privacyErase(w, r, v, r.PostForm.Get("do") == "erase")
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
	}
}

func (s *Server) privacyRules(w http.ResponseWriter, r *http.Request, v visit) {
	var rules privacy.Rules
	var typed []page.PrivacyRule
	err := error(nil)
	for _, f := range rules.Fields() {
		one := page.PrivacyRule{Name: f.Name, Days: clean(r.PostForm.Get(f.Name), 5)}
		typed = append(typed, one)
		if *f.Days, err = strconv.Atoi(one.Days); err != nil {
			*f.Days = -1 // is refused
		}
	}
	err = s.cfg.Privacy.SetRules(r.Context(), rules, v.account.ID)
	switch {
	case errors.Is(err, privacy.ErrDays):
		s.showPrivacy(w, r, v, http.StatusUnprocessableEntity, page.PrivacyPage{Rules: typed, Trouble: "privacy.wrong.days"})
	case err != nil:
		s.broken(w, r, v, "setting how long records are kept", err)
	default:
		http.Redirect(w, r, "/admin/privacy?done=rules", http.StatusSeeOther)
	}
}

// privacySharing sets on what ground new records are kept, and how far they may
// go.
func (s *Server) privacySharing(w http.ResponseWriter, r *http.Request, v visit) {
	set := sharing.Defaults{}
	for _, kind := range sharing.Kinds() {
		set[kind] = sharing.Both{Basis: r.PostForm.Get("basis_" + kind), Scope: r.PostForm.Get("scope_" + kind)}
	}
	err := s.cfg.Privacy.SetSharing(r.Context(), set, v.account.ID)
	switch {
	case errors.Is(err, sharing.ErrChoice):
		s.problem(w, r, v, http.StatusBadRequest, "method")
	case err != nil:
		s.broken(w, r, v, "setting how far records may go", err)
	default:
		http.Redirect(w, r, "/admin/privacy?done=rules", http.StatusSeeOther)
	}
}

// privacyPreview counts what would go by age if it were looked now.
func (s *Server) privacyPreview(w http.ResponseWriter, r *http.Request, v visit) {
	counts, err := s.cfg.Privacy.Preview(r.Context(), time.Now())
	if err != nil {
		s.broken(w, r, v, "counting what is too old", err)
		return
	}
	var list []page.PrivacyCount
	for _, name := range privacy.Kinds() {
		list = append(list, page.PrivacyCount{Name: name, Count: counts[name]})
	}
	s.showPrivacy(w, r, v, http.StatusOK, page.PrivacyPage{Due: list})
}

// privacyErase shows what is stored of a person, and takes it out at the second
// press.
func (s *Server) privacyErase(w http.ResponseWriter, r *http.Request, v visit, erase bool) {
	content := page.PrivacyPage{Number: clean(r.PostForm.Get("number"), 40), Code: clean(r.PostForm.Get("code"), 20)}
	var number call.Number
	if content.Number != "" {
		if number = call.ParseNumber(content.Number, s.cfg.Region); !number.E164() {
			content.Trouble = "privacy.wrong.number"
			s.showPrivacy(w, r, v, http.StatusUnprocessableEntity, content)
			return
		}
	}
	person, err := s.cfg.Privacy.Of(number, content.Code)
	if err != nil {
		s.broken(w, r, v, "looking for a person", err)
		return
	}
	content.Found = &page.PrivacyFound{Contacts: len(person.Contacts), Cases: len(person.Cases), Rounds: len(person.Rounds), Cards: len(person.Cards), Registrants: len(person.Registrants)}
	status := http.StatusOK
	if erase {
		err := s.cfg.Privacy.Erase(r.Context(), person, v.account.ID, r.PostForm.Get("why"))
		for wrong, text := range map[error]string{privacy.ErrNobody: "nobody", privacy.ErrWhy: "why", triage.ErrRunning: "running", volunteers.ErrAtWork: "at_work"} {
			if errors.Is(err, wrong) {
				content.Trouble, status = "privacy.wrong."+text, http.StatusConflict
			}
		}
		switch {
		case err != nil && content.Trouble == "":
			s.broken(w, r, v, "erasing a person", err)
			return
		case err == nil:
			content.Erased = true
			left, err := s.cfg.Privacy.Left(r.Context(), number)
			if err != nil {
				s.broken(w, r, v, "looking for what is left of a person", err)
				return
			}
			content.Left = left
		}
	}
	s.showPrivacy(w, r, v, status, content)
}
