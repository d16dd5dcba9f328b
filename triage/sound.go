package triage

// Sound is how the two legs of a contact sounded, and whose fault it was if
// they did not sound well.
type Sound struct {
	MOS      float64 `json:"mos,omitempty"`       // 1 to 4.5, of the last seconds; 0 when there was nothing to judge
	Heard    int     `json:"heard,omitempty"`     // packets from the caller
	Lost     int     `json:"lost,omitempty"`      // packets from the caller that did not arrive
	LostOut  int     `json:"lost_out,omitempty"`  // packets to the caller that did not arrive, as their side reports
	JitterMS int     `json:"jitter_ms,omitempty"` // of what came from the caller
	RTTMS    int     `json:"rtt_ms,omitempty"`
	Silent   bool    `json:"silent,omitempty"` // nothing was ever heard from the caller

	Agent AgentSound `json:"agent,omitzero"`
	Blame string     `json:"blame,omitempty"` // as Blame says
}

// AgentSound is how the legs of the agents sounded who talked with the caller:
// sums of what was lost, the worst of the rest.
type AgentSound struct {
	MOS      float64 `json:"mos,omitempty"`
	Heard    int     `json:"heard,omitempty"`
	Lost     int     `json:"lost,omitempty"`
	LostOut  int     `json:"lost_out,omitempty"`
	JitterMS int     `json:"jitter_ms,omitempty"`
	RTTMS    int     `json:"rtt_ms,omitempty"`
	Gone     int     `json:"gone,omitempty"` // how often the agent's sound broke off
}

// Add puts another leg to those before it.
func (a *AgentSound) Add(b AgentSound) {
	if b.MOS > 0 && (a.MOS == 0 || b.MOS < a.MOS) {
		a.MOS = b.MOS
	}
	a.Heard, a.Lost, a.LostOut, a.Gone = a.Heard+b.Heard, a.Lost+b.Lost, a.LostOut+b.LostOut, a.Gone+b.Gone
	a.JitterMS, a.RTTMS = max(a.JitterMS, b.JitterMS), max(a.RTTMS, b.RTTMS)
}

// Whose fault bad sound was.
const (
	BlameTrunk  = "trunk"         // the way to the telephone network: its company can help
	BlameAgent  = "agent_network" // the way to the agent: Wi-Fi, cable, laptop
	BlameCaller = "caller"        // sound arrived and was silence: a muted or broken phone
)

// Below and above what people complain about (ITU-T G.107, G.114: R of 70 is a
// MOS of 3.6).
const (
	poorMOS    = 3.6
	poorShare  = 50 // one packet in so many
	poorJitter = 60 // ms
	leastHeard = 50 // packets, a second: fewer say nothing
)

// Blame says where to look when a call did not sound well, empty when nothing
// is known to be wrong. Of two bad ways it names the worse one.
func Blame(s Sound) string {
	trunk, agent := worse(s.MOS, s.Heard, s.Lost, s.LostOut, s.JitterMS), worse(s.Agent.MOS, s.Agent.Heard, s.Agent.Lost, s.Agent.LostOut, s.Agent.JitterMS)
	if s.Agent.Gone > 0 {
		agent = max(agent, 1) + s.Agent.Gone
	}
	switch {
	case s.Silent && s.Heard == 0: // not even silence arrived
		return BlameTrunk
	case trunk == 0 && agent == 0 && s.Silent:
		return BlameCaller
	case trunk == 0 && agent == 0:
		return ""
	case agent > trunk:
		return BlameAgent
	}
	return BlameTrunk
}

// worse counts what speaks against one leg.
func worse(mos float64, heard, lost, lostOut, jitter int) int {
	if heard+lost < leastHeard {
		return 0
	}
	n := 0
	if mos > 0 && mos < poorMOS {
		n += 2
	}
	if max(lost, lostOut)*poorShare > heard+lost {
		n += 2
	}
	if jitter > poorJitter {
		n++
	}
	return n
}
