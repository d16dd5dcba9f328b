package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/triage"
)

// Who helps whom. Its four files change one routing, which is checked after every
// thing, so that a mistake is told where it is, and stored once.

// use has the routing become what fn makes of it, when it can be that.
func (r *run) use(fn func(*triage.Routing)) error {
	next := r.routing
	next.Queues, next.Profiles, next.Teams, next.Skills = slices.Clone(next.Queues), slices.Clone(next.Profiles), slices.Clone(next.Teams), slices.Clone(next.Skills)
	next.Emergency = slices.Clone(next.Emergency)
	fn(&next)
	if err := next.Check(); err != nil {
		return err
	}
	r.routing, r.routed = next, true
	return nil
}

// storeRouting stores it when it was changed.
func (r *run) storeRouting() error {
	if !r.routed {
		return nil
	}
	r.routed = false
	return triage.SetRouting(r.ctx, r.in, "bundle", r.to.By, r.to.By, r.to.Via, r.routing)
}

// Profile is which lines somebody serves, and in which order.
type Profile struct {
	Name   string        `yaml:"name"`
	Lines  []ProfileLine `yaml:"lines"`
	Auto   bool          `yaml:"calls_come_by_themselves"`
	Remove bool          `yaml:"remove,omitempty"`
}

func (p Profile) removed() bool { return p.Remove }

// ProfileLine is one line of a profile.
type ProfileLine struct {
	Queue    string `yaml:"queue"`
	Priority int    `yaml:"priority"`
	After    Span   `yaml:"after"`
}

func profilesPart() part {
	return many[Profile]{name: "profiles.yaml",
		about: "Which lines phone volunteers serve, and in which order: a lower priority is served first; after\nis how long a caller of another line waits before these people are rung.",
		now: func(r *run) (list []named[Profile], _ error) {
			for _, p := range r.routing.Profiles {
				one := Profile{Name: p.Name, Auto: p.Auto, Lines: []ProfileLine{}}
				for _, l := range p.Lines {
					one.Lines = append(one.Lines, ProfileLine{l.Queue, l.Priority, span(l.Delay)})
				}
				list = append(list, named[Profile]{p.ID, one})
			}
			for _, p := range triage.ShippedProfiles() { // so that another hotline loses it, too
				if !slices.ContainsFunc(r.routing.Profiles, func(other triage.Profile) bool { return other.ID == p.ID }) {
					list = append(list, named[Profile]{p.ID, Profile{Name: p.Name, Remove: true}})
				}
			}
			return list, nil
		},
		fresh: func(_ *run, name string) (Profile, error) { return Profile{Name: name}, nil },
		put: func(r *run, name string, _, is Profile, _ bool) error {
			one := triage.Profile{ID: name, Name: is.Name, Auto: is.Auto}
			for _, l := range is.Lines {
				if !contains(r.queues(), l.Queue) {
					return fieldError{"lines", r.noQueue(l.Queue)}
				}
				one.Lines = append(one.Lines, triage.Line{Queue: l.Queue, Priority: l.Priority, Delay: time.Duration(l.After)})
			}
			if is.Remove {
				if err := r.unused(name); err != nil {
					return err
				}
			}
			return r.use(func(next *triage.Routing) {
				i := slices.IndexFunc(next.Profiles, func(p triage.Profile) bool { return p.ID == name })
				switch {
				case is.Remove:
					next.Profiles = slices.Delete(next.Profiles, i, i+1)
				case i < 0:
					next.Profiles = append(next.Profiles, one)
				default:
					next.Profiles[i] = one
				}
			})
		},
		end: (*run).storeRouting}
}

// unused refuses to take a profile away from people who work by it.
func (r *run) unused(profile string) error {
	list, err := r.everybody()
	if err != nil {
		return err
	}
	var who []string
	for _, a := range list {
		if a.Profile == profile && !a.Disabled {
			who = append(who, a.Login)
		}
	}
	if len(who) > 0 {
		return fmt.Errorf("this profile is that of %s: give them another one first", strings.Join(who, ", "))
	}
	return nil
}

// Queue is how a line is served.
type Queue struct {
	Name  string            `yaml:"name,omitempty"`
	Names map[string]string `yaml:"names,omitempty"`
	Tells string            `yaml:"tells,omitempty"`
	Off   bool              `yaml:"off,omitempty"`

	Hours  Hours  `yaml:"hours"`
	Most   int    `yaml:"most_waiting"`
	Over   Over   `yaml:"waits_too_long"`
	Again  Span   `yaml:"same_person_within"`
	Best   bool   `yaml:"best_first"`
	Urgent bool   `yaml:"urgent"`
	Widen  []Step `yaml:"teams"`

	WarnWaiting int  `yaml:"mark_waiting"`
	WarnOldest  Span `yaml:"mark_longest"`
}

// Over is where callers go on to.
type Over struct {
	After Span   `yaml:"after"`
	To    string `yaml:"to"`
}

