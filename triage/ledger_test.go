package triage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
)

// chronicle is what happens to a hotline at random, with a stop between any two
// things that are on disk. It knows what it has been promised: an attempt that
// was told to be stored is in the books for ever.
type chronicle struct {
	t      *testing.T
	r      *rand.Rand
	dir    string
	s      *store.Store
	c      *Contacts
	cases  *Cases
	full   *TurnedAway
	books  *Books
	onLine []string // callers
	out    []string // calls of ours
	told   int      // attempts that are on disk
	noted  int      // refused calls that are not yet
}

func (h *chronicle) open() {
	h.t.Helper()
	s, err := store.Open(h.dir, slog.New(slog.DiscardHandler))
	must(h.t, err)
	h.s, h.c, h.cases = s, NewContacts(s), NewCases(s, liststest.Open(h.t, s))
	h.full = NewTurnedAway(h.c, "Flood", slog.New(slog.DiscardHandler))
	h.books = NewBooks(s)
	h.onLine, h.out, h.noted = nil, nil, 0
}

// crash leaves what is on disk at this moment to the next start: the files are
// copied while the store has them open, as a power cut would find them.
func (h *chronicle) crash() {
	h.t.Helper()
	next := h.t.TempDir()
	must(h.t, filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(next, path[len(h.dir):])
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		raw, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(to, raw, 0o600))
	}))
	must(h.t, h.s.Close())
	h.dir = next
	h.open()
	_, err := h.c.Recover(h.t.Context())
	must(h.t, err)
}

func (h *chronicle) number() string {
	if h.r.IntN(6) == 0 {
		return ""
	}
	return fmt.Sprintf("+1202456%04d", h.r.IntN(6))
}

func (h *chronicle) caller() (id string, ok bool) {
	if len(h.onLine) == 0 {
		return "", false
	}
	return h.onLine[h.r.IntN(len(h.onLine))], true
}

func (h *chronicle) change(id string, fn func(k *Contact, now time.Time)) {
	h.t.Helper()
	_, err := h.c.Change(h.t.Context(), id, func(k *Contact, now time.Time) []events.Event { fn(k, now); return nil })
	must(h.t, err)
}

func (h *chronicle) gone(list *[]string, id string) {
	for n, one := range *list {
		if one == id {
			*list = append((*list)[:n], (*list)[n+1:]...)
			return
		}
	}
}

func (h *chronicle) write() {
	h.t.Helper()
	must(h.t, h.full.write(h.t.Context()))
	h.told, h.noted = h.told+h.noted, 0
}

