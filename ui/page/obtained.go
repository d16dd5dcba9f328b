package page

import (
	"strings"
	"time"

	"hotline/appliance/acme"
)

// ObtainedPage is the certificate that is got from an authority, and how.
type ObtainedPage struct {
	Frame
	acme.State
	Form    acme.Settings // as it is, or as it was typed
	Trouble string
	Done    string
}

// ObtainedDone are the words that say what was done.
func ObtainedDone() []string { return []string{"saved", "removed"} }

// days are those that the certificate still has.
func (p ObtainedPage) days() string {
	return itoa(max(0, int(p.Pair.NotAfter.Sub(p.Now)/(24*time.Hour))))
}

// why says in a sentence why a try ended, and what to do.
func (p ObtainedPage) why(f *acme.Failure) string {
	return p.F("auto.failed."+string(f.Code), f.Values...)
}

func (p ObtainedPage) names() string { return strings.Join(p.Form.Names, "\n") }

// way is the one that is chosen in the form.
func (p ObtainedPage) way(w acme.Way) bool {
	return p.Form.Way == w || p.Form.Way == "" && w == acme.Update
}

// due says that nobody has asked for the first certificate yet.
func (p ObtainedPage) due() bool { return p.Set && p.Settings.Held }

// stepsState is what the steps are of, for whoever looks at the page with a
// program.
func stepsState(p ObtainedPage) string {
	switch {
	case p.Running:
		return "running"
	case p.Last != nil:
		return "failed"
	}
	return "done"
}
