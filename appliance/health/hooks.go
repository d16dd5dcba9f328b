package health

import "time"

// Hook is another system that is told what happens.
type Hook struct {
	Name    string
	Failing time.Time // since when it has taken nothing that was sent; zero: it takes it
	Gone    bool      // it has said that it wants nothing more
}

// How long another system may be away: it is tried again ever more slowly, and a
// restart there is no news.
const (
	hookFailing = 10 * time.Minute
	hookDead    = 24 * time.Hour
)

// Hooks judges whether other systems take what they are told: somebody looks at a
// map there and believes it.
func Hooks(list []Hook, now time.Time) (out []Check) {
	for _, h := range list {
		c := Check{State: Watch, Words: "hook.failing", Values: []string{"name", h.Name, "minutes", minutes(now.Sub(h.Failing))}}
		switch away := now.Sub(h.Failing); {
		case h.Gone:
			c.Words = "hook.gone"
		case h.Failing.IsZero() || away < hookFailing:
			continue
		case away > hookDead:
			c.State = Bad
		}
		out = append(out, c)
	}
	if len(list) > 0 && len(out) == 0 {
		out = []Check{{State: Good, Words: "hook.good"}}
	}
	return out
}
