package prompts

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Spoken is how a language puts numbers, waits, times and dates together from
// recorded words. It is data of the language file, so that a language can be
// added without a new program.
type Spoken struct {
	// Numbers are named sets of rules. In a set, the rule with the largest
	// base not above the number is used, as in Unicode's rule-based number
	// formats (UTS #35 part 3): "number.30.and >" under 31 is the word
	// "thirty and" and then what is left over after the tens. See Rules.
	Numbers map[string]Rules `yaml:"numbers"`

	// Counted are things by plural category (zero, one, two, few, many, other:
	// Unicode CLDR), or for one number alone ("=1"): "{n} unit.minutes".
	Counted map[string]map[string]string `yaml:"counted"`

	// Phrases are whole sayings with named values: "spoken.about {n:minute}".
	// What follows the colon is a set of rules or a counted thing.
	Phrases map[string]string `yaml:"phrases"`

	// Groups are how many digits are read in one go, for "code" and "phone".
	Groups map[string]int `yaml:"groups"`
}

// Rules are the words of numbers by base. A base may name its divisor
// ("60/20"); without one it is the largest power of ten not above the base.
// The words are prompt ids ("#" in one is the number itself), and
//
//	<  or <set   the number divided by the divisor
//	>  or >set   the remainder
//	=set         the number, by another set or as a counted thing
type Rules map[string]string

// Cardinal is the set of rules that plain numbers use.
const Cardinal = "cardinal"

// Phrases that the hotline speaks; every language has them.
const (
	PhraseAbout   = "about"   // n minutes
	PhraseBetween = "between" // n and m minutes
	PhraseMore    = "more"    // n minutes
	PhraseHours   = "hours"   // n hours
	PhraseTime    = "time"    // hour (0 to 23), hour12 (1 to 12), minute
	PhraseDate    = "date"    // weekday (0 is Sunday), day, month
)

// PhraseNames are all phrases that a language must have.
func PhraseNames() []string {
	return []string{PhraseAbout, PhraseBetween, PhraseMore, PhraseHours, PhraseTime, PhraseDate}
}

// Limits of rules, which may come from elsewhere: how often they may lead to
// rules, and how many of them one number may take.
const (
	deepest = 8
	longest = 64
)

// Number is the prompts that speak n by the named set of rules or as a counted
// thing.
func (c Catalogue) Number(set string, n int) ([]string, error) {
	return c.number(set, n, new(effort))
}

// effort is what a number has taken so far.
type effort struct{ depth, steps int }

