package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/call"
	"hotline/triage"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// The page on which is decided who helps whom (R1 to R22, S8). Everything on it
// counts from the next offer on.

const routingHistory = 10 // versions that the page lists

func (s *Server) routing(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRouting(w, r, v, http.StatusOK, s.cfg.Routing.Routing(), "")
}

// showRouting shows a routing: the one in force, or what was typed and refused.
func (s *Server) showRouting(w http.ResponseWriter, r *http.Request, v visit, status int, shown triage.Routing, trouble string) {
	accounts, err := s.cfg.Accounts.List()
	if err != nil {
		s.broken(w, r, v, "listing the accounts", err)
		return
	}
	history, err := s.cfg.Routing.History(routingHistory)
	if err != nil {
		s.broken(w, r, v, "reading what was before", err)
		return
	}
	scope := s.scope(v)
	accounts = slices.DeleteFunc(accounts, func(a roster.Account) bool {
		return a.Disabled || !a.Role.May(roster.Desk) || !scope.Has(a.ID)
	})
	slices.SortFunc(accounts, func(a, b roster.Account) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	s.show(w, r, status, page.Routing(page.RoutingPage{Scope: scope, Frame: s.frame(r, v, "routing.title"), Routing: shown, People: accounts, History: history,
		Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.RoutingDone()), CallsOut: s.cfg.Desk.CallsOut()}))
}

// errTyped is something in a form that cannot be read, by the key of its text.
type errTyped string

func (e errTyped) Error() string { return string(e) }

func (s *Server) routingChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	what, shown := r.PostForm.Get("do"), s.cfg.Routing.Routing()
	change := map[string]func(url.Values, *triage.Routing) error{
		"profile": readProfile, "queue": readQueue, "team": s.readTeam, "skill": readSkill, "emergency": s.readEmergency}[what]
	var err error
	switch {
	case (what == "team" || what == "back") && s.scope(v).Limited(): // who could choose the people could choose whom to see
		err = errTyped("routing.wrong.teams")
	case what == "person":
		err = s.routePerson(r, v)
	case what == "back":
		err = s.cfg.Routing.Restore(r.Context(), r.PostForm.Get("version"), v.account.ID, v.account.Name, "web")
	case change != nil:
		err = s.cfg.Routing.Change(r.Context(), what, v.account.ID, v.account.Name, "web", func(next *triage.Routing) error {
			before := s.cfg.Routing.Routing()
			if err := change(r.PostForm, next); err != nil {
				return err
			}
			shown = *next
			return errors.Join(s.mayRoute(v, before, *next), s.ledTeams(before, *next))
		})
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	f := s.frame(r, v, "routing.title")
	var typed errTyped
	var field triage.FieldError
	switch {
	case err == nil:
		http.Redirect(w, r, "/admin/routing?done="+what, http.StatusSeeOther)
	case errors.As(err, &typed):
		s.showRouting(w, r, v, http.StatusUnprocessableEntity, shown, f.T(string(typed)))
	case errors.As(err, &field), errors.Is(err, triage.ErrNoVersion):
		s.showRouting(w, r, v, http.StatusUnprocessableEntity, shown, f.Said(err.Error()))
	default:
		s.broken(w, r, v, "changing who helps whom", err)
	}
}

// mayRoute keeps what is told in private with those whom an administrator has
// chosen for it, and profiles that people have.
func (s *Server) mayRoute(v visit, before, next triage.Routing) error {
	for _, p := range slices.Concat(before.Profiles, next.Profiles) {
		if v.role != admin && before.Trained(p.ID) != next.Trained(p.ID) {
			return errTyped("routing.wrong.private")
		}
	}
	accounts, err := s.cfg.Accounts.List()
	if err != nil {
		return fmt.Errorf("listing the accounts: %w", err)
	}
	for _, a := range accounts {
		had := slices.ContainsFunc(before.Profiles, func(p triage.Profile) bool { return p.ID == a.Profile })
		if has := slices.ContainsFunc(next.Profiles, func(p triage.Profile) bool { return p.ID == a.Profile }); had && !has {
			return errTyped("routing.wrong.inuse")
		}
	}
	return nil
}

// ledTeams keeps teams that a supervisor leads.
func (s *Server) ledTeams(before, next triage.Routing) error {
	accounts, err := s.cfg.Accounts.List()
	if err != nil {
		return fmt.Errorf("listing the accounts: %w", err)
	}
	for _, a := range accounts {
		for _, id := range a.Teams {
			_, was := before.Team(id)
			if _, is := next.Team(id); was && !is {
				return errTyped("routing.wrong.led")
			}
		}
	}
	return nil
}

