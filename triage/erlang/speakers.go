package erlang

import (
	"maps"
	"slices"
	"time"
)

// Speakers are agents who can answer the same languages.
type Speakers struct {
	Languages []string
	Agents    int
}

// mostLanguages bounds the sets that are looked at; a hotline with more
// languages looks at those with the most calls.
const mostLanguages = 6

// More says how many more agents of which language reach the target for
// everybody: the fewest, each counted with one language. calls are the calls of
// each language.
//
// Agents of several languages help out where it is needed, so no language can be
// looked at alone. For every set of languages, all who speak one of them must be
// enough for all calls in them. Where they are not, the language of the set that
// is worst off alone gets one more, until all sets are served.
func More(calls map[string]Line, there []Speakers, t Target) map[string]int {
	languages := slices.SortedFunc(maps.Keys(calls), func(a, b string) int {
		if x, y := calls[a].Load(), calls[b].Load(); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		if a < b {
			return -1
		}
		return 1
	})
	languages = languages[:min(len(languages), mostLanguages)]
	type set struct {
		members []string
		lacks   int
	}
	var sets []set
	for bits := 1; bits < 1<<len(languages); bits++ {
		var s set
		var all Line
		var handle, patience float64
		for i, language := range languages {
			if bits&(1<<i) == 0 {
				continue
			}
			l := calls[language]
			s.members = append(s.members, language)
			all.PerHour += l.PerHour
			handle += l.PerHour * float64(l.Handle)
			patience += l.PerHour * float64(l.Patience)
		}
		if all.PerHour <= 0 {
			continue
		}
		all.Handle, all.Patience = time.Duration(handle/all.PerHour), time.Duration(patience/all.PerHour)
		s.lacks = all.Needed(t)
		for _, group := range there {
			if slices.ContainsFunc(group.Languages, func(l string) bool { return slices.Contains(s.members, l) }) {
				s.lacks -= group.Agents
			}
		}
		sets = append(sets, s)
	}
	alone := func(language string) int {
		for _, s := range sets {
			if len(s.members) == 1 && s.members[0] == language {
				return s.lacks
			}
		}
		return 0
	}
	more := map[string]int{}
	for {
		worst := slices.MaxFunc(append(sets, set{}), func(a, b set) int { return a.lacks - b.lacks })
		if worst.lacks <= 0 {
			return more
		}
		choice := slices.MaxFunc(worst.members, func(a, b string) int { return alone(a) - alone(b) })
		more[choice]++
		for i := range sets {
			if slices.Contains(sets[i].members, choice) {
				sets[i].lacks--
			}
		}
	}
}
