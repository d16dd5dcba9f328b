package triage

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Skill is what an agent can do, and how well: 1 is a little, 5 is best.
type Skill struct {
	Name  string `json:"name"`
	Level int    `json:"level"`
}

// MaxLevel is the highest level of a skill.
const MaxLevel = 5

// Languages are skills: that of Spanish is "language.es".
const (
	languages   = "language."
	anyLanguage = languages + "*" // of somebody who has not said which languages: all of them, a little
	spoken      = 3               // the level of a language that somebody has named
)

// Language is the name of the skill to speak a language.
func Language(tag string) string { return languages + tag }

// SkillRule says how strictly a skill is wanted. A contact needs an agent with
// Level at first; every step of Relax asks for less once it has waited so long.
// Level 0 means anybody. A rule whose steps do not come down to 0 never lets
// anybody without the skill have the contact.
//
// What nobody at work can do is not waited for: if the rule asks for less
// later, it does so at once.
type SkillRule struct {
	Skill string  `json:"skill"`
	Level int     `json:"level"`
	Relax []Relax `json:"relax,omitempty"`
}

// Relax is one step by which a rule asks for less.
type Relax struct {
	After time.Duration `json:"after"`
	Level int           `json:"level"`
}

// languageRule is the name under which the rule for all languages is kept.
const languageRule = "language"

// Rules for what nobody has said anything about. A caller is better helped with
// an interpreter, or by somebody who asks a colleague, than never.
var (
	usualLanguage = SkillRule{Skill: languageRule, Level: 1, Relax: []Relax{{After: 30 * time.Second}}}
	usualSkill    = SkillRule{Level: 1, Relax: []Relax{{After: time.Minute}}}
)

// Wants joins the skills that a contact wants of an agent.
func Wants(language string, skills []string) string {
	all := slices.Clone(skills)
	if language != "" {
		all = append(all, Language(language))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// Speaks are the language skills of an agent who speaks these languages; none
// named means that nobody has asked yet, and counts as all.
func Speaks(tags []string) []Skill {
	if len(tags) == 0 {
		return []Skill{{anyLanguage, 1}}
	}
	var out []Skill
	for _, tag := range tags {
		out = append(out, Skill{Language(tag), spoken})
	}
	return out
}

// sortSkills brings skills into the order that the policy wants.
func sortSkills(skills []Skill) []Skill {
	out := slices.Clone(skills)
	slices.SortFunc(out, func(a, b Skill) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Level, a.Level)) })
	return slices.CompactFunc(out, func(a, b Skill) bool { return a.Name == b.Name })
}

// level is how well somebody with these skills can do one thing.
func level(skills []Skill, name string) int {
	any := 0
	for _, s := range skills {
		switch s.Name {
		case name:
			return s.Level
		case anyLanguage:
			if strings.HasPrefix(name, languages) {
				any = s.Level
			}
		}
	}
	return any
}

// rule is the one for a skill.
func (s Snapshot) rule(skill string) SkillRule {
	if r, ok := s.Skills[skill]; ok {
		return r
	}
	if strings.HasPrefix(skill, languages) {
		if r, ok := s.Skills[languageRule]; ok {
			return r
		}
		return usualLanguage
	}
	return usualSkill
}

// never is an age that no contact reaches.
const never = time.Duration(math.MaxInt64)

// opens is the age from which a contact may go to an agent who has the skill
// at level have, when the best at work has it at level most.
func (r SkillRule) opens(have, most int) time.Duration {
	level, from := r.Level, time.Duration(0)
	for _, step := range r.Relax {
		if have >= level {
			break
		}
		if most >= level { // somebody at work could take it before
			from = max(from, step.After)
		}
		level = min(level, step.Level)
	}
	if have >= level {
		return from
	}
	return never
}
