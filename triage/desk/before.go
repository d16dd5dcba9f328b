package desk

import (
	"time"

	"hotline/triage"
)

// preferFor is how long a caller waits at most for the agent who helped before.
const preferFor = 20 * time.Second

// helpedBefore is the agent who helped the same number not long ago, and until
// when the caller waits for nobody else. It is nobody in the queue for danger,
// and after the caller has talked with somebody in this call.
func (s *story) helpedBefore() (agent string, until time.Time) {
	again := s.d.cfg.Dispatcher.Routing().Queue(s.goTo.queue).Again
	if again == 0 || s.goTo.queue == triage.QueueLife || !s.contact.ConnectedAt.IsZero() || !s.caller().E164() {
		return "", time.Time{}
	}
	found, err := s.d.cfg.Contacts.Earlier(s.caller(), s.contact.ID, earlierLooked)
	if err != nil {
		s.d.cfg.Log.Error("looking up who helped before", "contact", s.contact.ID, "error", err)
	}
	for _, k := range found {
		if k.Agent != "" && k.Queue == s.goTo.queue && !k.ConnectedAt.IsZero() && time.Since(k.EndedAt) < again {
			return k.Agent, time.Now().Add(preferFor)
		}
	}
	return "", time.Time{}
}

// earlierLooked is how many earlier contacts are looked at: somebody whose line
// breaks again and again leaves several.
const earlierLooked = 5
