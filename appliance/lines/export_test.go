package lines

import "time"

// Hasty shortens how long a test call waits for a key.
func (cfg *TrialConfig) Hasty(patience time.Duration) { cfg.patience = patience }
