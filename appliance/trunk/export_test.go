package trunk

import "time"

// Hurry shortens T1, so that the 32 seconds of RFC 3261 pass in a test.
func (cfg *Config) Hurry(t1 time.Duration) { cfg.t1 = t1 }

// Impatient makes the session interval that is agreed on, and the smallest
// that is accepted, a few seconds.
func (cfg *Config) Impatient(interval time.Duration) { cfg.interval = interval }

// Hasty shortens how long a connection may be silent: before its first message
// and within one, and twice as long between messages.
func (cfg *Config) Hasty(patience time.Duration) { cfg.patience = patience }

// CutConnections breaks every connection, as a failing network does.
func (t *Trunk) CutConnections() {
	t.streams.mu.Lock()
	var open []*stream
	for _, s := range t.streams.open {
		open = append(open, s)
	}
	t.streams.mu.Unlock()
	for _, s := range open {
		_ = s.Close()
	}
}
