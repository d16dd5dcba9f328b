//go:build race

package foreign

import "time"

// soon is several times what a person may wait: the child runs with the race
// detector too, beside other tests. A minute of 192,000 samples a second would
// take it most of the seconds of the processor that it may use.
const (
	soon    = 15 * time.Second
	allowed = 20 * time.Second
	little  = 500 << 10 // KiB: the detector keeps up to eight times as much beside it
)
