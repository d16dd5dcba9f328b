package desk

import (
	"math"
	"time"

	"hotline/appliance/health"
	"hotline/appliance/media"
	"hotline/triage"
)

// soundDue is when something must have arrived from a caller who was answered.
const soundDue = 3 * time.Second

// sound is how the call sounded up to now, and whose fault it was.
func (s *story) sound() triage.Sound {
	out := triage.Sound{Agent: s.heard}
	if s.leg == nil {
		return out
	}
	var heard media.Stats
	if sound := s.leg.Audio(); sound != nil { // a telephone has none before it is answered
		heard = sound.Stats()
	}
	out.MOS, out.JitterMS, out.RTTMS = hundredths(heard.MOS), ms(heard.Jitter), ms(heard.RTT)
	out.Heard, out.Lost, out.LostOut, out.Silent = int(heard.PacketsIn), int(heard.LostIn), int(heard.LostOut), heard.Silent
	if answered := s.contact.AnsweredAt; heard.PacketsIn == 0 && !answered.IsZero() && time.Since(answered) > soundDue {
		out.Silent = true
	}
	out.Blame = triage.Blame(out)
	return out
}

// Quality is how the calls of the last hour sounded.
func (d *Desk) Quality(now time.Time) health.Quality { return d.sounded.Lately(now) }

// ear is the leg of the agent who leads a talk, and what had been counted on it
// before: a browser's stays up from call to call.
type ear struct {
	sound  *media.Endpoint
	before media.Stats
}

// listens follows the lead agent from leg to leg.
func (t *talk) listens(agent *media.Endpoint) {
	if agent == nil || agent == t.ear.sound {
		return
	}
	t.noteEar()
	t.ear = ear{agent, agent.Stats()}
}

// noteEar adds what the agent's leg counted in this talk.
func (t *talk) noteEar() {
	if t.ear.sound == nil {
		return
	}
	now, before := t.ear.sound.Stats(), t.ear.before
	t.heard.Add(triage.AgentSound{MOS: hundredths(now.MOS), JitterMS: ms(now.Jitter), RTTMS: ms(now.RTT),
		Heard: grown(now.PacketsIn, before.PacketsIn), Lost: grown(now.LostIn, before.LostIn), LostOut: grown(now.LostOut, before.LostOut)})
	t.ear = ear{}
}

func grown(now, before uint64) int { return int(max(now, before) - before) }

func ms(d time.Duration) int { return int(d.Milliseconds()) }

func hundredths(f float64) float64 { return math.Round(f*100) / 100 }
