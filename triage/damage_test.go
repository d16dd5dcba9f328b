package triage

import (
	"errors"
	"log/slog"
	"testing"

	"hotline/appliance/store"
)

// One record is damaged on disk: the others are found again after a stop.
func TestADamagedRecordDoesNotHideTheOthersAfterAStop(t *testing.T) {
	s, err := store.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer s.Close()
	c := NewContacts(s)
	damaged, whole := opened(t, c, "+12024561111"), opened(t, c, "+12024561112")
	junk := store.NewTable[string]("contacts")
	must(t, s.Update(t.Context(), func(tx *store.Tx) error { return junk.Put(tx, damaged.ID, "junk") }))
	n, err := c.Recover(t.Context())
	if n != 1 || err == nil || errors.Is(err, store.ErrClosed) {
		t.Errorf("recovered %d, %v; want the one that can be read and a word about the other", n, err)
	}
	if k, err := c.Get(whole.ID); err != nil || k.Open != OpenInterrupted {
		t.Errorf("the readable call is %+v, %v", k, err)
	}
}
