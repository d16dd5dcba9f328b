package page

import (
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
)

// RehearsalPage is what the hotline found when it called itself.
type RehearsalPage struct {
	Frame
	Report  *rehearsal.Report // nil: there was none
	Earlier []rehearsal.Report
	Running bool
	May     bool // start one
}

// CheckWords is a check in words, and what to do about it; "" for what is well.
func (f Frame) CheckWords(c health.Check) (sentence, next string) {
	values := make([]string, len(c.Values))
	for i := range c.Values {
		values[i] = c.Values[i]
		if i%2 == 0 {
			continue
		}
		switch c.Values[i-1] {
		case "language":
			values[i] = f.Spoken(c.Values[i])
		case "choice":
			values[i] = f.Line(c.Values[i])
		case "mode":
			values[i] = f.path(c.Values[i])
		}
	}
	sentence = f.F("health."+c.Words, values...)
	if c.State != health.Good {
		next = f.F("health."+c.Words+".next", values...)
	}
	return sentence, next
}

func rehearsalState(r rehearsal.Report) string {
	switch {
	case r.Failed() > 0:
		return "failed"
	case r.GaveWay != "":
		return "gave_way"
	}
	return "passed"
}

func rehearsalClass(r rehearsal.Report) string {
	return map[string]string{"failed": "stop", "gave_way": "warn", "passed": "go"}[rehearsalState(r)]
}

func rehearsalIcon(r rehearsal.Report) string {
	if r.Passed() {
		return "ok"
	}
	return "flag"
}

func (p RehearsalPage) about(r rehearsal.Report) string {
	seconds := itoa(int(r.Took.Seconds()))
	if r.Full {
		return p.F("rehearsal.full", "when", p.When(r.At), "by", r.By, "seconds", seconds)
	}
	return p.F("rehearsal.light", "when", p.When(r.At), "seconds", seconds)
}
