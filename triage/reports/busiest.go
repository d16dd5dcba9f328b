package reports

import (
	"context"
	"time"
)

// Busiest is what a hotline had to carry of late; a figure is 0 where nothing was
// seen.
type Busiest struct {
	Calls  int           // that arrived in the busiest hour, refused ones too
	Handle time.Duration // of one call on average, notes included
}

// busiestOf is how far back the busiest hour is looked for.
const busiestOf = 7 * 24 * time.Hour

// Busiest looks at the last seven days. While others count it says ErrCounting:
// a page that only wants to begin with good figures does not wait.
func (r *Reports) Busiest(ctx context.Context, now time.Time) (Busiest, error) {
	if !r.mu.TryLock() {
		return Busiest{}, ErrCounting
	}
	defer r.mu.Unlock()
	report, err := r.report(ctx, now.Add(-busiestOf), now.Add(time.Second), now)
	if err != nil {
		return Busiest{}, err
	}
	var b Busiest
	for _, hour := range report.Hours {
		b.Calls = max(b.Calls, hour.Attempts)
	}
	if f := report.Total; f.Handled > 0 {
		b.Handle = time.Duration((f.TalkMS+f.HoldMS+f.WrapMS)/int64(f.Handled)) * time.Millisecond
	}
	return b, nil
}
