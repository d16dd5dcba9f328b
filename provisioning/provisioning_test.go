package provisioning

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/volunteers/roster"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// handshake connects as a browser that has installed the root.
func handshake(t *testing.T, c *Certificates, name string) error {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c.TLS())
	must(t, err)
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		_ = conn.(*tls.Conn).Handshake() // the client judges
		conn.Close()
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.Root())
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", ln.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
	if err == nil {
		conn.Close()
	}
	<-done
	return err
}

func TestABrowserWithTheRootTrustsTheBoxByNameAndAddress(t *testing.T) {
	dir := t.TempDir()
	c, err := OpenCertificates(dir, []string{"hotline.local", "127.0.0.1", "192.0.2.7"}, time.Now())
	must(t, err)
	for name, trusted := range map[string]bool{"hotline.local": true, "127.0.0.1": true, "192.0.2.7": true, "other.local": false} {
		if err := handshake(t, c, name); (err == nil) != trusted {
			t.Errorf("%s: %v, want trusted %v", name, err, trusted)
		}
	}
	if life := c.leaf.Leaf.NotAfter.Sub(c.leaf.Leaf.NotBefore); life > 398*24*time.Hour {
		t.Errorf("the certificate lives %v: browsers refuse it", life)
	}
	for _, key := range []string{"root.key", "web.key"} {
		if info, err := os.Stat(filepath.Join(dir, key)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want 0600", key, info.Mode(), err)
		}
	}
}

func TestTheCertificateIsMadeAnewWhenNeededAndTheRootStays(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	open := func(at time.Time, names ...string) *Certificates {
		c, err := OpenCertificates(dir, names, at)
		must(t, err)
		return c
	}
	first := open(now, "a.local")
	same := open(now, "a.local")
	if first.leaf.Leaf.SerialNumber.Cmp(same.leaf.Leaf.SerialNumber) != 0 {
		t.Error("a good certificate was replaced")
	}
	moved := open(now, "a.local", "10.1.2.3")
	if moved.leaf.Leaf.VerifyHostname("10.1.2.3") != nil {
		t.Error("a new address is not covered")
	}
	later := open(now.Add(370*24*time.Hour), "a.local", "10.1.2.3")
	if !later.Expires().After(moved.Expires()) {
		t.Error("a certificate near its end was kept")
	}
	if first.Fingerprint() != later.Fingerprint() {
		t.Error("the root changed: everybody would have to accept it again")
	}
}

func TestARunningBoxKeepsItsCertificateRight(t *testing.T) {
	now := time.Now()
	c, err := OpenCertificates(t.TempDir(), []string{"hotline.local"}, now)
	must(t, err)
	first := c.Expires()
	came := &net.TCPAddr{IP: net.ParseIP("198.51.100.4"), Port: 8443}
	if leaf := c.serve(came, now).Leaf; leaf.VerifyHostname("198.51.100.4") != nil || leaf.VerifyHostname("hotline.local") != nil {
		t.Error("a browser that came to a new address of the box gets a certificate without it")
	}
	if a, b := c.serve(came, now), c.serve(came, now); a.Leaf != b.Leaf {
		t.Error("a good certificate is made anew for every browser")
	}
	if leaf := c.serve(nil, now.Add(370*24*time.Hour)).Leaf; !leaf.NotAfter.After(first) {
		t.Error("a certificate near its end is shown although the box could renew it")
	}
	// The clock of a box without a battery: set up in 1970, then told the year.
	c, err = OpenCertificates(t.TempDir(), []string{"127.0.0.1"}, time.Unix(3600, 0))
	must(t, err)
	if err := handshake(t, c, "127.0.0.1"); err != nil {
		t.Errorf("after the clock was set right: %v", err)
	}
}

func TestSetupMakesAHotlineOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "box")
	log := slog.New(slog.DiscardHandler)
	opts := Options{Dir: dir, Config: config.Default(), Log: log, People: []Person{
		{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin},
		{Login: "rosa", Name: "Rosa", Role: roster.RoleSupervisor, Phone: "+12024561111"},
	}}
	res, err := Setup(t.Context(), opts)
	must(t, err)
	cfg, err := config.Load(res.ConfigPath)
	must(t, err)
	records, err := store.Open(cfg.DataDir(), log)
	must(t, err)
	accounts, err := roster.Open(records, cfg.DataDir(), log)
	must(t, err)
	for _, c := range res.Credentials {
		if _, err := accounts.Authenticate(t.Context(), c.Login, c.Password); err != nil {
			t.Errorf("%s cannot sign in with the password shown: %v", c.Login, err)
		}
	}
	if rosa := res.Credentials[1]; len(rosa.PIN) < 6 {
		t.Errorf("the supervisor has PIN %q", rosa.PIN)
	} else if _, err := accounts.AuthenticatePhone(t.Context(), rosa.Phone, rosa.PIN, roster.Mode); err != nil {
		t.Errorf("the supervisor's PIN does not open the line: %v", err)
	}
	must(t, records.Close())

	_, err = Setup(t.Context(), opts)
	var p *Problem
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second setup gave %v", err)
	}
	if _, err := os.Stat(res.ConfigPath); err != nil {
		t.Errorf("the refused setup took the hotline away: %v", err)
	}
}

