// Package health says how the box is: a list of checks, each in a few words
// with a next step, and the same figures for programs that watch it (metrics).
// Checks are plain functions of what was measured, so that the page, alerts
// and a rehearsal before the first call judge alike.
package health

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/trunk"
)

// State is how bad something is.
type State int

// States, the worst first.
const (
	Bad   State = iota // callers or records suffer
	Watch              // they will, if nobody acts
	Good
)

// String is the word for it in pages and figures.
func (s State) String() string { return [...]string{"bad", "watch", "good"}[s] }

// Check is one thing that was looked at.
type Check struct {
	State  State
	Words  string   // key of the sentence in the catalogues, and with .next of the next step
	Values []string // for the sentence: name, value, name, value …
	Detail string   // what the part itself says, for whoever helps
}

// Figures are what the checks judge.
type Figures struct {
	Now     time.Time
	Started time.Time
	Version string

	Trunk    trunk.Stats
	Lines    []trunk.LineState
	Peers    []trunk.PeerState
	DiskFree uint64 // bytes on the disk of the records
	DiskSize uint64 // 0: not known
	DiskFull bool   // records are written into what was kept for this case
	Clock    Clock
	Heat     Heat

	Load   Load
	Strain string // what is short, so that new callers are turned away; "": nothing

	Backup          Backup
	Key             Key
	Rehearsal       Rehearsal
	Quality         Quality // of the sound of calls
	Lost            LostLines
	Orders          []Order
	Hooks           []Hook
	CertificateEnds time.Time // of the pages; zero: not known
	Got             Got       // the certificate that is got from an authority
	Unsaved         int       // records that could not be written
	Panics          int64     // faults of ours that were caught
}

// Load is how much the box carries now.
type Load struct {
	SignedIn int    // phone volunteers
	Entries  uint64 // in the log of what happened, since the beginning
	DataSize uint64 // bytes that the records take; calls at a time are in Trunk
}

// Checks judges everything, the worst first.
func Checks(f Figures) []Check {
	all := slices.Concat(Sound(f.Trunk.Rejected[488]), f.Quality.Checks(), Backups(f.Backup, f.Now), f.Key.Checks(), f.Heat.Checks(), f.Lost.Checks(), Orders(f.Orders), Hooks(f.Hooks, f.Now), f.Got.Checks(f.Now), Rehearsals(f.Rehearsal, f.Now), Lines(f.Lines, f.Now), Peers(f.Peers, f.Now), []Check{
		Calls(f.Trunk), Strained(f.Strain, f.Trunk.Calls), Records(f.Unsaved), Faults(f.Panics), Disk(f.DiskFree, f.DiskSize, f.DiskFull), f.Clock.Check(), Certificate(f.CertificateEnds, f.Now),
	})
	slices.SortStableFunc(all, func(a, b Check) int { return cmp.Compare(a.State, b.State) })
	return all
}

// Grave are the words of everything that can be Bad.
func Grave() []string {
	return []string{"line.down", "calls.full", "sound.refused", "sound.trunk", "sound.agents", "strain.sound", "strain.memory", "records.unsaved", "records.damaged", "disk.reserve", "disk.full", "heat.over",
		"clock.leap", "clock.jumped", "clock.lost", "certificate.over", "got.over", "got.ending", "backup.never", "backup.old", "backup.keyless",
		"key.locked", "key.waiting", "lost.leads", "export.late", "export.stopped", "hook.failing", "rehearsal.failed"}
}

// Worst is the state of the worst of the checks.
func Worst(checks []Check) State {
	worst := Good
	for _, c := range checks {
		worst = min(worst, c.State)
	}
	return worst
}

// Lines judges the lines for calls out.
func Lines(lines []trunk.LineState, now time.Time) []Check {
	var out []Check
	for _, l := range lines {
		c := Check{State: Good, Words: "line.up", Detail: l.Reason, Values: []string{"line", l.Name,
			"calls", strconv.Itoa(l.Calls), "minutes", minutes(now.Sub(l.Since))}}
		switch {
		case !l.Checked:
			c.State, c.Words = Watch, "line.unchecked"
		case !l.Up:
			c.State, c.Words = Bad, "line.down"
		case l.Limit > 0 && l.Calls >= l.Limit:
			c.State, c.Words = Watch, "line.full"
		}
		out = append(out, c)
	}
	return out
}

