package health

import "time"

// Order is an export that is made again and again, and brought to a place.
type Order struct {
	Late    bool      // should have arrived
	Failed  time.Time // since when it cannot be brought there; zero: it can
	Stopped bool      // nobody answers for it any more
}

// Orders judges the regular exports: others plan with what they bring.
func Orders(list []Order) []Check {
	if len(list) == 0 {
		return nil
	}
	c := Check{State: Good, Words: "export.good"}
	for _, o := range list {
		switch {
		case o.Late:
			return []Check{{State: Bad, Words: "export.late"}}
		case o.Stopped:
			c = Check{State: Bad, Words: "export.stopped"}
		case !o.Failed.IsZero() && c.State == Good:
			c = Check{State: Watch, Words: "export.failing"}
		}
	}
	return []Check{c}
}
