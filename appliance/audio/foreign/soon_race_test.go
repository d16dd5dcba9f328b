//go:build race

package foreign

import "time"

// soon is several times what a person may wait: the child runs with the race
// detector too, beside other tests.
const (
	soon   = 15 * time.Second
	little = 500 << 10 // KiB: the detector keeps up to eight times as much beside it
)
