// Package page draws the pages: templates and the values they show. It knows
// the texts and the words of the domain, and nothing of requests, sessions,
// storage or calls in progress.
package page

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hotline/triage"
	"hotline/ui/words"
)

// Frame is what every page has around its own content.
type Frame struct {
	words.Text
	Title     string
	Operation string
	Person    *Person
	Path      string
	Languages []Language
	Asset     func(name string) string
	Mode      string // words of the emergency mode when it is on, else empty
	Live      bool   // the page keeps itself up to date
	Now       time.Time
}

// Person is who is signed in.
type Person struct {
	Name, Role string
	Links      []Link
}

// Link is one entry of the menu: a path and the key of its text.
type Link struct{ Path, Key string }

// Language is one choice of the language picker.
type Language struct{ Tag, Name string }

// RoleWords names a role as the pages show it.
func (f Frame) RoleWords(role string) string { return f.T("role." + role) }

// Clock is a time of day in the box's own time zone.
func (f Frame) Clock(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	return at.Local().Format("15:04:05")
}

// When is a time with its day: "Today 07:15".
func (f Frame) When(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	local, now := at.Local(), f.Now.Local()
	clock := local.Format("15:04")
	switch local.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return f.F("time.today", "clock", clock)
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return f.F("time.yesterday", "clock", clock)
	}
	return local.Format("2006-01-02 15:04")
}

// Long is a duration in words: "1 min 20 s".
func (f Frame) Long(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	minutes, seconds := int(d/time.Minute), int(d%time.Minute/time.Second)
	switch {
	case minutes == 0:
		return f.F("time.seconds", "s", itoa(seconds))
	case minutes < 60:
		return f.F("time.minutes", "m", itoa(minutes), "s", itoa(seconds))
	}
	return f.F("time.hours", "h", itoa(minutes/60), "m", itoa(minutes%60))
}

// Line is the name of a line, in words where the texts have one.
func (f Frame) Line(id string) string { return f.Or("queue."+id, id) }

// Spoken is the name of a language.
func (f Frame) Spoken(tag string) string {
	if tag == "" {
		return "–"
	}
	return f.Or("lang."+tag, tag)
}

// ScriptWords are the texts that the page's script needs, as JSON for a meta element.
func (f Frame) ScriptWords(prefixes ...string) (string, error) {
	encoded, err := json.Marshal(f.Script(prefixes...))
	return string(encoded), err
}

// current marks the entry of the menu that the page belongs to.
func (f Frame) current(link Link) bool {
	most := "" // the longest entry that leads to this page
	if f.Person != nil {
		for _, other := range f.Person.Links {
			if (f.Path == other.Path || strings.HasPrefix(f.Path, other.Path+"/")) && len(other.Path) > len(most) {
				most = other.Path
			}
		}
	}
	return link.Path == most
}

// commonNeeds are always in view; the others open at a press.
func commonNeeds() []string {
	return []string{"rescue", "health_urgent", "health_med", "water", "food", "baby_food", "shelter", "nfi", "evacuation", "family", "info"}
}

func otherNeeds() []string { return without(triage.Needs(), commonNeeds()) }

// commonEndings are the ways in which most calls end.
func commonEndings() []string {
	return []string{"case_opened", "info_given", "referred", "callback_set", "handed_to_emergency", "protected_handover"}
}

func otherEndings() []string { return without(triage.Dispositions(), commonEndings()) }

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(some, one) })
}

func breakReasons() []string {
	return []string{"short", "meal", "handover", "briefing", "technical", "other"}
}

func keypad() []string { return []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"} }
