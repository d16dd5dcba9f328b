package backup

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// spoil flips a bit in every record of a closed store: somewhere in the text
// that is sealed.
func spoil(t *testing.T, data string) {
	t.Helper()
	text, err := os.ReadFile(store.FilePath(data))
	must(t, err)
	// Values follow their keys; this one is the only record named so.
	at := bytes.LastIndex(text, []byte("table:notes"))
	if at < 0 {
		t.Fatal("there is nothing to spoil")
	}
	n := 0
	for i := 0; i+8 < len(text); i++ {
		if text[i] == 'a' && text[i+1] == 1 { // the key and the version of its seal
			text[i+5] ^= 4
			n++
		}
	}
	if n == 0 {
		t.Fatal("there is nothing to spoil")
	}
	must(t, os.WriteFile(store.FilePath(data), text, 0o600))
}

// A box whose record file is damaged starts from its newest backup, says so and
// keeps the damaged file. Nobody has to do anything.
func TestADamagedBoxStartsFromItsBackup(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, data string){
		"a record": spoil,
		"the head": func(t *testing.T, data string) {
			must(t, os.WriteFile(store.FilePath(data), make([]byte, 64<<10), 0o600))
		},
		"cut in half":   func(t *testing.T, data string) { must(t, os.Truncate(store.FilePath(data), 10_000)) },
		"gone":          func(t *testing.T, data string) { must(t, os.Remove(store.FilePath(data))) },
		"the last head": lastHead,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			there := t.TempDir()
			must(t, b.Use(t.Context(), place.Place{Folder: there}, "test"))
			b.write("a", "first")
			b.now()
			b.write("b", "second")
			b.now()
			truth := content(t, b.Store)
			var key []byte
			if away := name == "gone" || name == "cut in half"; away { // and with it
				key = b.Store.Key()
				must(t, os.Remove(store.KeyPath(b.data)))
			}
			must(t, b.Close())
			damage(t, b.data)
			r, err := OpenRecords(t.Context(), b.data, key, silent)
			must(t, err)
			defer r.Close()
			if _, err := os.Stat(store.KeyPath(b.data)); (err == nil) != (key == nil) {
				t.Errorf("a key that is kept elsewhere lies in the folder: %v", err)
			}
			if !bytes.Equal(content(t, r), truth) {
				t.Error("the records are others")
			}
			report := LastRescue(b.data)
			if report == nil || report.Why == "" || report.Archives != 2 {
				t.Fatalf("the report is %+v", report)
			}
			if name != "gone" {
				if _, err := os.Stat(report.Aside); err != nil {
					t.Errorf("the damaged file is not kept: %v", err)
				}
			}
			must(t, write(t.Context(), r, "c", "third", ""))
		})
	}
}

// lastHead damages the newer of the two heads of the file: it opens, and what
// was written last is gone.
func lastHead(t *testing.T, data string) {
	t.Helper()
	text, err := os.ReadFile(store.FilePath(data))
	must(t, err)
	const txid = 16 + 48
	page := 4096
	if first, second := text[txid], text[page+txid]; first < second {
		text[page+txid] ^= 0x40
	} else {
		text[txid] ^= 0x40
	}
	must(t, os.WriteFile(store.FilePath(data), text, 0o600))
}

// With no backup a damaged box does not start, and says what to do.
func TestADamagedBoxWithoutABackupSaysSo(t *testing.T) {
	b := newBox(t)
	b.write("a", "first")
	must(t, b.Close())
	spoil(t, b.data)
	_, err := OpenRecords(t.Context(), b.data, nil, silent)
	if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "hotline restore") {
		t.Errorf("error %v", err)
	}
	// It is no different the next time: nothing was made in its place.
	if _, err := OpenRecords(t.Context(), b.data, nil, silent); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the second time: %v", err)
	}
}
