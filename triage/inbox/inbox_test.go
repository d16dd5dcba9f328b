package inbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/boxkey"
	"hotline/appliance/call"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/proof"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/reports"
	"hotline/volunteers"
)

var silent = slog.New(slog.DiscardHandler)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// home is a box with its records and its key.
func home(t *testing.T, dir string) (*store.Store, *boxkey.Keeper) {
	t.Helper()
	records, err := store.Open(dir, silent)
	must(t, err)
	keys, err := boxkey.Open(dir)
	must(t, err)
	must(t, keys.Adopt(records.Key(), ""))
	return records, keys
}

// locked lets a box without its key write into an inbox.
func locked(t *testing.T, keys *boxkey.Keeper, at time.Time, do func(side *store.Store)) boxkey.Inbox {
	t.Helper()
	in, key, err := keys.NewInbox(at)
	must(t, err)
	side, err := store.OpenWith(in.Dir, key, silent)
	must(t, err)
	do(side)
	must(t, side.Close())
	return in
}

// message is a call that ends with a message of a sound of its own.
func message(t *testing.T, s *store.Store, from call.Number, sound byte) string {
	t.Helper()
	c := triage.NewContacts(s)
	k, err := c.Open(t.Context(), triage.Contact{Operation: "Flood", Channel: "phone", Direction: "in", Dialled: "100", Caller: from, Language: "es"})
	must(t, err)
	must(t, c.KeepMessage(t.Context(), k.ID, triage.Message{Box: triage.QueueHelp}, bytes.Repeat([]byte{sound}, 40_000)))
	_, err = c.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open, k.EndedBy = triage.OutcomeSelfService, triage.OpenVoicemail, call.ByCaller
	})
	must(t, err)
	return k.ID
}

func heard(t *testing.T, s *store.Store, contact string) byte {
	t.Helper()
	r, _, err := triage.NewContacts(s).HearMessage(t.Context(), contact, 0, "")
	must(t, err)
	defer r.Close()
	sound, err := io.ReadAll(r)
	must(t, err)
	if len(sound) != 40_000 || bytes.Count(sound, sound[:1]) != len(sound) {
		t.Errorf("the message of %s is %d bytes of something else", contact, len(sound))
		return 0
	}
	return sound[0]
}

