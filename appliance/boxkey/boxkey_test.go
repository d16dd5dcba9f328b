package boxkey

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"hotline/appliance/store"
)

const (
	phrase  = "river lantern copper seven meadow"
	another = "window basalt orchard nine thimble"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made is a data folder with records, and its keeper, as after a first start.
func made(t *testing.T) (dir string, key []byte, k *Keeper, recovery *age.X25519Identity) {
	t.Helper()
	dir = t.TempDir()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	key = s.Key()
	must(t, s.Close())
	recovery, err = age.GenerateX25519Identity()
	must(t, err)
	return dir, key, start(t, dir, key, recovery), recovery
}

// start is what a start does that has the key.
func start(t *testing.T, dir string, key []byte, recovery *age.X25519Identity) *Keeper {
	t.Helper()
	k, err := Open(dir)
	must(t, err)
	k.work = quick
	must(t, k.Adopt(key, recovery.Recipient().String()))
	return k
}

// quick keeps the tests from the work that guessing shall cost.
const quick = 8

// inClear reports where in a folder the key lies readable.
func inClear(t *testing.T, dir string, key []byte) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, key) {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// From each way of keeping the key to each other one: the new way opens, the
// old one does not, and where the key is kept elsewhere nothing in the folder
// has it in clear. The recovery key opens always.
func TestTheKeyIsKeptInOneWayAtATime(t *testing.T) {
	dir, key, k, recovery := made(t)
	first, second := t.TempDir(), t.TempDir()
	for _, step := range []struct {
		name, kind, says string
		to               func() error
		local, stick     bool
	}{
		{"folder", InFolder, "", func() error { return k.UseFolder(key) }, true, false},
		{"passphrase", Passphrase, phrase, func() error { return k.UsePassphrase(key, phrase) }, false, false},
		{"stick", Elsewhere, "", func() error { return k.UseElsewhere(key, first) }, false, true},
		{"another stick", Elsewhere, "", func() error { return k.UseElsewhere(key, second) }, false, true},
		{"passphrase again", Passphrase, another, func() error { return k.UsePassphrase(key, another) }, false, false},
		{"back in the folder", InFolder, "", func() error { return k.UseFolder(key) }, true, false},
		{"stick from the folder", Elsewhere, "", func() error { return k.UseElsewhere(key, filepath.Join(first, "my.key")) }, false, true},
		{"folder again", InFolder, "", func() error { return k.UseFolder(key) }, true, false},
	} {
		if err := step.to(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		again, err := Open(dir)
		must(t, err)
		if st := again.State(); st.Kind != step.kind || !st.Recovery || st.There != step.stick {
			t.Errorf("%s: %+v", step.name, st)
		}
		if n := len(inClear(t, dir, key)); (n == 2) != step.local || (n == 0) == step.local {
			t.Errorf("%s: the key lies in clear in %d files of the folder", step.name, n)
		}
		if n := len(inClear(t, first, key)) + len(inClear(t, second, key)); (n == 1) != step.stick || n > 1 {
			t.Errorf("%s: the key lies on %d sticks", step.name, n)
		}
		got, err := again.AtHand()
		var locked *Locked
		if unattended := step.local || step.stick; unattended && !bytes.Equal(got, key) || !unattended && !errors.As(err, &locked) {
			t.Errorf("%s: what is at hand is %v, %v", step.name, got, err)
		}
		for _, said := range []string{phrase, another} {
			got, err := again.ByPassphrase(said)
			if opens := said == step.says; opens != bytes.Equal(got, key) || opens != (err == nil) {
				t.Errorf("%s: %q: %v", step.name, said, err)
			}
		}
		if got, err := again.ByRecovery(recovery); !bytes.Equal(got, key) {
			t.Errorf("%s: the recovery key does not open it: %v", step.name, err)
		}
	}
	stranger, err := age.GenerateX25519Identity()
	must(t, err)
	if _, err := k.ByRecovery(stranger); !errors.Is(err, ErrWrong) {
		t.Errorf("somebody else's recovery key: %v", err)
	}
	// A new recovery key takes the place of the old one.
	must(t, k.Recover(key, stranger.Recipient().String()))
	if _, err := k.ByRecovery(recovery); !errors.Is(err, ErrWrong) {
		t.Errorf("the recovery key of before: %v", err)
	}
	if got, _ := k.ByRecovery(stranger); !bytes.Equal(got, key) {
		t.Error("the new recovery key does not open")
	}
}

func TestAPassphraseOrPlaceThatIsNoneIsRefused(t *testing.T) {
	dir, key, k, _ := made(t)
	for _, weak := range []string{"", "short", "aaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababab", " " + phrase} {
		if err := k.UsePassphrase(key, weak); !errors.Is(err, ErrWeak) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	for _, place := range []string{"stick", dir, filepath.Join(dir, "keys"), dir + "/../" + filepath.Base(dir)} {
		if err := k.UseElsewhere(key, place); !errors.Is(err, ErrPlace) {
			t.Errorf("%s: %v", place, err)
		}
	}
	stick := t.TempDir()
	must(t, os.WriteFile(filepath.Join(stick, stickName), random(), 0o600))
	if err := k.UseElsewhere(key, stick); err == nil {
		t.Error("the key of another hotline was overwritten")
	}
	if err := k.UsePassphrase(random(), phrase); !errors.Is(err, ErrWrong) {
		t.Errorf("with another key: %v", err)
	}
	if got, err := k.AtHand(); !bytes.Equal(got, key) {
		t.Errorf("after all that the key is %v", err)
	}
}

// In the folder the key lies twice, and so does how it is kept: either one may
// be damaged or gone. When both are, the recovery key is left.
func TestADamagedKeyFileCostsNothing(t *testing.T) {
	dir, key, _, recovery := made(t)
	local := []string{store.KeyPath(dir), filepath.Join(dir, keyCopy)}
	notes := []string{filepath.Join(dir, stateName), filepath.Join(dir, stateCopy)}
	for _, pair := range [][]string{local, notes} {
		for _, path := range pair {
			for _, damage := range []func() error{
				func() error { return os.Remove(path) },
				func() error { return os.WriteFile(path, nil, 0o600) },
				func() error {
					raw, err := os.ReadFile(path)
					raw[len(raw)/2] ^= 1
					return errors.Join(err, os.WriteFile(path, raw, 0o600))
				},
			} {
				must(t, damage())
				k, err := Open(dir)
				must(t, err)
				got, err := k.AtHand()
				if !bytes.Equal(got, key) {
					t.Fatalf("%s: %v", path, err)
				}
				must(t, k.Adopt(got, recovery.Recipient().String()))
				if n := len(inClear(t, dir, key)); n != 2 {
					t.Errorf("%s: afterwards the key lies in %d files", path, n)
				}
			}
		}
	}
	must(t, errors.Join(os.Remove(local[0]), os.WriteFile(local[1], random(), 0o600)))
	k, err := Open(dir)
	must(t, err)
	var locked *Locked
	if _, err := k.AtHand(); !errors.As(err, &locked) || locked.Why != KeyLost {
		t.Errorf("without the key: %v", err)
	}
	if got, _ := k.ByRecovery(recovery); !bytes.Equal(got, key) {
		t.Error("the recovery key does not open it")
	}
}

func TestAStickThatIsAwayLocksAndIsNeverForgotten(t *testing.T) {
	dir, key, k, recovery := made(t)
	stick := t.TempDir()
	must(t, k.UseElsewhere(key, stick))
	path := filepath.Join(stick, stickName)
	must(t, os.Rename(path, path+".away"))
	k, err := Open(dir)
	must(t, err)
	var locked *Locked
	if _, err := k.AtHand(); !errors.As(err, &locked) || locked.Why != NeedsStick || locked.Path != path {
		t.Errorf("without the stick: %v", err)
	}
	if got, err := k.ByFile(random()); err == nil {
		t.Errorf("the file of another hotline opens it: %v", got)
	}
	if got, err := k.ByFile(key); !bytes.Equal(got, key) {
		t.Errorf("its file: %v", err)
	}
	// Somebody puts the key into the folder by hand: the box starts, and as long
	// as the stick is away that one stays.
	must(t, os.WriteFile(store.KeyPath(dir), key, 0o600))
	k = start(t, dir, key, recovery)
	if got, _ := k.AtHand(); !bytes.Equal(got, key) {
		t.Error("the only key was overwritten")
	}
	must(t, os.Rename(path+".away", path))
	start(t, dir, key, recovery)
	if found := inClear(t, dir, key); len(found) > 0 {
		t.Errorf("with the stick back the key still lies in %v", found)
	}
}

// Whoever has the folder of a locked box reads nothing of its inboxes; the key
// of the box opens them all.
func TestInboxesAreOpenedByTheKeyOfTheBoxAlone(t *testing.T) {
	dir, key, k, _ := made(t)
	must(t, k.UsePassphrase(key, phrase))
	var keys [][]byte
	for i := range 3 {
		in, own, err := k.NewInbox(time.Now().Add(time.Duration(i) * time.Second))
		must(t, err)
		s, err := store.OpenWith(in.Dir, own, slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, s.Close())
		if found := inClear(t, dir, own); len(found) > 0 {
			t.Errorf("the key of an inbox lies in clear in %v", found)
		}
		if _, err := store.OpenWith(in.Dir, key, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("the inbox is not under a key of its own")
		}
		keys = append(keys, own)
	}
	empty, _, err := k.NewInbox(time.Now().Add(time.Minute))
	must(t, err)
	k, err = Open(dir)
	must(t, err)
	boxes, err := k.Inboxes()
	if err != nil || len(boxes) != 4 || boxes[3].ID != empty.ID {
		t.Fatalf("%d inboxes, %v", len(boxes), err)
	}
	for i, in := range boxes {
		if _, err := k.Unseal(random(), in); i < 3 && err == nil {
			t.Error("another key opens an inbox")
		}
		got, err := k.Unseal(key, in)
		if i < 3 && !bytes.Equal(got, keys[i]) || i == 3 && (got != nil || err != nil) {
			t.Errorf("inbox %d: %v", i, err)
		}
		must(t, k.Drop(in))
	}
	if boxes, err := k.Inboxes(); err != nil || len(boxes) > 0 {
		t.Errorf("%d inboxes are left, %v", len(boxes), err)
	}
}

// After Destroy nothing on the box leads to the key, wherever it was kept.
func TestDestroyLeavesNoWayToTheKey(t *testing.T) {
	for name, keep := range map[string]func(k *Keeper, key []byte, stick string) error{
		InFolder:   func(k *Keeper, key []byte, _ string) error { return k.UseFolder(key) },
		Passphrase: func(k *Keeper, key []byte, _ string) error { return k.UsePassphrase(key, phrase) },
		Elsewhere:  func(k *Keeper, key []byte, stick string) error { return k.UseElsewhere(key, stick) },
	} {
		dir, key, k, recovery := made(t)
		stick := t.TempDir()
		must(t, keep(k, key, stick))
		must(t, Destroy(dir))
		if found := append(inClear(t, dir, key), inClear(t, stick, key)...); len(found) > 0 {
			t.Errorf("%s: the key lies in %v", name, found)
		}
		k, err := Open(dir)
		must(t, err)
		_, wrapped := k.ByPassphrase(phrase)
		_, recovered := k.ByRecovery(recovery)
		if !errors.Is(wrapped, ErrNone) || !errors.Is(recovered, ErrNone) {
			t.Errorf("%s: passphrase %v, recovery key %v", name, wrapped, recovered)
		}
		if _, err := store.Open(dir, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: the records still open", name)
		}
	}
}
