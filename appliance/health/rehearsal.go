package health

import (
	"strconv"
	"time"
)

// Rehearsal is how the last calls of the box to itself went. The zero value: it
// makes none.
type Rehearsal struct {
	Since  time.Time // it has rehearsed since then, if nothing was in the way
	Last   time.Time // when the last one came to its end; zero: none did
	Failed int       // what it found that callers suffer from
}

// rehearsalOld is how long the last rehearsal counts: it is tried every hour,
// and gives way to real calls.
const rehearsalOld = 3 * time.Hour

// Rehearsals judges what the box knows of itself by calling itself.
func Rehearsals(r Rehearsal, now time.Time) []Check {
	if r.Since.IsZero() {
		return nil
	}
	c := Check{State: Good, Words: "rehearsal.passed", Values: []string{"minutes", minutes(now.Sub(r.Last)), "at", r.Last.Local().Format("2006-01-02 15:04"), "failed", strconv.Itoa(r.Failed)}}
	switch {
	case r.Last.IsZero() && now.Sub(r.Since) < rehearsalOld:
		c.Words = "rehearsal.soon"
	case r.Last.IsZero():
		c.State, c.Words = Watch, "rehearsal.never"
	case r.Failed > 0:
		c.State, c.Words = Bad, "rehearsal.failed"
	case now.Sub(r.Last) > rehearsalOld:
		c.State, c.Words = Watch, "rehearsal.old"
	}
	return []Check{c}
}
