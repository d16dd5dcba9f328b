package trunk

import (
	"net/netip"
	"time"
)

// PeerState is one network that calls may come from.
type PeerState struct {
	Net   string
	Heard time.Time // when its last request came; zero when none did
}

// Peers is the state of each network of Config.Peers.
func (t *Trunk) Peers() []PeerState {
	out := make([]PeerState, 0, len(t.cfg.Peers))
	for i, p := range t.cfg.Peers {
		s := PeerState{Net: p.String()}
		if p.IsSingleIP() {
			s.Net = p.Addr().String()
		}
		if at := t.heard[i].Load(); at != 0 {
			s.Heard = time.Unix(0, at)
		}
		out = append(out, s)
	}
	return out
}

func (t *Trunk) hear(source netip.Addr) {
	for i, p := range t.cfg.Peers {
		if p.Contains(source) {
			t.heard[i].Store(time.Now().UnixNano())
		}
	}
}
