package desk

import "hotline/triage"

// The lines share the channels of the box: people who need help may take all of
// them, people who offer help may not. Whoever finds a line's share taken is
// told so and is an open item (turnedAway).

// takePlace gives the story a channel of a queue's share, false when it has
// none left.
func (s *story) takePlace(queue string) bool {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if limit, limited := d.cfg.Shares[queue]; limited && queue != triage.QueueLife && d.places[queue] >= limit {
		return false
	}
	s.movePlaceLocked(queue)
	return true
}

// movePlace follows a caller who was sent on, whom nobody turns away any more;
// "" gives the channel back.
func (s *story) movePlace(queue string) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.movePlaceLocked(queue)
}

func (s *story) movePlaceLocked(queue string) {
	places := s.d.places
	if s.place != "" {
		if places[s.place]--; places[s.place] == 0 {
			delete(places, s.place)
		}
	}
	if s.place = queue; queue != "" {
		places[queue]++
	}
}