// step is one thing, stored when it returns.
func (h *chronicle) step() {
	t, r := h.t, h.r
	t.Helper()
	switch r.IntN(14) {
	case 0, 1, 2:
		h.onLine = append(h.onLine, opened(t, h.c, h.number()).ID)
		h.told++
	case 3: // promised a call
		if id, ok := h.caller(); ok {
			h.change(id, func(k *Contact, now time.Time) {
				k.Promise = &Promise{Queue: QueueHelp, Priority: 5, Since: now, At: now}
			})
		}
	case 4: // talks, and is sent on
		if id, ok := h.caller(); ok {
			h.change(id, func(k *Contact, now time.Time) { k.Queue, k.QueuedAt, k.ConnectedAt = QueueHelp, now, now })
			if r.IntN(2) == 0 { // nobody takes the transfer
				end(t, h.c, id, OutcomeAbandonedQueue, OpenTransfer)
				h.gone(&h.onLine, id)
			}
		}
	case 5, 6, 7:
		id, ok := h.caller()
		if !ok {
			return
		}
		how := [][2]string{{string(OutcomeAnswered), OpenWrapUp}, {string(OutcomeAbandonedQueue), OpenAbandoned}, {string(OutcomeSelfService), ""},
			{string(OutcomeDropped), OpenDropped}, {string(OutcomeFlash), OpenFlash}, {string(OutcomeAnswered), ""},
			{string(OutcomeCallBack), OpenCallBack}, {string(OutcomeLeftInIVR), OpenLeftInIVR}}[r.IntN(8)]
		end(t, h.c, id, Outcome(how[0]), how[1])
		h.gone(&h.onLine, id)
		if how[1] == OpenWrapUp && r.IntN(3) > 0 { // else nobody finishes the notes
			h.change(id, func(k *Contact, _ time.Time) { k.Open, k.Disposition = "", "info_given" })
		}
	case 8: // every line is taken
		h.full.Note(call.Number(h.number()), "100")
		h.noted++
		if r.IntN(2) == 0 {
			h.write()
		}
	case 9: // no credit
		h.full.NoteFlash(call.Number(h.number()), "105")
		h.noted++
		if r.IntN(2) == 0 {
			h.write()
		}
	case 10: // somebody works on the list
		all := list(t, h.c, Pick{})
		if len(all) == 0 {
			return
		}
		i := all[r.IntN(len(all))]
		switch {
		case r.IntN(2) == 0:
			must(t, h.c.CloseItem(t.Context(), i.ID, "rosa", "done"))
		case i.Fold != "":
			must(t, h.c.SetShared(t.Context(), i.ID, r.IntN(2) == 0, "rosa"))
		}
	case 11: // calls somebody back
		for _, i := range list(t, h.c, Pick{}) {
			k, err := h.c.BeginCall(t.Context(), i.ID, Contact{ID: h.c.NewContactID(), Agent: "ana"})
			switch {
			case err == nil:
				h.out = append(h.out, k.ID)
				return
			case !errors.Is(err, ErrNoCall) && !errors.Is(err, ErrNoDial) && !errors.Is(err, ErrDialling) && !errors.Is(err, ErrOnLine):
				t.Fatal(err)
			}
		}
	case 12: // and such a call ends
		if len(h.out) == 0 {
			return
		}
		id := h.out[r.IntN(len(h.out))]
		h.gone(&h.out, id)
		switch r.IntN(3) {
		case 0:
			notReached(t, h.c, id, []string{FailedBusy, FailedNoAnswer, FailedNoNumber, FailedLine}[r.IntN(4)])
		case 1:
			h.change(id, func(k *Contact, now time.Time) { k.AnsweredAt, k.ConnectedAt = now, now })
			end(t, h.c, id, OutcomeDropped, OpenDropped)
		default:
			talked(t, h.c, id, []string{"info_given", DispositionNotReached}[r.IntN(2)])
		}
	case 13:
		if id, ok := h.caller(); ok && r.IntN(3) == 0 {
			save(t, h.cases, id, map[string]any{"talk_freely": "specialist"})
		}
	}
}

// Test2b10TheBooksBalance does what days do, at random, with stops at any point, and
// looks at the books after every step: attempts = answered + closed + open, the
// figures of the log are those of the records, every open attempt is on the
// worklist, and no attempt is missing. Feature tests of each step are elsewhere.
func Test2b10TheBooksBalance(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			h := &chronicle{t: t, r: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir()}
			h.open()
			defer func() { must(t, h.s.Close()) }()
			stops := 0
			for step := range 120 {
				h.step()
				if total, _, err := h.books.Balance(t.Context(), time.Now()); err != nil || !total.Holds() || total.Attempts != h.told {
					t.Fatalf("after step %d the books say %+v (%v), and %d people have tried", step, total, err, h.told)
				}
				if h.r.IntN(12) != 0 {
					continue
				}
				stops++
				h.crash()
				if total := balanced(t, h.s); total.OnLine != 0 || total.Attempts != h.told {
					t.Fatalf("after the stop at step %d the books say %+v, and %d people have tried", step, total, h.told)
				}
				whole(t, h.s)
			}
			if stops == 0 {
				t.Error("there was no stop")
			}
			total := balanced(t, h.s)
			if again, _, err := h.books.Balance(t.Context(), time.Now()); err != nil || again != total {
				t.Errorf("read on, the books say %+v (%v), read anew %+v", again, err, total)
			}
			whole(t, h.s)
			must(t, h.s.Verify())
		})
	}
}