// Two locked starts, with people who call again, one who was promised a call,
// one whom the second stop cut off and one who registers: afterwards the records
// say what they would say if the box had never been locked.
func TestWhatWasWrittenWhileLockedIsInTheRecordsAfterwards(t *testing.T) {
	dir := t.TempDir()
	records, keys := home(t, dir)
	defer records.Close()
	before := message(t, records, "+12024561181", 1)
	var again, promised, cut, registered string
	began := time.Now()
	locked(t, keys, began, func(side *store.Store) {
		again = message(t, side, "+12024561181", 2)
		message(t, side, "+12024561182", 3)
		c := triage.NewContacts(side)
		k, err := c.Open(t.Context(), triage.Contact{Operation: "Flood", Channel: "phone", Direction: "in", Dialled: "100", Caller: "+12024561183"})
		must(t, err)
		promised = k.ID
		_, err = c.End(t.Context(), k.ID, func(k *triage.Contact, now time.Time) {
			k.Outcome, k.Open, k.CallBack = triage.OutcomeCallBack, triage.OpenCallBack, "+12024561199"
			k.Promise = &triage.Promise{Queue: triage.QueueHelp, Priority: 5, Since: now, At: now}
		})
		must(t, err)
	})
	locked(t, keys, began.Add(time.Second), func(side *store.Store) {
		message(t, side, "+12024561182", 4)
		k, err := triage.NewContacts(side).Open(t.Context(), triage.Contact{Operation: "Flood", Channel: "phone", Direction: "in", Dialled: "100", Caller: "+12024561184"})
		must(t, err)
		cut = k.ID
		r, err := volunteers.NewRegistry(side, liststest.Open(t, side)).Save(t.Context(), volunteers.Registrant{Contact: k.ID, Source: "phone", Phone: "+12024561184", GivenName: "Rosa"}, map[string][]byte{volunteers.RecordingName: {1, 2, 3}})
		must(t, err)
		registered = r.ID
	})
	_, _, err := keys.NewInbox(began.Add(2 * time.Second)) // nothing was written
	must(t, err)
	writing := locked(t, keys, began.Add(3*time.Second), func(*store.Store) {}) // and one that is in use
	must(t, MergeAll(t.Context(), records, keys, writing.ID, silent))
	if left, err := keys.Inboxes(); err != nil || len(left) != 1 || left[0].ID != writing.ID {
		t.Errorf("left are %v, %v", left, err)
	}
	c := triage.NewContacts(records)
	if got := heard(t, records, before) + 10*heard(t, records, again); got != 21 {
		t.Errorf("the messages are mixed up: %d", got)
	}
	page, err := c.Worklist(triage.Pick{Limit: 20})
	must(t, err)
	found := map[call.Number]triage.Item{}
	for _, i := range page.Items {
		found[i.Number] = i
	}
	if len(page.Items) != 4 || found["+12024561181"].Attempts != 2 || found["+12024561182"].Attempts != 2 || !found["+12024561199"].Queued() || found["+12024561184"].Kind != triage.OpenInterrupted {
		t.Errorf("the worklist: %+v", page.Items)
	}
	if k, err := c.Get(promised); err != nil || k.Promise == nil || !k.ReceivedAt.Before(time.Now()) {
		t.Errorf("the promise: %+v %v", k, err)
	}
	if earlier, err := c.Earlier("+12024561184", "", 5); err != nil || len(earlier) != 1 || earlier[0].ID != cut {
		t.Errorf("a caller is not found by number: %v %v", earlier, err)
	}
	registry := volunteers.NewRegistry(records, liststest.Open(t, records))
	r, err := registry.Get(registered)
	must(t, err)
	if same, err := registry.ByCode(r.Code); err != nil || same.ID != registered || same.Phone != "+12024561184" {
		t.Errorf("the registration: %+v %v", same, err)
	}
	if sound, err := registry.Sound(registered, volunteers.RecordingName); err != nil || len(sound.MuLaw()) != 3 {
		t.Errorf("what was said at the registration: %v", err)
	}
	must(t, records.Verify())
	_, _, err = records.VerifyLog()
	must(t, err)
	total, _, err := triage.NewBooks(records).Balance(t.Context(), time.Now())
	must(t, err)
	if !total.Holds() || total.Attempts != 6 || total.Open != 6 || total.OnLine != 0 {
		t.Errorf("the books: %+v", total)
	}
	now := time.Now()
	figures, err := reports.New(records, time.UTC, silent).Report(t.Context(), now.Add(-2*time.Hour), now.Add(time.Hour), now)
	must(t, err)
	if figures.Total.Attempts != 6 || figures.Total.People != 4 {
		t.Errorf("the figures: %d attempts of %d people", figures.Total.Attempts, figures.Total.People)
	}
	told := 0
	must(t, records.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			if ev.Contact == promised && ev.Kind == "contact.started" {
				if at, err := time.Parse(time.RFC3339Nano, ev.Data["at"]); err != nil || !at.Before(ev.At) {
					t.Errorf("when the call came is told as %q", ev.Data["at"])
				}
			}
			if ev.Kind == EventMerged {
				told++
			}
		}
		return nil
	}))
	if told != 2 {
		t.Errorf("%d inboxes are told of", told)
	}
}

// An inbox that is damaged stays where it is; the others come, and it is tried
// again.
func TestADamagedInboxKeepsNobodyElseOut(t *testing.T) {
	dir := t.TempDir()
	records, keys := home(t, dir)
	defer records.Close()
	bad := locked(t, keys, time.Now(), func(side *store.Store) { message(t, side, "+12024561181", 1) })
	locked(t, keys, time.Now().Add(time.Second), func(side *store.Store) { message(t, side, "+12024561182", 2) })
	raw, err := os.ReadFile(filepath.Join(bad.Dir, "sealed.key"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(bad.Dir, "sealed.key"), raw[:len(raw)-1], 0o600))
	if err := MergeAll(t.Context(), records, keys, "", silent); err == nil {
		t.Error("nobody is told of the damaged one")
	}
	if n, err := triage.NewContacts(records).CountOpen(); err != nil || n != 1 {
		t.Errorf("%d items, %v", n, err)
	}
	must(t, os.WriteFile(filepath.Join(bad.Dir, "sealed.key"), raw, 0o600))
	must(t, MergeAll(t.Context(), records, keys, "", silent))
	if n, err := triage.NewContacts(records).CountOpen(); err != nil || n != 2 {
		t.Errorf("with its key back: %d items, %v", n, err)
	}
}

