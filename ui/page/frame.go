// Package page draws the pages: templates and the values they show. It knows
// the texts and the words of the domain, and nothing of requests, sessions,
// storage or calls in progress.
package page

import (
	"encoding/json"
	"strings"
	"time"

	"hotline/appliance/lists"
	"hotline/ui/words"
)

// Frame is what every page has around its own content.
type Frame struct {
	words.Text
	Lists     *lists.Set // what can be chosen, and what is asked
	Title     string
	Operation string
	Person    *Person
	Path      string
	Theme     string // colours chosen in this browser; "" follows the device
	Languages []Language
	Asset     func(name string) string
	Mode      string // words of the emergency mode when it is on, else empty
	Closing   bool   // somebody wants all records wiped: whoever knows better stops it
	Live      bool   // the page keeps itself up to date
	MadeUp    bool   // nothing on the page is real
	Now       time.Time
}

// Person is who is signed in.
type Person struct {
	Name, Role string
	Groups     []Group // of the menu
}

// Group is one kind of work in the menu: the key of its name and its pages.
type Group struct {
	Key   string
	Paths []string
}

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

// here is the entry of the menu that the page belongs to: the longest one that
// leads to it.
func (f Frame) here() (group Group, path string) {
	if f.Person == nil {
		return group, path
	}
	for _, one := range f.Person.Groups {
		for _, other := range one.Paths {
			if (f.Path == other || strings.HasPrefix(f.Path, other+"/")) && len(other) > len(path) {
				group, path = one, other
			}
		}
	}
	return group, path
}

// tabs are what the bar shows: the kinds of work, or the pages themselves
// where there is only one kind.
func (f Frame) tabs() []Tab {
	group, path := f.here()
	if len(f.Person.Groups) == 1 {
		return f.pages(f.Person.Groups[0], path)
	}
	var tabs []Tab
	for _, one := range f.Person.Groups {
		tab := Tab{Path: one.Paths[0], Text: f.T(one.Key), Is: one.Key == group.Key}
		if tab.Is && len(group.Paths) == 1 {
			tab.Current = "page"
		} else if tab.Is {
			tab.Current = "true"
		}
		tabs = append(tabs, tab)
	}
	return tabs
}

// siblings are the pages of the kind of work that the page belongs to, for a
// second row below the bar.
func (f Frame) siblings() []Tab {
	group, path := f.here()
	if f.Person == nil || len(f.Person.Groups) == 1 || len(group.Paths) < 2 {
		return nil
	}
	return f.pages(group, path)
}

func (f Frame) pages(group Group, here string) []Tab {
	var tabs []Tab
	for _, path := range group.Paths {
		tab := Tab{Path: path, Text: f.T("menu:" + path), Is: path == here}
		if tab.Is {
			tab.Current = "page"
		}
		tabs = append(tabs, tab)
	}
	return tabs
}

// Tab is one way to another page; Current is how it is marked (aria-current).
type Tab struct {
	Path, Text string
	Is         bool
	Current    string
}

func keypad() []string { return []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"} }
