package triage

// Level is the urgency of a case: five letters, most urgent first. The purple
// lock (protected) is independent of it.
type Level string

// Levels.
const (
	Red    Level = "R" // danger now
	Orange Level = "O" // today
	Yellow Level = "Y" // one to three days
	Green  Level = "G" // information, offer, feedback
	White  Level = "W" // not a request
)

// severity orders levels; higher is more urgent.
func (l Level) severity() int {
	switch l {
	case Red:
		return 5
	case Orange:
		return 4
	case Yellow:
		return 3
	case Green:
		return 2
	case White:
		return 1
	}
	return 0
}

// Worse reports whether l is more urgent than m.
func (l Level) Worse(m Level) bool { return l.severity() > m.severity() }

// Assess computes the level from the four questions. While a question that
// could still change the result is open the level is "" (not known yet), but a
// danger now is known at once. Final counts open questions as the worse answer.
func Assess(f CaseFields, final bool) Level {
	vulnerable := f.Children > 0 || f.Over60 || f.DisabilityOrPregnant
	switch {
	case f.DangerNow == "yes" || f.DangerNow == "unsure":
		return Red
	case f.DangerNow == "" && final:
		return Red
	case f.DangerNow == "":
		return ""
	case f.UrgentNeed == "yes" || f.ChildAlone:
		return Orange
	case f.UrgentNeed == "" && final:
		return Orange
	case f.SafeTonight == "no" && vulnerable:
		return Orange
	case f.UrgentNeed == "":
		return ""
	case f.SafeTonight == "no":
		return Yellow
	case f.SafeTonight == "" && final:
		if vulnerable {
			return Orange
		}
		return Yellow
	case f.SafeTonight == "":
		return ""
	}
	return Green
}
