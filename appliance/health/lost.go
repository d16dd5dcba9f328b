package health

import "strconv"

// LostLines is what sends callers to lines that there are not.
type LostLines struct {
	From     []LostLine
	Contacts int // that were sent there since the start, and came to those who help everybody
}

// LostLine is one number, dialogue or line that names one.
type LostLine struct{ Line, Name string }

// Checks judges them: whoever calls is helped, but not by those who should.
func (l LostLines) Checks() []Check {
	var out []Check
	for _, one := range l.From {
		out = append(out, Check{State: Bad, Words: "lost.leads", Values: []string{"line", one.Line, "name", one.Name}})
	}
	if len(out) == 0 && l.Contacts > 0 {
		out = append(out, Check{State: Watch, Words: "lost.were", Values: []string{"n", strconv.Itoa(l.Contacts)}})
	}
	return out
}
