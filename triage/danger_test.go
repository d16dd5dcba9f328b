package triage

import (
	"testing"

	"hotline/appliance/store/storetest"
)

// Somebody in danger, whom nobody took over, rings again and talks with an
// agent: whether the danger is over is for a person to say.
func TestDangerIsClosedByAPersonAlone(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	danger, gaveUp := opened(t, c, "+12024561111"), opened(t, c, "+12024561111")
	end(t, c, danger.ID, OutcomeAnswered, OpenDanger)
	end(t, c, gaveUp.ID, OutcomeAbandonedQueue, OpenAbandoned)
	again := opened(t, c, "+12024561111")
	end(t, c, again.ID, OutcomeAnswered, "")
	if got := openItems(t, c); len(got) != 1 || got[danger.ID] != OpenDanger {
		t.Errorf("open items %v, want the danger alone", got)
	}
	closeItemOf(t, c, danger.ID)
	if got := openItems(t, c); len(got) != 0 {
		t.Errorf("open items %v after a person closed the last one", got)
	}
}
