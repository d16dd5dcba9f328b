//go:build !race

package foreign

import "time"

// soon is how long a hostile file may keep a person waiting; allowed is how long
// its sound may be.
const (
	soon    = 2 * time.Second
	allowed = time.Minute
	little  = 100 << 10 // KiB
)