// routePerson gives somebody another profile and other skills at once.
func (s *Server) routePerson(r *http.Request, v visit) error {
	account, err := s.cfg.Accounts.Get(r.PostForm.Get("id"))
	if err != nil {
		return errTyped("routing.wrong.person")
	}
	profile := r.PostForm.Get("profile")
	routing := s.cfg.Routing.Routing()
	switch {
	case !s.scope(v).Has(account.ID):
		return errTyped("routing.wrong.person")
	case !slices.ContainsFunc(routing.Profiles, func(p triage.Profile) bool { return p.ID == profile }):
		return errTyped("account.wrong.role")
	case v.role != admin && routing.Trained(account.Profile) != routing.Trained(profile):
		return errTyped("routing.wrong.private")
	}
	if account.Skills, err = skillsOf(r.PostForm.Get("skills")); err != nil {
		return err
	}
	account.Profile = profile
	if err := s.cfg.Accounts.Change(r.Context(), account, v.account.ID); err != nil {
		return err
	}
	s.know(account.ID)
	return nil
}

// know tells a seat that is taken what has changed about its person.
func (s *Server) know(id string) {
	account, err := s.cfg.Accounts.Get(id)
	if err != nil {
		s.cfg.Log.Error("a changed account cannot be read; it counts from the next sign-in on", "account", id, "error", err)
		return
	}
	s.cfg.Desk.Know(PersonOf(account))
}

// skillsOf reads "medical 3, law": without a number a skill is known well.
func skillsOf(typed string) (map[string]int, error) {
	skills := map[string]int{}
	for _, one := range strings.Split(clean(typed, 200), ",") {
		words := strings.Fields(strings.ToLower(one))
		level := 3
		switch {
		case len(words) == 0:
			continue
		case len(words) == 2:
			n, err := strconv.Atoi(words[1])
			if err != nil || n < 1 || n > triage.MaxLevel {
				return nil, errTyped("routing.wrong.skills")
			}
			level = n
		case len(words) > 2:
			return nil, errTyped("routing.wrong.skills")
		}
		skills[words[0]] = level
	}
	return skills, nil
}

// number reads a field that may be empty, in a unit.
func number(form url.Values, field string) (int, error) {
	text := strings.TrimSpace(form.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0, errTyped("routing.wrong.number")
	}
	return n, nil
}

// numbers reads several.
func numbers(form url.Values, into map[string]*int) error {
	for field, n := range into {
		var err error
		if *n, err = number(form, field); err != nil {
			return err
		}
	}
	return nil
}

func readProfile(form url.Values, next *triage.Routing) error {
	id := form.Get("id")
	i := slices.IndexFunc(next.Profiles, func(p triage.Profile) bool { return p.ID == id })
	if form.Get("delete") == "yes" {
		if i >= 0 {
			next.Profiles = slices.Delete(next.Profiles, i, i+1)
		}
		return nil
	}
	if i < 0 {
		next.Profiles = append(next.Profiles, triage.Profile{ID: idOf(form.Get("name"), len(next.Profiles))})
		i = len(next.Profiles) - 1
	}
	p := &next.Profiles[i]
	p.Name, p.Auto, p.Lines = clean(form.Get("name"), 80), form.Get("auto") == "yes", nil
	for _, queue := range next.LineIDs() {
		var order, after int
		if err := numbers(form, map[string]*int{"order:" + queue: &order, "after:" + queue: &after}); err != nil {
			return err
		}
		if order > 0 {
			p.Lines = append(p.Lines, triage.Line{Queue: queue, Priority: order, Delay: time.Duration(after) * time.Second})
		}
	}
	return nil
}