func (c Catalogue) number(set string, n int, e *effort) ([]string, error) {
	e.depth++
	e.steps++
	defer func() { e.depth-- }()
	if e.depth > deepest || e.steps > longest {
		return nil, fmt.Errorf("language %q: the rules of %q lead in a circle", c.Language, set)
	}
	if forms, ok := c.Spoken.Counted[set]; ok {
		return c.counted(set, forms, n, e)
	}
	rules, ok := c.Spoken.Numbers[set]
	if !ok {
		return nil, fmt.Errorf("language %q has no rules %q for numbers", c.Language, set)
	}
	base, divisor, words, err := rules.find(n)
	if err != nil {
		return nil, fmt.Errorf("language %q, rules %q: %w", c.Language, set, err)
	}
	var ids []string
	for _, word := range strings.Fields(words) {
		to, value := strings.TrimLeft(word, "<>="), n
		switch word[0] {
		case '<':
			value = n / divisor
		case '>':
			value = n % divisor
		case '=':
		default:
			ids = append(ids, strings.ReplaceAll(word, "#", strconv.Itoa(n)))
			continue
		}
		if to == "" {
			to = set
		}
		if to == set && value == n {
			return nil, fmt.Errorf("language %q: the rule for %d of %q leads to itself", c.Language, base, set)
		}
		more, err := c.number(to, value, e)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return ids, nil
}

// find is the rule for n.
func (r Rules) find(n int) (base, divisor int, words string, err error) {
	base = -1
	for key, w := range r {
		b, d, err := ruleBase(key)
		if err != nil {
			return 0, 0, "", err
		}
		if b <= n && b > base {
			base, divisor, words = b, d, w
		}
	}
	if base < 0 {
		return 0, 0, "", fmt.Errorf("no rule covers %d", n)
	}
	return base, divisor, words, nil
}

func ruleBase(key string) (base, divisor int, err error) {
	b, d, given := strings.Cut(key, "/")
	if base, err = strconv.Atoi(b); err != nil || base < 0 {
		return 0, 0, fmt.Errorf("%q is no base of a rule: it is a number, or one with a divisor like \"60/20\"", key)
	}
	for divisor = 1; divisor*10 <= base; divisor *= 10 {
	}
	if given {
		if divisor, err = strconv.Atoi(d); err != nil || divisor < 1 {
			return 0, 0, fmt.Errorf("%q has no divisor", key)
		}
	}
	return base, divisor, nil
}

func (c Catalogue) counted(thing string, forms map[string]string, n int, e *effort) ([]string, error) {
	words, ok := forms["="+strconv.Itoa(n)]
	if !ok {
		words, ok = forms[c.category(n)]
	}
	if !ok {
		words, ok = forms["other"]
	}
	if !ok {
		return nil, fmt.Errorf("language %q does not say how %d of %q are spoken", c.Language, n, thing)
	}
	return c.fill(words, map[string]int{"n": n}, e)
}

// category is the plural category of n.
func (c Catalogue) category(n int) string {
	tag, err := language.Parse(c.Language)
	if err != nil {
		return "other"
	}
	return [...]string{plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two",
		plural.Few: "few", plural.Many: "many"}[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

// Phrase is the prompts of a saying.
func (c Catalogue) Phrase(name string, values map[string]int) ([]string, error) {
	words, ok := c.Spoken.Phrases[name]
	if !ok {
		return nil, fmt.Errorf("language %q has no phrase %q", c.Language, name)
	}
	return c.fill(words, values, new(effort))
}

func (c Catalogue) fill(words string, values map[string]int, e *effort) ([]string, error) {
	var ids []string
	for _, word := range strings.Fields(words) {
		inner, isValue := strings.CutPrefix(word, "{")
		if !isValue {
			ids = append(ids, word)
			continue
		}
		name, set, _ := strings.Cut(strings.TrimSuffix(inner, "}"), ":")
		n, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("language %q: %q asks for a value that is not there; there are %v", c.Language, word, slices.Sorted(maps.Keys(values)))
		}
		if set == "" {
			set = Cardinal
		}
		more, err := c.number(set, n, e)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return ids, nil
}

// CheckSpoken tries every number up to 999, every wait, every minute of a day
// and every day of a year, and returns what a language cannot say.
func (c Catalogue) CheckSpoken() []string {
	missing := map[string]bool{}
	try := func(ids []string, err error) {
		if err != nil {
			missing[err.Error()] = true
		}
		for _, id := range ids {
			if c.Prompts[id] == "" {
				missing[fmt.Sprintf("language %q has no prompt %q, which its rules for numbers use", c.Language, id)] = true
			}
		}
	}
	for n := range biggest + 1 {
		try(c.Number(Cardinal, n))
	}
	for n := range 181 {
		try(c.Phrase(PhraseAbout, map[string]int{"n": n}))
		try(c.Phrase(PhraseMore, map[string]int{"n": n}))
		try(c.Phrase(PhraseHours, map[string]int{"n": n}))
		try(c.Phrase(PhraseBetween, map[string]int{"n": n, "m": n + 5}))
	}
	for minute := range 24 * 60 {
		try(c.Phrase(PhraseTime, clock(minute/60, minute%60)))
	}
	for day := 1; day <= 31; day++ {
		for month := 1; month <= 12; month++ {
			try(c.Phrase(PhraseDate, map[string]int{"weekday": day % 7, "day": day, "month": month}))
		}
	}
	return slices.Sorted(maps.Keys(missing))
}

func clock(hour, minute int) map[string]int {
	return map[string]int{"hour": hour, "hour12": (hour+11)%12 + 1, "minute": minute}
}
