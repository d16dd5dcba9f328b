//go:build !race

package foreign

import "time"

// soon is how long a hostile file may keep a person waiting.
const (
	soon   = 2 * time.Second
	little = 100 << 10 // KiB
)