// quiet is how long a trunk may say nothing before somebody should look.
const quiet = 24 * time.Hour

// Peers judges where calls come from by when something was last heard. A quiet
// trunk is no fault: it may just be night.
func Peers(peers []trunk.PeerState, now time.Time) []Check {
	var out []Check
	for _, p := range peers {
		c := Check{State: Good, Words: "peer.heard", Values: []string{"peer", p.Net, "minutes", minutes(now.Sub(p.Heard))}}
		switch {
		case p.Heard.IsZero():
			c.State, c.Words = Watch, "peer.never"
		case now.Sub(p.Heard) > quiet:
			c.State, c.Words = Watch, "peer.quiet"
		}
		out = append(out, c)
	}
	return out
}

// Calls judges how full the box is.
func Calls(s trunk.Stats) Check {
	c := Check{State: Good, Words: "calls.room", Values: []string{"calls", strconv.Itoa(s.Calls), "limit", strconv.Itoa(s.Limit), "refused", strconv.FormatUint(s.Turned, 10)}}
	switch {
	case s.Calls >= s.Limit-s.Reserved:
		c.State, c.Words = Bad, "calls.full"
	case 10*s.Calls >= 8*s.Limit:
		c.State, c.Words = Watch, "calls.nearly"
	}
	return c
}

// Sound judges whether calls come with sound that can be understood: who does
// not is refused with 488 (RFC 3261 §21.4.26).
func Sound(refused uint64) []Check {
	if refused == 0 {
		return nil
	}
	return []Check{{State: Bad, Words: "sound.refused", Values: []string{"calls", strconv.FormatUint(refused, 10)}}}
}

// Records judges whether what happens is written down.
func Records(unsaved int) Check {
	if unsaved == 0 {
		return Check{State: Good, Words: "records.saved"}
	}
	return Check{State: Bad, Words: "records.unsaved", Values: []string{"records", strconv.Itoa(unsaved)}}
}

// Faults judges faults of the software itself.
func Faults(panics int64) Check {
	if panics == 0 {
		return Check{State: Good, Words: "faults.none"}
	}
	return Check{State: Watch, Words: "faults.some", Values: []string{"faults", strconv.FormatInt(panics, 10)}}
}

// Room that the records need: below the first nothing may be writable soon,
// below the second somebody should make room.
const (
	diskBad   = 200 << 20
	diskWatch = 2 << 30
)

// Disk judges the room for records.
func Disk(free, size uint64, full bool) Check {
	c := Check{State: Good, Words: "disk.room", Values: []string{"free", bytes(free), "size", bytes(size)}}
	switch {
	case full:
		c.State, c.Words = Bad, "disk.reserve"
	case size == 0:
		c.State, c.Words = Watch, "disk.unknown"
	case free < diskBad:
		c.State, c.Words = Bad, "disk.full"
	case free < diskWatch:
		c.State, c.Words = Watch, "disk.short"
	}
	return c
}

// Certificate judges how long browsers will believe the pages.
func Certificate(ends, now time.Time) Check {
	days := int(ends.Sub(now) / (24 * time.Hour))
	c := Check{State: Good, Words: "certificate.good", Values: []string{"days", strconv.Itoa(days)}}
	switch {
	case ends.IsZero():
		c.State, c.Words = Watch, "certificate.unknown"
	case !now.Before(ends):
		c.State, c.Words = Bad, "certificate.over"
	case days < 14:
		c.State, c.Words = Watch, "certificate.soon"
	}
	return c
}

func minutes(d time.Duration) string { return strconv.Itoa(max(0, int(d/time.Minute))) }

func bytes(n uint64) string {
	if n >= 10<<30 {
		return strconv.FormatUint(n>>30, 10) + " GB"
	}
	return strconv.FormatUint(n>>20, 10) + " MB"
}
