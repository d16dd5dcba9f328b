package once_test

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/once"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func TestARequestIsCarriedOutOnce(t *testing.T) {
	b := once.Open(storetest.Open(t))
	var carried atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			request, _, err := b.Begin(t.Context(), "map", "k1", "POST water")
			switch {
			case request != nil:
				carried.Add(1)
				if err := request.Answered(t.Context(), once.Answer{Status: 201, Body: "done"}); err != nil {
					t.Error(err)
				}
			case err != nil && !errors.Is(err, once.ErrRunning):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if carried.Load() != 1 {
		t.Fatalf("it was carried out %d times", carried.Load())
	}
	if request, a, err := b.Begin(t.Context(), "map", "k1", "POST water"); request != nil || err != nil || a.Status != 201 || a.Body != "done" {
		t.Errorf("sent again: %v, %+v, %v", request, a, err)
	}
	if request, _, err := b.Begin(t.Context(), "map", "k1", "POST food"); request != nil || !errors.Is(err, once.ErrOther) {
		t.Errorf("the key for something else: %v, %v", request, err)
	}
	if request, _, err := b.Begin(t.Context(), "other", "k1", "POST food"); request == nil || err != nil {
		t.Errorf("somebody else's key: %v, %v", request, err)
	}
}

// TestTheAnswerOutlivesTheProgram: what was answered is answered again, and of
// what was not, nothing is claimed.
func TestTheAnswerOutlivesTheProgram(t *testing.T) {
	dir, quiet := t.TempDir(), slog.New(slog.DiscardHandler)
	s, err := store.Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	b := once.Open(s)
	for _, key := range []string{"answered", "failed", "cut off"} {
		request, _, err := b.Begin(t.Context(), "map", key, "POST")
		if err != nil {
			t.Fatal(err)
		}
		switch key {
		case "answered":
			err = request.Answered(t.Context(), once.Answer{Status: 201, Header: map[string]string{"Location": "/x"}})
		case "failed":
			err = request.Failed(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Begin(t.Context(), "map", "cut off", "POST"); !errors.Is(err, once.ErrRunning) {
		t.Errorf("while it is carried out: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(dir, quiet); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b = once.Open(s)
	if _, a, err := b.Begin(t.Context(), "map", "answered", "POST"); err != nil || a.Status != 201 || a.Header["Location"] != "/x" {
		t.Errorf("answered: %+v, %v", a, err)
	}
	if request, _, err := b.Begin(t.Context(), "map", "failed", "POST"); request == nil || err != nil {
		t.Errorf("failed: %v, %v", request, err)
	}
	if _, _, err := b.Begin(t.Context(), "map", "cut off", "POST"); !errors.Is(err, once.ErrUnknown) {
		t.Errorf("cut off: %v", err)
	}
	// Whoever is taken out of the records is not left in an answer.
	if err := s.Update(t.Context(), once.Erase); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Begin(t.Context(), "map", "answered", "POST"); !errors.Is(err, once.ErrErased) {
		t.Errorf("erased: %v", err)
	}
}

func TestAfterADayAKeyIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		b := once.Open(s)
		for range 3 {
			request, _, err := b.Begin(t.Context(), "map", "k", "POST")
			if err != nil || request == nil {
				t.Fatalf("%v, %v", request, err)
			}
			if err := request.Answered(t.Context(), once.Answer{Status: 200}); err != nil {
				t.Fatal(err)
			}
			<-time.After(25 * time.Hour)
		}
		if kept, err := s.Mentions(t.Context(), `"status":200`); err != nil || len(kept) != 1 {
			t.Errorf("old answers are kept: %v, %v", kept, err)
		}
		if err := s.Update(t.Context(), func(tx *store.Tx) error {
			n, err := once.Sweep(tx, tx.Now(), 100)
			if n != 1 {
				t.Errorf("%d old answers were removed", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if kept, err := s.Mentions(t.Context(), `"status":200`); err != nil || len(kept) != 0 {
			t.Errorf("the last one is kept: %v, %v", kept, err)
		}
	})
}