// Step is a team that joins in.
type Step struct {
	Team     string `yaml:"team"`
	After    Span   `yaml:"after"`
	Priority int    `yaml:"priority"`
}

func queuesPart() part {
	return many[Queue]{name: "queues.yaml",
		about: "The lines on which callers wait. hours is always, 08:00-20:00, or a week:\n  {monday: \"08:00-12:00, 14:00-20:00\", dates: [{from: 2026-12-25, hours: closed, name: Christmas}]}\nmost_waiting: further callers find the line closed (0: as many as come). waits_too_long: after so\nlong callers go on to another line, or to the promise of a call (to: promise). same_person_within:\nwho calls again so soon is first offered to who helped before. teams join in after a while.\nmark_waiting and mark_longest: when pages mark the line (0: as the program finds right).\nA new line needs a name, which is what it is called; names are that in other languages of the pages,\ntells is a prompt that says to who waits what the line is for. off: nobody comes in any more; a line\nis never taken away, because records name it.",
		fresh: func(*run, string) (Queue, error) { return Queue{Widen: []Step{}}, nil },
		now: func(r *run) (list []named[Queue], _ error) {
			for _, q := range r.routing.Queues {
				one := Queue{Name: q.Name, Names: q.Names, Tells: q.Prompt, Off: q.Off, Hours: Hours{q.From, q.Until, q.Hours}, Most: q.Most, Over: Over{span(q.Over.After), q.Over.To}, Again: span(q.Again), Best: q.Best, Urgent: q.Urgent,
					Widen: []Step{}, WarnWaiting: q.WarnWaiting, WarnOldest: span(q.WarnOldest)}
				for _, s := range q.Widen {
					one.Widen = append(one.Widen, Step{s.Team, span(s.After), s.Priority})
				}
				list = append(list, named[Queue]{q.ID, one})
			}
			return list, nil
		},
		put: func(r *run, name string, _, is Queue, isNew bool) error {
			if isNew && is.Name == "" { // a slip, as a rule
				return fmt.Errorf("there is no %q; there are %s. A new line needs a name", name, strings.Join(r.queues(), ", "))
			}
			return r.use(func(next *triage.Routing) {
				i := slices.IndexFunc(next.Queues, func(q triage.Queue) bool { return q.ID == name })
				if i < 0 {
					next.Queues, i = append(next.Queues, triage.Queue{ID: name}), len(next.Queues)
				}
				q := next.Queues[i]
				q.Name, q.Names, q.Prompt, q.Off = is.Name, is.Names, is.Tells, is.Off
				if q.Off { // a profile that names it still is told of it
					for n := range next.Profiles {
						next.Profiles[n].Lines = slices.DeleteFunc(slices.Clone(next.Profiles[n].Lines), func(l triage.Line) bool { return l.Queue == name })
					}
				}
				q.From, q.Until, q.Hours, q.Most, q.Again, q.Best, q.Urgent = is.Hours.from, is.Hours.until, is.Hours.table, is.Most, time.Duration(is.Again), is.Best, is.Urgent
				q.Over, q.WarnWaiting, q.WarnOldest, q.Widen = triage.Overflow{After: time.Duration(is.Over.After), To: is.Over.To}, is.WarnWaiting, time.Duration(is.WarnOldest), nil
				for _, s := range is.Widen {
					q.Widen = append(q.Widen, triage.Step{Team: s.Team, After: time.Duration(s.After), Priority: s.Priority})
				}
				next.Queues[i] = q
			})
		},
		end: (*run).storeRouting}
}

// Team is people, or a number outside.
type Team struct {
	Name   string `yaml:"name"`
	Number string `yaml:"number"`
	Calls  int    `yaml:"calls"`
	Remove bool   `yaml:"remove,omitempty"`
}

func (t Team) removed() bool { return t.Remove }

func teamsPart() part {
	return many[Team]{name: "teams.yaml",
		about: "Teams that lines can call upon after a while: people, who are in members.yaml, or a number\noutside with so many calls at a time.",
		now: func(r *run) (list []named[Team], _ error) {
			for _, t := range r.routing.Teams {
				list = append(list, named[Team]{t.ID, Team{Name: t.Name, Number: string(t.Number), Calls: t.Calls}})
			}
			return list, nil
		},
		fresh: func(_ *run, name string) (Team, error) { return Team{Name: name}, nil },
		tidy: func(r *run, _ string, _ Team, is *Team) error {
			is.Number = string(call.ParseNumber(is.Number, r.cfg.Region))
			return nil
		},
		put: func(r *run, name string, _, is Team, _ bool) error {
			return r.use(func(next *triage.Routing) {
				i := slices.IndexFunc(next.Teams, func(t triage.Team) bool { return t.ID == name })
				if is.Remove {
					next.Teams = slices.Delete(next.Teams, i, i+1)
					for n := range next.Queues {
						next.Queues[n].Widen = slices.DeleteFunc(slices.Clone(next.Queues[n].Widen), func(s triage.Step) bool { return s.Team == name })
					}
					return
				}
				if i < 0 {
					next.Teams, i = append(next.Teams, triage.Team{ID: name}), len(next.Teams)
				}
				t := &next.Teams[i]
				if t.Name, t.Number, t.Calls = is.Name, call.Number(is.Number), is.Calls; t.Outside() {
					t.Members = nil
				}
			})
		},
		end: (*run).storeRouting}
}

