package health

// Key is how the key of the box is kept. The zero value is not known.
type Key struct {
	Kind    string
	Away    bool // it is kept elsewhere, and not there now
	Waiting int  // times without it whose records are not taken over yet
	Locked  bool // the box runs without it
}

// Checks judges it.
func (k Key) Checks() []Check {
	switch {
	case k.Locked:
		return []Check{{State: Bad, Words: "key.locked"}}
	case k.Kind == "":
		return nil
	}
	checks := []Check{{State: Good, Words: "key.good"}}
	if k.Away {
		checks[0] = Check{State: Watch, Words: "key.away"}
	}
	if k.Waiting > 0 {
		checks = append(checks, Check{State: Bad, Words: "key.waiting"})
	}
	return checks
}
