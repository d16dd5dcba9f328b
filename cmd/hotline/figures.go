package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/calendar"
	"hotline/appliance/export"
	"hotline/appliance/health"
)

// figures measures the box anew each time it is asked.
func (h *hotline) figures(data string, started time.Time) func() health.Figures {
	clock := health.NewTimekeeper(started)
	return func() health.Figures {
		now := time.Now()
		f := health.Figures{Now: now, Started: started, Version: version(), Trunk: h.trunk.Stats(), Lines: h.trunk.Lines(), Peers: h.trunk.Peers(),
			Clock: clock.Clock(now), CertificateEnds: h.certs.Expires(), Unsaved: h.desk.Unsaved(), Panics: h.Panics()}
		if leap, err := calendar.Unbelieved(h.records); err != nil {
			h.log.Error("whether the date is believed cannot be read", "error", err)
		} else {
			f.Clock.Leapt = leap.Days()
		}
		f.DiskFree, f.DiskSize = health.DiskRoom(data)
		f.DiskFull = h.records.Full()
		f.Heat = health.Warmth()
		f.Backup, f.Key = h.backupFigures(data), h.keyFigures()
		f.Orders, f.Hooks = h.orderFigures(now), h.hookFigures()
		f.Got = h.gotFigures()
		if h.keys != nil {
			f.Rehearsal = h.rehearse.kept.Health(started)
		}
		f.Load, f.Quality = h.load(), h.desk.Quality(now)
		f.Lost = h.lostLines()
		f.Strain = h.strain.Kind()
		return f
	}
}

// red is what callers or records suffer from now: by the checks, and by the last
// rehearsal, which says more than that it failed.
func (h *hotline) red() []health.Check {
	found := health.Checks(h.measure())
	if h.keys != nil {
		found = append(found, h.rehearse.kept.Failing()...)
	}
	return slices.DeleteFunc(found, func(c health.Check) bool { return c.State != health.Bad })
}

// gotFigures is how the certificate stands that is got from an authority.
func (h *hotline) gotFigures() (g health.Got) {
	s := h.renewal.State()
	if !s.Set {
		return g
	}
	g.Names, g.Failing = strings.Join(s.Settings.Names, ", "), s.Failing
	if s.Why != nil {
		g.Why = string(s.Why.Code)
	}
	if s.Pair != nil {
		g.Begins, g.Ends = s.Pair.NotBefore, s.Pair.NotAfter
	}
	return g
}

// lostLines is what sends callers to lines that there are not. A hotline without
// its key knows none but those that ship, and says that it is locked.
func (h *hotline) lostLines() (l health.LostLines) {
	if h.keys == nil {
		return l
	}
	lost, err := h.reach.Lost()
	if err != nil {
		h.log.Error("what leads to the lines cannot be read", "error", err)
	}
	for _, one := range lost {
		l.From = append(l.From, health.LostLine{Line: one.Queue, Name: one.Name})
	}
	l.Contacts = h.dispatch.Losses()
	return l
}

func (h *hotline) load() health.Load {
	l := health.Load{SignedIn: h.dispatch.SignedIn(), DataSize: h.records.Size()}
	var err error
	if l.Entries, err = h.records.LastEvent(); err != nil {
		h.log.Error("the log cannot be counted", "error", err)
	}
	return l
}

func (h *hotline) keyFigures() health.Key {
	if h.keys == nil {
		return health.Key{Locked: true}
	}
	s := h.keys.State()
	return health.Key{Kind: s.Kind, Away: s.Path != "" && !s.There, Waiting: s.Waiting}
}

func (h *hotline) backupFigures(data string) health.Backup {
	if h.keys == nil {
		return health.Backup{} // nobody makes any of an inbox
	}
	s := h.backups.State()
	b := health.Backup{Place: s.Place, SameDisk: s.SameDisk, Started: s.Started, Last: s.Last, Failed: s.Failed, Gone: s.Gone, Key: !s.Key.IsZero(), Sounds: s.Sounds,
		Damaged: backup.Marked(data)}
	if r := backup.LastRescue(data); r != nil {
		b.Restored, b.Until = r.At, r.Until
	}
	return b
}

// reading is what tells whether more callers can be carried.
func (h *hotline) reading() health.Reading {
	r := health.Reading{Clock: h.callers.Stats()}
	r.Available, r.Memory = health.MemoryRoom()
	return r
}

// strained tells whether the machine carries all that it can.
func (h *hotline) strained() bool { return h.strain.Full() }

// orderFigures is how the regular exports are.
func (h *hotline) orderFigures(now time.Time) (list []health.Order) {
	orders, err := h.exports.Orders()
	if err != nil {
		h.log.Error("the regular exports cannot be read", "error", err)
	}
	for _, o := range orders {
		if o.Stopped != export.StoppedByPerson {
			list = append(list, health.Order{Late: o.Late(now), Failed: o.Since, Stopped: o.Stopped != ""})
		}
	}
	return list
}

// hookFigures is how other systems take what they are told. One that somebody has
// paused is left alone.
func (h *hotline) hookFigures() (list []health.Hook) {
	hooks, err := h.hooks.List()
	if err != nil {
		h.log.Error("the other systems that are told what happens cannot be read", "error", err)
	}
	for _, one := range hooks {
		if !one.Paused || one.Gone {
			list = append(list, health.Hook{Name: one.Name, Failing: one.Failing, Gone: one.Gone})
		}
	}
	return list
}

// serveFigures serves them to programs on this machine.
func (h *hotline) serveFigures(ctx context.Context) error {
	if h.watched == nil {
		<-ctx.Done()
		return nil
	}
	return health.NewMetrics(h.measure).Run(ctx, h.watched)
}
