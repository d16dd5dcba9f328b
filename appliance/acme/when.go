package acme

import (
	"crypto/x509"
	"math/rand/v2"
	"slices"
	"time"
)

// Bounds on how often an authority is asked. The public ones allow five failed
// tries an hour and five certificates a week for the same names, and count on
// those who renew to keep far from that.
const (
	day        = 24 * time.Hour
	mostOrders = 5       // in a day, by itself and by hand
	mostGot    = 4       // certificates in a week
	longest    = 2 * day // that an authority can put us off
	idle       = time.Hour
)

// limits are how long a try may take.
type limits struct {
	whole   time.Duration // a try
	answer  time.Duration // of another machine
	visible time.Duration // until a record is seen
	blind   time.Duration // is waited where nobody can be asked whether it is
	pause   time.Duration // between two looks
}

func usual() limits {
	return limits{whole: 15 * time.Minute, answer: 30 * time.Second, visible: 5 * time.Minute, blind: time.Minute, pause: 3 * time.Second}
}

// gapAfter is how long is waited after so many tries that failed in a row, and
// never quite the same. An authority that was not reached was not bothered, and
// the internet may be there for an hour only: then it is tried more often.
func gapAfter(fails int, reached bool) time.Duration {
	gaps := []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	if reached {
		gaps = []time.Duration{time.Hour, 4 * time.Hour, 12 * time.Hour, day}
	}
	gap := gaps[min(max(fails, 1), len(gaps))-1]
	return gap + time.Duration(rand.Int64N(int64(gap)/4+1))
}

// renewal is when a certificate is renewed: after two thirds of its life, and a
// bit of the rest that its serial number decides, so that not everybody comes at
// once.
func renewal(leaf *x509.Certificate) time.Time {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	spread := time.Duration(0)
	if raw := leaf.SerialNumber.Bytes(); len(raw) > 0 {
		spread = life / 20 * time.Duration(raw[len(raw)-1]) / 256
	}
	return leaf.NotBefore.Add(life/3*2 + spread)
}

// within are those of the times that are not older; what lies in the future was
// written with a wrong clock.
func within(times []time.Time, now time.Time, age time.Duration) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return t.After(now) || now.Sub(t) >= age })
}

// wait is how long nothing has to be tried.
func (k *Keeper) wait(now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	var next time.Time // at once
	switch {
	case !k.set || k.settings.Held:
		return idle
	case k.pair != nil && covers(k.pair.Leaf, k.settings.Names):
		next = renewal(k.pair.Leaf)
	}
	if n := k.standing.Next; n.After(next) && n.Before(now.Add(longest+day)) { // one that is farther away was reckoned with a wrong clock
		next = n
	}
	if may := k.standing.may(now); may.After(next) {
		next = may
	}
	return min(next.Sub(now), idle) // the clock may be set meanwhile
}

// may is from when on the authority may be asked again.
func (s Standing) may(now time.Time) time.Time {
	var from time.Time
	if list := within(s.Orders, now, day); len(list) >= mostOrders {
		from = list[len(list)-mostOrders].Add(day)
	}
	if list := within(s.Got, now, 7*day); len(list) >= mostGot {
		if t := list[len(list)-mostGot].Add(7 * day); t.After(from) {
			from = t
		}
	}
	return from
}

// mayOrder refuses a try that would be one too many.
func (k *Keeper) mayOrder(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if from := k.standing.may(now); from.After(now) {
		return &Failure{Code: FailedTries, Values: []string{"when", from.Local().Format("2006-01-02 15:04")}}
	}
	return nil
}

// covers says whether a certificate is for exactly these names.
func covers(leaf *x509.Certificate, names []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(leaf.DNSNames)), slices.Sorted(slices.Values(names)))
}
