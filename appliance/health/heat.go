package health

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Heat is how warm the part of the box is that is nearest to its limit. Its zero
// value is that of a machine that cannot tell.
type Heat struct {
	Celsius int
	Limit   int // at which it switches itself off, in °C
}

const (
	thermal = "/sys/class/thermal"
	// Of a part that does not name its limit: processors slow down and then stop
	// at about this.
	usualLimit = 100
	hottest    = 200 // a sensor that shows more is broken
	heatBad    = 5   // °C below the limit
	heatWatch  = 15
)

// Warmth reads it (Linux, Documentation/driver-api/thermal/sysfs-api.rst).
func Warmth() Heat { return warmth(thermal) }

func warmth(folder string) (h Heat) {
	zones, err := filepath.Glob(filepath.Join(folder, "thermal_zone[0-9]*"))
	if err != nil {
		return h
	}
	for _, zone := range zones {
		now, ok := degrees(zone, "temp")
		if !ok {
			continue
		}
		limit := usualLimit
		kinds, _ := filepath.Glob(filepath.Join(zone, "trip_point_*_type"))
		for _, kind := range kinds {
			what, err := os.ReadFile(kind)
			if err != nil || strings.TrimSpace(string(what)) != "critical" {
				continue
			}
			if at, ok := degrees(zone, strings.TrimSuffix(filepath.Base(kind), "type")+"temp"); ok {
				limit = at
			}
		}
		if h == (Heat{}) || limit-now < h.Limit-h.Celsius {
			h = Heat{now, limit}
		}
	}
	return h
}

// degrees reads a file of thousandths of a degree.
func degrees(zone, name string) (celsius int, ok bool) {
	raw, err := os.ReadFile(filepath.Join(zone, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	return n / 1000, err == nil && n > 0 && n < hottest*1000
}

// Checks judges whether the box will go on: one that is too hot switches itself
// off in the middle of all calls.
func (h Heat) Checks() []Check {
	if h.Limit == 0 {
		return nil
	}
	c := Check{State: Good, Words: "heat.good", Values: []string{"degrees", strconv.Itoa(h.Celsius), "limit", strconv.Itoa(h.Limit)}}
	switch {
	case h.Celsius >= h.Limit-heatBad:
		c.State, c.Words = Bad, "heat.over"
	case h.Celsius >= h.Limit-heatWatch:
		c.State, c.Words = Watch, "heat.high"
	}
	return []Check{c}
}