func readQueue(form url.Values, next *triage.Routing) error {
	i := slices.IndexFunc(next.Queues, func(q triage.Queue) bool { return q.ID == form.Get("id") })
	if i < 0 {
		return errTyped("routing.wrong.line")
	}
	q := &next.Queues[i]
	var again, over, oldest int
	if err := numbers(form, map[string]*int{"again": &again, "most": &q.Most, "over": &over, "warn": &q.WarnWaiting, "oldest": &oldest}); err != nil {
		return err
	}
	var err error
	if q.From, err = minuteOf(form.Get("from")); err != nil {
		return err
	}
	if q.Until, err = minuteOf(form.Get("until")); err != nil {
		return err
	}
	q.Best, q.Again = form.Get("best") == "yes", time.Duration(again)*time.Hour
	q.WarnOldest = time.Duration(oldest) * time.Second
	q.Over = triage.Overflow{}
	if to := form.Get("to"); to != "" {
		q.Over = triage.Overflow{After: time.Duration(over) * time.Second, To: to}
	}
	q.Widen = nil
	for n := range page.RoutingSteps {
		var after, order int
		at := strconv.Itoa(n)
		if err := numbers(form, map[string]*int{"after:" + at: &after, "order:" + at: &order}); err != nil {
			return err
		}
		if team := form.Get("team:" + at); team != "" {
			q.Widen = append(q.Widen, triage.Step{Team: team, After: time.Duration(after) * time.Second, Priority: max(order, 1)})
		}
	}
	return nil
}

// minuteOf reads a time of the day; nothing is midnight.
func minuteOf(typed string) (int, error) {
	if typed == "" {
		return 0, nil
	}
	at, err := time.Parse("15:04", typed)
	if err != nil {
		return 0, errTyped("routing.wrong.clock")
	}
	return at.Hour()*60 + at.Minute(), nil
}

func (s *Server) readTeam(form url.Values, next *triage.Routing) error {
	id := form.Get("id")
	i := slices.IndexFunc(next.Teams, func(t triage.Team) bool { return t.ID == id })
	if form.Get("delete") == "yes" {
		if i < 0 {
			return nil
		}
		next.Teams = slices.Delete(next.Teams, i, i+1)
		for n := range next.Queues {
			next.Queues[n].Widen = slices.DeleteFunc(next.Queues[n].Widen, func(step triage.Step) bool { return step.Team == id })
		}
		return nil
	}
	if i < 0 {
		next.Teams = append(next.Teams, triage.Team{ID: idOf(form.Get("name"), len(next.Teams))})
		i = len(next.Teams) - 1
	}
	t := &next.Teams[i]
	t.Name, t.Members, t.Number = clean(form.Get("name"), 80), form["member"], ""
	if err := numbers(form, map[string]*int{"calls": &t.Calls}); err != nil {
		return err
	}
	if typed := clean(form.Get("number"), 32); typed != "" {
		t.Number = call.ParseNumber(typed, s.cfg.Region)
	}
	return nil
}

func (s *Server) readEmergency(form url.Values, next *triage.Routing) error {
	next.Emergency = nil
	for n := range page.RoutingServices {
		at := strconv.Itoa(n)
		name, typed := clean(form.Get("name:"+at), 80), clean(form.Get("number:"+at), 32)
		if name != "" || typed != "" {
			next.Emergency = append(next.Emergency, triage.Service{Name: name, Number: call.ParseNumber(typed, s.cfg.Region)})
		}
	}
	return nil
}

func readSkill(form url.Values, next *triage.Routing) error {
	name := strings.ToLower(strings.TrimSpace(form.Get("skill")))
	i := slices.IndexFunc(next.Skills, func(r triage.SkillRule) bool { return r.Skill == name })
	if form.Get("delete") == "yes" {
		if i >= 0 {
			next.Skills = slices.Delete(next.Skills, i, i+1)
		}
		return nil
	}
	rule := triage.SkillRule{Skill: name}
	if err := numbers(form, map[string]*int{"level": &rule.Level}); err != nil {
		return err
	}
	for _, at := range []string{"1", "2"} {
		var after, level int
		if err := numbers(form, map[string]*int{"after:" + at: &after, "level:" + at: &level}); err != nil {
			return err
		}
		if after > 0 {
			rule.Relax = append(rule.Relax, triage.Relax{After: time.Duration(after) * time.Second, Level: level})
		}
	}
	if i < 0 {
		next.Skills = append(next.Skills, rule)
	} else {
		next.Skills[i] = rule
	}
	return nil
}

// idOf makes an id of a name: what is left of it in small letters, or a number
// for names in other scripts.
func idOf(name string, n int) string {
	id := strings.Map(func(c rune) rune {
		switch {
		case c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			return unicode.ToLower(c)
		case c == ' ' || c == '-' || c == '_':
			return '-'
		}
		return -1
	}, clean(name, 40))
	if id = strings.Trim(id, "-"); id == "" {
		return "n" + strconv.Itoa(n+1)
	}
	return id
}
