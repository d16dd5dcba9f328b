package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// burst is how many requests a token may make at once; it may make one more
// every second (I5).
const burst = 30

func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	problem(w, http.StatusTooManyRequests, "too many requests: wait as long as Retry-After says")
}

// limits counts requests: each key has a bucket of burst that fills by one a
// second.
type limits struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

const mostBuckets = 10_000

// wait is how long key has to wait for its next request; 0 is not at all. Only
// with take does the request count.
func (l *limits) wait(key string, now time.Time, take bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) >= mostBuckets {
		l.buckets = map[string]bucket{}
	}
	b, known := l.buckets[key]
	if !known {
		b = bucket{burst, now}
	}
	b.left = min(burst, b.left+now.Sub(b.at).Seconds())
	b.at = now
	if b.left < 1 {
		l.buckets[key] = b
		return time.Duration((1 - b.left) * float64(time.Second))
	}
	if take {
		b.left--
	}
	l.buckets[key] = b
	return 0
}