// A power cut in the middle of a set-up leaves a folder in which it begins again.
func TestASetupThatIsCutOffBeginsAgain(t *testing.T) {
	box := t.TempDir()
	dir, cut := filepath.Join(box, "hotline"), filepath.Join(box, "cut")
	log := slog.New(slog.DiscardHandler)
	opts := Options{Dir: dir, Config: config.Default(), Log: log, People: []Person{{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin}},
		Fill: func(context.Context, *store.Store) error { return os.CopyFS(cut, os.DirFS(dir)) }}
	first, err := Setup(t.Context(), opts)
	must(t, err)
	if Unfinished(dir) || !Unfinished(cut) {
		t.Fatalf("unfinished: %v %v", Unfinished(dir), Unfinished(cut))
	}
	if _, err := config.Load(filepath.Join(cut, config.FileName)); err != nil {
		t.Errorf("it was cut off before there was anything: %v", err)
	}
	ca, err := os.ReadFile(filepath.Join(CertificateDir(filepath.Join(cut, "data")), "root.pem"))
	must(t, err)
	opts.Dir, opts.Fill = cut, nil
	second, err := Setup(t.Context(), opts)
	must(t, err)
	cfg, err := config.Load(second.ConfigPath)
	must(t, err)
	records, err := store.Open(cfg.DataDir(), log)
	must(t, err)
	accounts, err := roster.Open(records, cfg.DataDir(), log)
	must(t, err)
	if _, err := accounts.Authenticate(t.Context(), "admin", second.Credentials[0].Password); err != nil {
		t.Errorf("nobody can sign in: %v", err)
	}
	if list, err := accounts.List(); err != nil || len(list) != 1 || first.Credentials[0].Password == second.Credentials[0].Password {
		t.Errorf("%d accounts, %v", len(list), err)
	}
	must(t, records.Close())
	if again, err := os.ReadFile(filepath.Join(CertificateDir(cfg.DataDir()), "root.pem")); err != nil || !bytes.Equal(ca, again) {
		t.Errorf("the authority that browsers have is another one: %v", err)
	}
	if err := ClearUnfinished(cut); err != nil || Unfinished(cut) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(second.ConfigPath); err != nil {
		t.Errorf("a hotline that is set up was taken away: %v", err)
	}
}

func TestASetupThatFailsTakesAllItsFilesAway(t *testing.T) {
	root := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // making the accounts fails, after everything else was made
	_, err := Setup(ctx, Options{Dir: filepath.Join(root, "new", "box"), Config: config.Default(), Log: slog.New(slog.DiscardHandler),
		People: []Person{{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin}}})
	if err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}

func TestASetupThatFailsEmptiesAFolderThatWasEmpty(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	must(t, os.Mkdir(data, 0o700))
	must(t, os.WriteFile(filepath.Join(root, "letter.txt"), []byte("mine"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	opts := Options{Dir: root, Config: config.Default(), Log: slog.New(slog.DiscardHandler), People: []Person{{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin}}}
	if _, err := Setup(ctx, opts); err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
		t.Errorf("%v is left in the data folder (%v)", left, err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 2 {
		t.Errorf("%v is left, want the letter and the data folder (%v)", left, err)
	}
	if _, err := Setup(t.Context(), opts); err != nil {
		t.Errorf("the second try: %v", err)
	}
}

func TestAnUnwritableFolderIsASentence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	err := Folder(filepath.Join(file, "data"))
	var p *Problem
	if !errors.As(err, &p) || !strings.Contains(p.Do, "data:") {
		t.Errorf("error %v", err)
	}
	open := filepath.Join(t.TempDir(), "open")
	must(t, os.Mkdir(open, 0o755))
	must(t, Folder(open))
	if info, err := os.Stat(open); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the data folder stays readable by others: %v", info.Mode())
	}
	if _, err := os.Stat(filepath.Join(open, ".writable")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the probe stays behind")
	}
}

func TestABusyPortIsASentenceWithTheSetting(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	addr := taken.LocalAddr().String()
	_, err = net.ListenPacket("udp", addr)
	err = Listening(err, "The telephone side", addr, "sip: listen:")
	for _, word := range []string{addr, "in use by another program", "sip: listen:"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	_, err = net.ListenPacket("udp", "203.0.113.9:0")
	if err = Listening(err, "The telephone side", "203.0.113.9:0", "sip: listen:"); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("an address of another machine gave %v", err)
	}
}

func Test2b30PasswordsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := NewPassword()
		if seen[p] || len(p) != 19 {
			t.Fatalf("password %q", p)
		}
		seen[p] = true
	}
}

// The fingerprint that is read aloud is as long as the one that is shown, and
// belongs to the authority: a new certificate does not change it.
func TestTheFingerprintIsReadAloud(t *testing.T) {
	now := time.Now()
	certs, err := OpenCertificates(t.TempDir(), []string{"localhost"}, now)
	if err != nil {
		t.Fatal(err)
	}
	spoken, before := certs.Spoken(), certs.Expires()
	if !regexp.MustCompile(`^([bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz] ){7}[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]$`).MatchString(spoken) {
		t.Errorf("nobody can read %q aloud", spoken)
	}
	if err := certs.Renew(now.Add(24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if certs.Spoken() != spoken || !certs.Expires().After(before) || !slices.Contains(certs.Names(), "localhost") {
		t.Errorf("a new certificate: %q, until %v", certs.Spoken(), certs.Expires())
	}
	other, err := OpenCertificates(t.TempDir(), []string{"localhost"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if other.Spoken() == spoken {
		t.Error("two authorities sound the same")
	}
}