// Members are the people of a team, by the names by which they sign in.
type Members struct {
	People []string `yaml:"people"`
}

func membersPart() part {
	return many[Members]{name: "members.yaml",
		about: "Who is in which team, by the names for signing in.",
		now: func(r *run) (list []named[Members], _ error) {
			logins, err := r.logins()
			if err != nil {
				return nil, err
			}
			for _, t := range r.routing.Teams {
				if t.Outside() {
					continue
				}
				one := Members{People: []string{}}
				for _, id := range t.Members {
					if login := logins[id]; login != "" {
						one.People = append(one.People, login)
					}
				}
				list = append(list, named[Members]{t.ID, one})
			}
			return list, nil
		},
		put: func(r *run, name string, _, is Members, _ bool) error {
			logins, err := r.logins()
			if err != nil {
				return err
			}
			ids := map[string]string{}
			for id, login := range logins {
				ids[login] = id
			}
			var members []string
			for _, login := range is.People {
				if ids[login] == "" {
					return fieldError{"people", fmt.Errorf("nobody signs in as %q", login)}
				}
				members = append(members, ids[login])
			}
			return r.use(func(next *triage.Routing) {
				i := slices.IndexFunc(next.Teams, func(t triage.Team) bool { return t.ID == name })
				next.Teams[i].Members = members
			})
		},
		end: (*run).storeRouting}
}

// logins are the names for signing in by account.
func (r *run) logins() (map[string]string, error) {
	list, err := r.everybody()
	out := map[string]string{}
	for _, a := range list {
		out[a.ID] = a.Login
	}
	return out, err
}

// Skill is how strictly a skill is asked for.
type Skill struct {
	Level  int     `yaml:"level"`
	Relax  []Relax `yaml:"relax"`
	Remove bool    `yaml:"remove,omitempty"`
}

func (s Skill) removed() bool { return s.Remove }

// Relax asks for less after a while.
type Relax struct {
	After Span `yaml:"after"`
	Level int  `yaml:"level"`
}

func skillsPart() part {
	return many[Skill]{name: "skills.yaml",
		about: "At which level a skill (or a language, like language:ar, or language for all of them) is asked for\nat first, and when with less (level 0: with none of it).",
		now: func(r *run) (list []named[Skill], _ error) {
			for _, s := range r.routing.Skills {
				one := Skill{Level: s.Level, Relax: []Relax{}}
				for _, step := range s.Relax {
					one.Relax = append(one.Relax, Relax{span(step.After), step.Level})
				}
				list = append(list, named[Skill]{s.Skill, one})
			}
			return list, nil
		},
		fresh: func(*run, string) (Skill, error) { return Skill{}, nil },
		put: func(r *run, name string, _, is Skill, _ bool) error {
			one := triage.SkillRule{Skill: name, Level: is.Level}
			for _, step := range is.Relax {
				one.Relax = append(one.Relax, triage.Relax{After: time.Duration(step.After), Level: step.Level})
			}
			return r.use(func(next *triage.Routing) {
				i := slices.IndexFunc(next.Skills, func(s triage.SkillRule) bool { return s.Skill == name })
				switch {
				case is.Remove:
					next.Skills = slices.Delete(next.Skills, i, i+1)
				case i < 0:
					next.Skills = append(next.Skills, one)
				default:
					next.Skills[i] = one
				}
			})
		},
		end: (*run).storeRouting}
}

// Services is services.yaml.
type Services struct {
	Emergency []Service `yaml:"emergency"`
}

// Service is an emergency service to which callers in danger are given over.
type Service struct {
	Name   string `yaml:"name"`
	Number string `yaml:"number"`
}

func servicesPart() part {
	return one[Services]{name: "services.yaml",
		about: "Emergency services to which callers in danger are given over, in the order in which they are\ncalled: the full number of a control room that has agreed to it.",
		now: func(r *run) (Services, error) {
			out := Services{Emergency: []Service{}}
			for _, s := range r.routing.Emergency {
				out.Emergency = append(out.Emergency, Service{s.Name, string(s.Number)})
			}
			return out, nil
		},
		tidy: func(r *run, _ Services, is *Services) error {
			is.Emergency = slices.Clone(is.Emergency)
			for i := range is.Emergency {
				is.Emergency[i].Number = string(call.ParseNumber(is.Emergency[i].Number, r.cfg.Region))
			}
			return nil
		},
		put: func(r *run, _, is Services) error {
			err := r.use(func(next *triage.Routing) {
				next.Emergency = nil
				for _, s := range is.Emergency {
					next.Emergency = append(next.Emergency, triage.Service{Name: s.Name, Number: call.Number(s.Number)})
				}
			})
			return errors.Join(err, r.storeRouting())
		}}
}