// Each place where a stop does harm: before the transaction, after it, with the
// sound not yet brought, and with the inbox half removed. The start that follows
// tidies up what no record names, and nothing of this is among it.
func TestAStopAnywhereInTheTakeoverCostsNothing(t *testing.T) {
	for name, until := range map[string]func(records *store.Store, keys *boxkey.Keeper, in boxkey.Inbox, side *store.Store) error{
		"before the transaction": func(*store.Store, *boxkey.Keeper, boxkey.Inbox, *store.Store) error { return nil },
		"before the sound": func(records *store.Store, _ *boxkey.Keeper, in boxkey.Inbox, side *store.Store) error {
			_, err := take(t.Context(), records, side, in)
			return err
		},
		"before the removal": func(records *store.Store, _ *boxkey.Keeper, in boxkey.Inbox, side *store.Store) error {
			_, err := take(t.Context(), records, side, in)
			return errors.Join(err, records.LinkBlobs(in.Dir))
		},
		"in the removal": func(records *store.Store, _ *boxkey.Keeper, in boxkey.Inbox, side *store.Store) error {
			_, err := take(t.Context(), records, side, in)
			return errors.Join(err, records.LinkBlobs(in.Dir), os.Remove(filepath.Join(in.Dir, "sealed.key")))
		},
	} {
		dir := t.TempDir()
		records, keys := home(t, dir)
		var id string
		in := locked(t, keys, time.Now(), func(side *store.Store) { id = message(t, side, "+12024561181", 7) })
		key, err := keys.Unseal(records.Key(), in)
		must(t, err)
		side, err := store.OpenWith(in.Dir, key, silent)
		must(t, err)
		must(t, until(records, keys, in, side))
		must(t, errors.Join(side.Close(), records.Close()))
		records, keys = home(t, dir)
		must(t, MergeAll(t.Context(), records, keys, "", silent))
		if got := heard(t, records, id); got != 7 {
			t.Errorf("stopped %s: the message is gone", name)
		}
		if n, err := triage.NewContacts(records).CountOpen(); err != nil || n != 1 {
			t.Errorf("stopped %s: %d items, %v", name, n, err)
		}
		if left, err := keys.Inboxes(); err != nil || len(left) > 0 {
			t.Errorf("stopped %s: the inbox is still there, %v", name, err)
		}
		must(t, records.Close())
	}
}

const killFolder = "HOTLINE_TEST_MERGE_KILL"

// A process that takes over inboxes is killed in the middle of it; the next one
// goes on. In the end everybody who called is there once, with the message.
func TestKillingTheTakeoverLosesAndDoublesNothing(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		records, keys := home(t, dir)
		fmt.Println("begin")
		must(t, MergeAll(t.Context(), records, keys, "", slog.New(slog.NewTextHandler(os.Stdout, nil))))
		return
	}
	const inboxes, each = 3, 4
	rounds := proof.Rounds(3, 60)
	kills := 0
	for round := range rounds {
		dir := t.TempDir()
		records, keys := home(t, dir)
		wanted := map[string]byte{}
		for i := range inboxes {
			locked(t, keys, time.Now().Add(time.Duration(i)*time.Second), func(side *store.Store) {
				for n := range each {
					sound := byte(1 + i*each + n)
					wanted[message(t, side, call.Number("+1202456"+strconv.Itoa(1100+int(sound))), sound)] = sound
				}
			})
		}
		must(t, records.Close())
		for again := range 3 {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
			child.Env = append(os.Environ(), killFolder+"="+dir)
			out, err := child.StdoutPipe()
			must(t, err)
			must(t, child.Start())
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				if n == (round+again)%4 {
					_ = child.Process.Kill() // it may be done already
					kills++
				}
			}
			_ = child.Wait()
		}
		records, keys = home(t, dir)
		must(t, MergeAll(t.Context(), records, keys, "", silent))
		must(t, records.Verify())
		there := 0
		must(t, triage.NewContacts(records).Each(func(triage.Contact) bool { there++; return true }))
		if n, err := triage.NewContacts(records).CountOpen(); err != nil || there != len(wanted) || n != len(wanted) {
			t.Errorf("round %d: %d contacts and %d items of %d, %v", round, there, n, len(wanted), err)
		}
		for id, sound := range wanted {
			if got := heard(t, records, id); got != sound {
				t.Errorf("round %d: the message of %s is that of another one", round, id)
			}
		}
		if left, err := keys.Inboxes(); err != nil || len(left) > 0 {
			t.Errorf("round %d: %d inboxes are left, %v", round, len(left), err)
		}
		must(t, records.Close())
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("%d takeovers of what was written while the box was locked, killed %d times: everybody is there once, with the message", rounds, kills),
		Control: "an inbox whose key is damaged is missed (TestADamagedInboxKeepsNobodyElseOut)"})
}
