//go:build !linux

package backup

import (
	"math"
)

func sameDisk(_, _ string) bool { return false }

func room(string) uint64 { return math.MaxUint64 }
