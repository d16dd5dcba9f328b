package boxkey

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hotline/appliance/proof"
)

const killFolder = "HOTLINE_TEST_KEY_KILL"

// A process that changes how the key is kept is killed in the middle of it,
// again and again: each time the box starts by itself, or by the stick, or by
// the passphrase, with the same key.
func TestKillingAChangeOfTheKeyLosesNothing(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		changeForEver(t, dir)
		return
	}
	rounds := proof.Rounds(4, 100)
	dir, key, _, recovery := made(t)
	stick := t.TempDir()
	ways := map[string]int{}
	for i := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		child.Env = append(os.Environ(), killFolder+"="+dir, killFolder+"_STICK="+stick)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 1+i*7%13 {
				must(t, child.Process.Kill())
			}
		}
		_ = child.Wait() // it was killed
		k, err := Open(dir)
		must(t, err)
		got, err := k.AtHand()
		var locked *Locked
		if errors.As(err, &locked) {
			got, err = k.ByPassphrase(phrase)
		}
		if err != nil || !bytes.Equal(got, key) {
			t.Fatalf("kill %d: the key is lost: %v (%+v)", i, err, k.State())
		}
		must(t, k.Adopt(got, recovery.Recipient().String()))
		st := k.State()
		if clear := len(inClear(t, dir, key)); (st.Kind == InFolder) != (clear == 2) || clear == 1 {
			t.Fatalf("kill %d: kept as %s, and in clear in %d files", i, st.Kind, clear)
		}
		ways[st.Kind]++
	}
	// The control: with everything that leads to the key away, it is missed.
	must(t, Destroy(dir))
	k, err := Open(dir)
	must(t, err)
	if got, _ := k.AtHand(); got != nil {
		t.Error("this test does not notice a lost key")
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("the key of the box is there after %d kills during changes of how it is kept (%v)", rounds, ways),
		Control: "a key that is taken away is missed"})
}

func changeForEver(t *testing.T, dir string) {
	k, err := Open(dir)
	must(t, err)
	k.work = quick
	key, err := k.AtHand()
	if err != nil {
		key, err = k.ByPassphrase(phrase)
	}
	must(t, err)
	stick := os.Getenv(killFolder + "_STICK")
	for i := range 10_000 {
		switch i % 7 {
		case 2:
			err = k.UsePassphrase(key, phrase)
		case 1, 3, 5:
			err = k.UseElsewhere(key, filepath.Join(stick, fmt.Sprint(i%2)))
		default:
			err = k.UseFolder(key)
		}
		must(t, err)
		fmt.Println(i)
	}
}
