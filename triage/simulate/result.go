package simulate

import (
	"time"
)

// Result is how the day went. Figures are those of the reports (features.md
// §4.3).
type Result struct {
	Plan          Plan             `json:"plan"`
	Calls         int              `json:"calls"` // that were rung, those who tried again included
	SelfServed    int              `json:"self_served"`
	Offered       int              `json:"offered"` // entered the queue
	Handled       int              `json:"handled"`
	Abandoned     int              `json:"abandoned"`
	ShortAbandons int              `json:"short_abandons"`
	Promised      int              `json:"call_backs_promised"`
	CalledBack    int              `json:"called_back"`
	Held          int              `json:"call_backs_left"` // not made by the end
	StillWaiting  int              `json:"still_waiting"`
	Ended         int              `json:"ended"` // calls that agents have finished
	Wait          Quantiles        `json:"wait"`  // of handled calls
	ASA           time.Duration    `json:"average_speed_of_answer"`
	AbandonTime   time.Duration    `json:"average_abandon_time"`
	AHT           time.Duration    `json:"average_handle_time"`
	ServiceLevel  float64          `json:"service_level"` // answered within the target
	Abandonment   float64          `json:"abandonment_rate"`
	Occupancy     float64          `json:"occupancy"`
	Waiting       Counts           `json:"waiting"`  // callers on the line at a moment
	Channels      Counts           `json:"channels"` // calls at the same time: dialogue, waiting, talking
	Estimator     Estimator        `json:"estimator"`
	Languages     []LanguageResult `json:"languages"`
}

// LanguageResult is how it went for callers of one language.
type LanguageResult struct {
	Language    string    `json:"language"`
	Offered     int       `json:"offered"`
	Handled     int       `json:"handled"`
	Abandoned   int       `json:"abandoned"`
	Abandonment float64   `json:"abandonment_rate"`
	Soon        float64   `json:"service_level"`
	Wait        Quantiles `json:"wait"`
	Understood  float64   `json:"understood"` // share of those handled, by somebody who speaks the language

	soon, understood int
	waits            []time.Duration
}

// Quantiles of waits.
type Quantiles struct {
	P50 time.Duration `json:"p50"`
	P90 time.Duration `json:"p90"`
	P95 time.Duration `json:"p95"`
	Max time.Duration `json:"max"`
}

// Counts are quantiles over the time of the day.
type Counts struct {
	P50 int `json:"p50"`
	P95 int `json:"p95"`
	P99 int `json:"p99"`
}

// Estimator says how good the expected waits were that callers heard: of all who
// had to wait, also those who gave up (their wait is the one of who came next).
type Estimator struct {
	Told    int           `json:"told"`
	Bias    time.Duration `json:"bias"`    // said minus waited, on average; above 0: said too much
	P50     time.Duration `json:"p50"`     // of the absolute error
	P90     time.Duration `json:"p90"`     //
	Covered float64       `json:"covered"` // share of waits inside the spoken range
	Width   time.Duration `json:"width"`   // of the range, on average
}

func quantiles(sorted []time.Duration) Quantiles {
	return Quantiles{P50: at(sorted, 0.5), P90: at(sorted, 0.9), P95: at(sorted, 0.95), Max: at(sorted, 1)}
}

func counts(sorted []int) Counts {
	return Counts{P50: at(sorted, 0.5), P95: at(sorted, 0.95), P99: at(sorted, 0.99)}
}

// at is the value that the share of a sorted list does not exceed.
func at[T any](sorted []T, part float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func mean(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}

func share(n, of int) float64 {
	if of <= 0 {
		return 0
	}
	return float64(n) / float64(of)
}
