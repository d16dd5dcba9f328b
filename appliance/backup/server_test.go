package backup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/place"
	"hotline/appliance/place/placetest"
)

func TestBackupsGoToAServer(t *testing.T) {
	b := newBox(t)
	there := t.TempDir()
	to := place.Place{Server: placetest.SFTP(t, there, "sesame"), User: "box", Password: "sesame", Folder: "copies"}
	// Nobody is trusted unseen, and the password is not sent before.
	var fresh *place.NewServer
	if err := b.Use(t.Context(), to, "test"); !errors.As(err, &fresh) || !strings.HasPrefix(fresh.Place.Fingerprint(), "SHA256:") {
		t.Fatalf("a new server: %v", err)
	}
	wrong := fresh.Place
	wrong.Password = "guess"
	if err := b.Use(t.Context(), wrong, "test"); err == nil || !strings.Contains(err.Error(), "signing in") {
		t.Errorf("a wrong password: %v", err)
	}
	must(t, b.Use(t.Context(), fresh.Place, "test"))
	b.write("a", "first")
	id := b.record([]byte("a voice"))
	b.now()
	b.write("b", "second")
	b.now()
	if st := b.State(); st.SameDisk || strings.Contains(st.Place, "sesame") || st.Server == "" || st.Failed != "" {
		t.Errorf("the state is %+v", st)
	}
	s, r, _ := b.restored(filepath.Join(there, "copies"), time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) || r.Archives != 2 || r.Sounds != 1 || !s.HasBlob(id) {
		t.Errorf("restored was %+v", r)
	}
	// Another machine under its address gets nothing.
	b.settings.Place.Server = placetest.SFTP(t, t.TempDir(), "sesame")
	if err := b.Now(t.Context()); !errors.Is(err, place.ErrServer) {
		t.Errorf("another server: %v", err)
	}
	if left, err := os.ReadDir(there); err != nil || len(left) != 1 {
		t.Errorf("%v is there (%v)", left, err)
	}
}
