package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/lists"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// User is somebody who works here. Nothing by which people sign in is in a
// bundle: a new account gets a password, and a PIN where it has a telephone.
type User struct {
	Name      string         `yaml:"name"`
	Role      string         `yaml:"role"`
	Phone     string         `yaml:"phone"`
	Profile   string         `yaml:"profile"`
	Languages []string       `yaml:"languages"`
	Skills    map[string]int `yaml:"skills"`
	Teams     []string       `yaml:"teams"`
	Reachable bool           `yaml:"reachable"`
	Disabled  bool           `yaml:"disabled"`
}

func userOf(a roster.Account) User {
	u := User{a.Name, string(a.Role), string(a.Phone), a.Profile, a.Languages, a.Skills, a.Teams, a.Reachable, a.Disabled}
	if u.Languages == nil {
		u.Languages = []string{}
	}
	if u.Teams == nil {
		u.Teams = []string{}
	}
	if u.Skills == nil {
		u.Skills = map[string]int{}
	}
	return u
}

func usersPart() part {
	return many[User]{name: "users.yaml",
		about: "Who works here, by the name for signing in. A role is agent (a phone volunteer), supervisor,\ncoordinator or admin. Whoever is new gets a password, and a PIN with a telephone number; both are\nshown once. A supervisor with teams sees and steers their people alone; without, everybody. Nobody is ever taken away: disabled: true keeps somebody out.",
		now: func(r *run) (list []named[User], err error) {
			all, err := r.everybody()
			for _, a := range all {
				list = append(list, named[User]{a.Login, userOf(a)})
			}
			return list, err
		},
		fresh: func(_ *run, login string) (User, error) {
			if login != strings.ToLower(strings.TrimSpace(login)) {
				return User{}, errors.New("the name for signing in has small letters alone")
			}
			return userOf(roster.Account{Name: login, Role: roster.RoleAgent}), nil
		},
		tidy: func(r *run, _ string, _ User, is *User) error {
			is.Phone = string(call.ParseNumber(is.Phone, r.cfg.Region))
			if is.Profile != "" && !slices.ContainsFunc(r.routing.Profiles, func(p triage.Profile) bool { return p.ID == is.Profile }) {
				var names []string
				for _, p := range r.routing.Profiles {
					names = append(names, p.ID)
				}
				return fieldError{"profile", fmt.Errorf("there is no profile %q; there are %s", is.Profile, strings.Join(names, ", "))}
			}
			if is.Phone != "" && !call.Number(is.Phone).E164() {
				return fieldError{"phone", errors.New("the telephone number is not a full one: write it with its country code, such as \"+12025550123\"")}
			}
			if !roster.Role(is.Role).Known() {
				return fieldError{"role", fmt.Errorf("%q is no role: choose agent, supervisor, coordinator or admin", is.Role)}
			}
			slices.Sort(is.Teams)
			if len(is.Teams) > 0 && roster.Role(is.Role) != roster.RoleSupervisor {
				return fieldError{"teams", errors.New("only a supervisor leads teams: who is in one stands in members.yaml")}
			}
			for _, team := range is.Teams {
				if _, known := r.routing.Team(team); !known {
					return fieldError{"teams", fmt.Errorf("there is no team %q", team)}
				}
			}
			if len(is.Skills) == 0 {
				return nil
			}
			known, err := r.lists()
			if err != nil {
				return err
			}
			for skill, level := range is.Skills {
				if !known.Now().List(lists.Skills).Has(skill) {
					return fieldError{"skills", fmt.Errorf("there is no skill %q among the code lists", skill)}
				}
				if level < 1 || level > triage.MaxLevel {
					return fieldError{"skills", fmt.Errorf("%s: a skill has a level from 1 to %d", skill, triage.MaxLevel)}
				}
			}
			return nil
		},
		put: putUser}
}

func putUser(r *run, login string, _, is User, isNew bool) error {
	accounts, err := r.people()
	if err != nil {
		return err
	}
	if isNew {
		drawn := r.slow.drawn[login]
		drawn.Person = provisioning.Person{Login: login, Name: is.Name, Role: roster.Role(is.Role), Phone: call.Number(is.Phone), Profile: is.Profile}
		made, err := provisioning.EnrolAs(r.ctx, accounts, []provisioning.Credential{drawn})
		if err != nil {
			if inside := errors.Unwrap(err); inside != nil {
				err = inside
			}
			return err
		}
		r.slow.drawn[login] = made[0]
		r.credentials = append(r.credentials, made...)
	}
	list, err := accounts.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(a roster.Account) bool { return a.Login == login })
	next := list[i]
	next.Name, next.Role, next.Phone, next.Profile, next.Languages, next.Skills, next.Teams, next.Reachable, next.Disabled =
		is.Name, roster.Role(is.Role), call.Number(is.Phone), is.Profile, is.Languages, is.Skills, is.Teams, is.Reachable, is.Disabled
	return accounts.Change(r.ctx, next, r.to.By)
}
