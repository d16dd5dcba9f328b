package roster

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// TooSoon is how long somebody who guesses has to wait.
type TooSoon time.Duration

func (t TooSoon) Error() string {
	return fmt.Sprintf("there were too many wrong passwords: try again in %d seconds", t.Seconds())
}

// Seconds is the wait, rounded up.
func (t TooSoon) Seconds() int { return int(math.Ceil(time.Duration(t).Seconds())) }

// throttle slows down who guesses passwords: some free tries for an account
// from one address, then a growing pause. It never locks an account, for an
// outsider must not be able to keep a volunteer out.
type throttle struct {
	mu    sync.Mutex
	tries map[string]*tries
}

type tries struct {
	failed int
	last   time.Time
}

const (
	freeTries   = 5
	firstPause  = 10 * time.Second
	longPause   = 5 * time.Minute
	forgetTries = 15 * time.Minute
	mostTries   = 10_000 // remembered; beyond that the oldest are not
)

func (t *throttle) wait(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.tries[key]
	if one == nil || one.failed < freeTries {
		return 0
	}
	pause := min(firstPause<<min(one.failed-freeTries, 8), longPause)
	return max(0, pause-now.Sub(one.last))
}

func (t *throttle) failed(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tries == nil {
		t.tries = map[string]*tries{}
	}
	if t.tries[key] == nil {
		t.makeRoom(now)
		t.tries[key] = &tries{}
	}
	t.tries[key].failed++
	t.tries[key].last = now
}

// makeRoom forgets what is old, and the oldest when that is not enough.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.tries) < mostTries {
		return
	}
	oldest, at := "", now
	for key, one := range t.tries {
		if now.Sub(one.last) > forgetTries {
			delete(t.tries, key)
		} else if one.last.Before(at) {
			oldest, at = key, one.last
		}
	}
	if len(t.tries) >= mostTries {
		delete(t.tries, oldest)
	}
}

func (t *throttle) passed(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, key)
}
