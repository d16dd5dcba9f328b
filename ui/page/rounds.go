package page

import (
	"strconv"

	"hotline/triage"
)

// RoundsPage is all rounds, the form for a new one and the stop list.
type RoundsPage struct {
	Frame
	List    []triage.Round
	Stops   []triage.StopEntry
	Form    RoundForm
	Queues  []string
	Allowed bool // the settings let the hotline call people of its own accord
	Off     bool // the part is switched off
	Trouble string
	Done    string
}

// RoundForm is what was typed, shown again when something was wrong.
type RoundForm struct{ Name, Source, Manner, Queue, Margin, Tries, Stop string }

// RoundsDone are the words that say what was done.
func RoundsDone() []string { return []string{"dropped", "stopped", "unstopped"} }

// RoundDone are the words that say what was done with one round.
func RoundDone() []string { return []string{"start", "pause", "stop"} }

// RoundPage is one round: who would be called, how it goes, and what came of it.
type RoundPage struct {
	Frame
	Round   triage.Round
	Figures triage.RoundFigures
	People  []triage.RoundPerson // the first ones
	More    bool
	Calls   int            // of a draft: who would be called
	Left    map[string]int // and who not, by reason
	Allowed bool
	Off     bool
	Records bool // may take the results away
	Quiet   triage.Quiet
	Trouble string
	Done    string
}

func (f Frame) roundState(r triage.Round) string { return f.T("round.state." + string(r.State)) }

// leftReasons are those for which somebody of the draft would not be called.
func (p RoundPage) leftReasons() (some []string) {
	for _, why := range []string{triage.LeftNoNumber, triage.LeftTwice, triage.LeftStopped, triage.LeftProtected, triage.LeftForbidden} {
		if p.Left[why] > 0 {
			some = append(some, why)
		}
	}
	return some
}

// figure is one line of the progress.
type figure struct{ key, n string }

// figures are what became of the people so far, what needs somebody first.
func (p RoundPage) figures() (all []figure) {
	add := func(key string, n int, always bool) {
		if n > 0 || always {
			all = append(all, figure{"round.count." + key, strconv.Itoa(n)})
		}
	}
	add("waits", p.Figures[triage.PersonWaits], true)
	add("again", p.Figures["waits again"], false)
	add("called", p.Figures[triage.PersonCalled], true)
	for _, answer := range triage.RoundAnswers() {
		add(answer, p.Figures[triage.PersonAnswered+" "+answer], answer == triage.AnswerSafe || answer == triage.AnswerHelp)
	}
	add("missed", p.Figures[triage.PersonMissed], true)
	left := 0
	for _, why := range []string{triage.LeftNoNumber, triage.LeftTwice, triage.LeftStopped, triage.LeftProtected, triage.LeftForbidden} {
		left += p.Figures[triage.PersonLeftOut+" "+why]
	}
	add("left", left, true)
	return all
}

// personWords say where somebody of a round is.
func (p RoundPage) personWords(one triage.RoundPerson) string {
	switch one.State {
	case triage.PersonAnswered:
		return p.T("round.answer." + one.Answer)
	case triage.PersonLeftOut:
		return p.T("round.left." + one.Why)
	case triage.PersonMissed:
		return p.Or("round.failed."+one.Failed, p.T("round.missed"))
	case triage.PersonCalled:
		return p.T("round.called")
	}
	if one.Tries > 0 {
		return p.F("round.again", "when", p.When(one.NotBefore))
	}
	return p.T("round.waits")
}
