package triage

import (
	"testing"
	"time"

	"hotline/appliance/health"
)

func TestWhoseFaultBadSoundIs(t *testing.T) {
	good := Sound{MOS: 4.3, Heard: 3000, Agent: AgentSound{MOS: 4.2, Heard: 3000}}
	with := func(change func(*Sound)) Sound {
		s := good
		change(&s)
		return s
	}
	for name, tc := range map[string]struct {
		sound Sound
		want  string
	}{
		"nothing wrong":                 {good, ""},
		"nothing known":                 {Sound{}, ""},
		"a moment only":                 {Sound{MOS: 1, Heard: 10, Lost: 30}, ""},
		"the caller's packets are lost": {with(func(s *Sound) { s.Lost = 200 }), BlameTrunk},
		"ours are lost on the way":      {with(func(s *Sound) { s.LostOut = 200 }), BlameTrunk},
		"a loss nobody hears":           {with(func(s *Sound) { s.Lost = 20 }), ""},
		"the agent's packets are lost":  {with(func(s *Sound) { s.Agent.Lost = 200 }), BlameAgent},
		"the agent's sound broke off":   {with(func(s *Sound) { s.Agent.Gone = 1 }), BlameAgent},
		"both, the agent's worse":       {with(func(s *Sound) { s.JitterMS, s.Agent.MOS, s.Agent.Lost = 80, 2, 900 }), BlameAgent},
		"both, the trunk worse":         {with(func(s *Sound) { s.MOS, s.Lost, s.Agent.JitterMS = 2, 900, 80 }), BlameTrunk},
		"a muted phone":                 {with(func(s *Sound) { s.Silent = true }), BlameCaller},
		"nothing arrived at all":        {Sound{Silent: true}, BlameTrunk},
		"silence over a bad trunk":      {with(func(s *Sound) { s.Silent, s.Lost = true, 900 }), BlameTrunk},
	} {
		if got := Blame(tc.sound); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Both ways are judged apart: a caller who was never heard counts against the
// trunk, a laptop that went away against the agents, and what is an hour old
// against nobody.
func TestHowCallsSoundedLately(t *testing.T) {
	var s Sounded
	now := time.Now()
	s.Note(now.Add(-2*time.Hour), Sound{Silent: true})
	s.Note(now, Sound{MOS: 4.3, Heard: 3000, JitterMS: 5, Agent: AgentSound{MOS: 4.2, Heard: 3000, Gone: 1}})
	s.Note(now, Sound{MOS: 4.3, Heard: 3000, Lost: 1000, JitterMS: 90, Agent: AgentSound{MOS: 4.2, Heard: 3000}})
	s.Note(now, Sound{Silent: true})
	s.Note(now, Sound{Heard: 10, Lost: 9}) // hung up at once
	if got, want := s.Lately(now), (health.Quality{Trunk: health.Way{Calls: 3, Bad: 2, LostPermille: 142, JitterMS: 5}, Agents: health.Way{Calls: 2, Bad: 1}}); got != want {
		t.Errorf("lately it was %+v, want %+v", got, want)
	}
	if got := s.Lately(now.Add(61 * time.Minute)); got != (health.Quality{}) {
		t.Errorf("an hour later it is %+v", got)
	}
}

func TestTheSoundOfSeveralAgents(t *testing.T) {
	var a AgentSound
	a.Add(AgentSound{MOS: 4.1, Heard: 10, Lost: 1, JitterMS: 3, RTTMS: 9})
	a.Add(AgentSound{Heard: 5, LostOut: 2, Gone: 1})
	a.Add(AgentSound{MOS: 3.9, JitterMS: 2, RTTMS: 20})
	if a != (AgentSound{MOS: 3.9, Heard: 15, Lost: 1, LostOut: 2, JitterMS: 3, RTTMS: 20, Gone: 1}) {
		t.Errorf("together: %+v", a)
	}
}
