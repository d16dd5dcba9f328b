package desk

import (
	"hotline/appliance/audio"
	"hotline/appliance/media"
)

// scene is who hears whom at one moment. Two scenes that are equal sound the
// same.
type scene struct {
	main    []voice            // one conversation
	aside   [2]*media.Endpoint // two who talk beside it: agent and the one consulted
	waiting *audio.Clip        // what the caller hears outside every conversation
}

// voice is one member of a conversation.
type voice struct {
	sound *media.Endpoint
	mode  string          // "" speaks to all; modeListen, modeWhisper
	to    *media.Endpoint // who hears a whisper
}

// stage makes scenes sound. It belongs to the goroutine of the call. Two people
// are joined by a bridge, which costs next to nothing; a room mixes for more,
// or when somebody listens.
type stage struct {
	caller  *media.Endpoint
	newRoom func() *media.Room
	now     scene
	pair    *media.Connection
	aside   *media.Connection
	room    *media.Room
	members map[*media.Endpoint]*media.Member
}

// play changes what is heard from the present scene to next.
func (s *stage) play(next scene) {
	if s.same(next) {
		return
	}
	if next.aside != s.now.aside {
		s.endAside()
		if next.aside[0] != nil && next.aside[1] != nil {
			s.leaveRoom(next.aside[0])
			s.aside = media.Bridge(next.aside[0], next.aside[1])
		}
	}
	switch {
	case len(next.main) == 2 && next.main[0].mode == "" && next.main[1].mode == "":
		if s.pair == nil || !samePair(s.now.main, next.main) {
			s.endMain()
			s.pair = media.Bridge(next.main[0].sound, next.main[1].sound)
		}
	case len(next.main) >= 2:
		s.endPair()
		s.mix(next.main)
	default:
		s.endMain()
	}
	if next.waiting != nil && next.waiting != s.now.waiting {
		s.caller.Music(next.waiting)
	}
	s.now = next
}

func (s *stage) same(next scene) bool {
	if s.now.aside != next.aside || s.now.waiting != next.waiting || len(s.now.main) != len(next.main) {
		return false
	}
	for i := range next.main {
		if s.now.main[i] != next.main[i] {
			return false
		}
	}
	return true
}

func samePair(a, b []voice) bool { return len(a) == 2 && a[0] == b[0] && a[1] == b[1] }

// mix makes the room hold exactly voices.
func (s *stage) mix(voices []voice) {
	if s.room == nil {
		s.room, s.members = s.newRoom(), map[*media.Endpoint]*media.Member{}
	}
	wanted := map[*media.Endpoint]bool{}
	for _, v := range voices {
		wanted[v.sound] = true
		if s.members[v.sound] == nil {
			s.members[v.sound] = s.room.Join(v.sound)
		}
	}
	for e := range s.members {
		if !wanted[e] {
			s.leaveRoom(e)
		}
	}
	for _, v := range voices {
		switch v.mode {
		case modeListen:
			s.members[v.sound].Listen()
		case modeWhisper:
			if to := s.members[v.to]; to != nil {
				s.members[v.sound].Whisper(to)
			} else {
				s.members[v.sound].Listen()
			}
		default:
			s.members[v.sound].Talk()
		}
	}
}

func (s *stage) leaveRoom(e *media.Endpoint) {
	if m := s.members[e]; m != nil {
		m.Leave()
		delete(s.members, e)
	}
}

func (s *stage) endPair() {
	if s.pair != nil {
		s.pair.Close()
		s.pair = nil
	}
}

func (s *stage) endAside() {
	if s.aside != nil {
		s.aside.Close()
		s.aside = nil
	}
}

func (s *stage) endMain() {
	s.endPair()
	if s.room != nil {
		s.room.Close()
		s.room, s.members = nil, nil
	}
}

// clear separates everybody.
func (s *stage) clear() {
	s.endAside()
	s.endMain()
	s.now = scene{}
}
