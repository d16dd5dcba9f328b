package ui

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/provisioning/door/doortest"
	"hotline/provisioning/slot"
)

// slotsOf are the two slots of a machine as files, behind the socket that the
// image has, and who restarts it: on a line that the test makes busy.
type slotsOf struct {
	*slot.Planner
	door     slot.Door
	dir      string
	key      ed25519.PrivateKey
	restarts atomic.Int32
	refuses  atomic.Bool // to restart
	calls    atomic.Int32
	rings    atomic.Bool
}

func (s *slotsOf) Look(ctx context.Context) (UpdateState, error) {
	state, err := s.door.Look(ctx)
	return UpdateState(state), err
}

func (s *slotsOf) Install(ctx context.Context, update io.Reader) (UpdateState, error) {
	state, err := s.door.Install(ctx, update)
	return UpdateState(state), err
}

func (s *slotsOf) Planned() RestartPlan { return RestartPlan(s.Planner.Planned()) }

func openSlots(t *testing.T, sc *script) *slotsOf {
	t.Helper()
	s := &slotsOf{dir: t.TempDir()}
	s.door = slot.At(filepath.Join(s.dir, "door"))
	s.Planner = slot.NewPlanner(slot.PlannerConfig{Restart: s.door.Restart, Operation: "Flood response", Quiet: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Line: func() slot.Line { return slot.Line{Calls: int(s.calls.Load()), Busy: s.rings.Load()} },
		Note: func(ctx context.Context, ev events.Event) error { return FromStore(sc.store).Note(ctx, ev) }})
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.key = key
	notes := "# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n"
	for name, content := range map[string]string{"A": strings.Repeat("A", 1<<20), "B": strings.Repeat("B", 1<<20), "grubenv": notes + strings.Repeat("#", 1024-len(notes))} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := slot.Machine{Env: filepath.Join(s.dir, "grubenv"), Device: func(name string) string { return filepath.Join(s.dir, name) }, Running: "A", Arch: "amd64", Version: 202601010000, Key: public}
	doortest.Serve(t, s.door.Path, func(ctx context.Context, l *net.UnixListener) error {
		return slot.Serve(ctx, l, m, func() error {
			if s.refuses.Load() {
				return errors.New("the update is damaged: copy the file again")
			}
			s.restarts.Add(1)
			return nil
		}, time.Hour)
	})
	return s
}

// update is a system of some size, signed.
func (s *slotsOf) update(t *testing.T, arch string, version uint64, size int, key ed25519.PrivateKey) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "system")
	if err := os.WriteFile(file, bytes.Repeat([]byte("new system "), size/11), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := slot.Make(&out, file, arch, version, key); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (s *slotsOf) read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// trouble is why an update was not taken, as the page says it.
func trouble(body string) string {
	_, after, _ := strings.Cut(body, "data-update-trouble")
	said, _, _ := strings.Cut(after, "</p>")
	return said
}

// An administrator brings an update by the page: what is wrong with one is said
// in the language of the page and changes nothing; the right one waits until
// somebody presses again; all of it stands in the log.
func TestAnUpdateComesByThePage(t *testing.T) {
	script := newScript(t)
	slots := openSlots(t, script)
	script.slots = slots
	s := startSite(t, script, nil)
	client := s.as(t, admin)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, client, "/admin/system"); !strings.Contains(got.body, "202601010000") || strings.Contains(got.body, "data-waiting") || !strings.Contains(got.body, `name="update"`) || !strings.Contains(got.body, "data-again") {
		t.Fatalf("the page of the machine: %d", got.status)
	}
	if got := s.post(t, client, "/admin/system/restart", nil); got.status != http.StatusSeeOther || slots.restarts.Swap(0) != 1 {
		t.Errorf("a restart without an update: %d", got.status)
	}
	whole := slots.update(t, "amd64", 202701010000, 900_000, slots.key)
	for says, raw := range map[string][]byte{
		"is not signed by those who made this system":  slots.update(t, "amd64", 202701010000, 1000, stranger),
		"is damaged: copy the file again":              whole[:len(whole)/2],
		"is not newer than the system that runs":       slots.update(t, "amd64", 202501010000, 1000, slots.key),
		"machines of another kind (arm64)":             slots.update(t, "arm64", 202701010000, 1000, slots.key),
		"is larger than a slot of this machine (1 MB)": slots.update(t, "amd64", 202701010000, 2<<20+1000, slots.key),
		"is not an update of the hotline":              bytes.Repeat([]byte("a photograph "), 200_000),
	} {
		got := s.upload(t, client, "/admin/system/update", "update", "hotline.update", raw)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, says) || strings.Contains(got.body, "data-waiting") {
			t.Errorf("an update that %s: %d, %s", says, got.status, trouble(got.body))
		}
	}
	if got := s.upload(t, client, "/admin/system/update", "other", "", nil); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "choose the file") {
		t.Errorf("no file: %d", got.status)
	}
	spanish := s.as(t, admin)
	s.post(t, spanish, "/language", url.Values{"language": {"es"}})
	if got := s.upload(t, spanish, "/admin/system/update", "update", "hotline.update", slots.update(t, "arm64", 202701010000, 1000, slots.key)); !strings.Contains(got.body, "otro tipo de máquina (arm64)") {
		t.Errorf("in Spanish: %s", trouble(got.body))
	}
	if notes := slots.read(t, "grubenv"); !strings.Contains(notes, "ORDER=A B\n") || strings.Contains(notes, "B_OK=1") {
		t.Errorf("the boot loader would start something else: %q", notes)
	}

	if got := s.upload(t, client, "/admin/system/update", "update", "hotline.update", whole); got.status != http.StatusSeeOther {
		t.Fatalf("the right one: %d, %s", got.status, trouble(got.body))
	}
	if got := s.get(t, client, "/admin/system?done=update"); !strings.Contains(got.body, "The update 202701010000 is in") || !strings.Contains(got.body, "up to 15 minutes") || strings.Contains(got.body, "data-again") {
		t.Errorf("the page does not say that it waits: %d", got.status)
	}
	if !strings.HasPrefix(slots.read(t, "B"), "new system new system") || !strings.Contains(slots.read(t, "grubenv"), "ORDER=B A\n") {
		t.Error("the next start does not try the update")
	}
	if slots.restarts.Load() != 0 {
		t.Error("the machine starts again before anybody asked for it")
	}
	if got := s.post(t, client, "/admin/system/restart", nil); got.status != http.StatusSeeOther || slots.restarts.Load() != 1 {
		t.Errorf("the second press: %d, %d restarts", got.status, slots.restarts.Load())
	}
	noted := map[string]int{}
	for _, kind := range []string{"update.refused", "update.taken", "update.restart"} {
		for _, ev := range s.noted(t, kind) {
			if ev.By == s.ids[admin] {
				noted[kind+ev.Data["version"]]++
			}
		}
	}
	if want := map[string]int{"update.refused": 8, "update.taken202701010000": 1, "update.restart": 2}; fmt.Sprint(noted) != fmt.Sprint(want) {
		t.Errorf("the log holds %v", noted)
	}
}

// An administrator plans a restart for a quiet minute, with an update that waits or
// without one: the page says since when and by whom, and what is on the line now; it
// is called off by a press, and who comes too late for that is told. Once the line is
// quiet it is carried out, or the page says why not. All of it stands in the log.
func TestARestartIsPlannedForAQuietMinute(t *testing.T) {
	script := newScript(t)
	slots := openSlots(t, script)
	script.slots = slots
	s := startSite(t, script, nil)
	client := s.as(t, admin)
	page := func(wants, lacks []string) {
		t.Helper()
		got := s.get(t, client, "/admin/system")
		for _, want := range wants {
			if !strings.Contains(got.body, want) {
				t.Errorf("the page of the machine (%d) does not say %q", got.status, want)
			}
		}
		for _, lack := range lacks {
			if strings.Contains(got.body, lack) {
				t.Errorf("the page of the machine (%d) says %q", got.status, lack)
			}
		}
	}
	plan := func() {
		t.Helper()
		if got := s.post(t, client, "/admin/system/restart/quiet", nil); got.status != http.StatusSeeOther || got.header.Get("Location") != "/admin/system?done=planned#version-h" {
			t.Fatalf("planning it: %d", got.status)
		}
	}
	const offered, off, now = `action="/admin/system/restart/quiet"`, `action="/admin/system/restart/off"`, `action="/admin/system/restart"`
	page([]string{offered, now, "<details data-again>"}, []string{off, "data-planned"})

	slots.calls.Store(2)
	plan()
	page([]string{"is planned. Today", "by Amal admin", "On the line now: 2.", off, now, "<details data-again open>"}, []string{offered})
	plan() // as somebody else does who has seen the page before
	slots.calls.Store(0)
	page([]string{"Nobody is on the line now."}, nil)
	slots.rings.Store(true)
	page([]string{"It is not quiet now"}, []string{"On the line now"})
	if got := s.upload(t, client, "/admin/system/update", "update", "hotline.update", slots.update(t, "amd64", 202701010000, 900_000, slots.key)); got.status != http.StatusSeeOther {
		t.Fatalf("an update: %d, %s", got.status, trouble(got.body))
	}
	page([]string{"The update 202701010000 is in", "data-planned", off, now}, []string{offered, "data-again"})
	if got := s.post(t, client, "/admin/system/restart/off", nil); got.header.Get("Location") != "/admin/system?done=called_off#version-h" {
		t.Errorf("calling it off: %d", got.status)
	}
	page([]string{offered, now}, []string{off, "data-planned"})
	if got := s.post(t, client, "/admin/system/restart/off", nil); got.status != http.StatusConflict || !strings.Contains(got.body, "No restart is planned any more") {
		t.Errorf("calling it off again: %d", got.status)
	}

	// From here on somebody watches the line.
	ctx, stop := context.WithCancel(t.Context())
	var watches sync.WaitGroup
	watches.Go(func() {
		if err := slots.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer watches.Wait()
	defer stop()
	ended := func() {
		t.Helper()
		slots.rings.Store(false)
		for limit := time.Now().Add(30 * time.Second); !slots.Planned().At.IsZero(); s.get(t, client, "/healthz") {
			if time.Now().After(limit) {
				t.Fatal("the line is quiet, and the restart is planned still")
			}
		}
		slots.rings.Store(true)
	}
	slots.refuses.Store(true)
	plan()
	ended()
	page([]string{"data-plan-ended", "was not possible", "the update is damaged: copy the file again", offered}, []string{off})
	slots.refuses.Store(false)
	plan()
	page([]string{off}, []string{"data-plan-ended"})
	ended()
	page([]string{offered}, []string{off, "data-plan-ended"})
	if n := slots.restarts.Load(); n != 1 {
		t.Errorf("the machine restarted %d times", n)
	}
	plan()
	if got := s.post(t, client, "/admin/system/restart", nil); got.status != http.StatusSeeOther || slots.restarts.Load() != 2 {
		t.Errorf("a restart at once: %d", got.status)
	}
	page([]string{offered}, []string{off})

	log := s.get(t, client, "/admin/log?all").body
	for kind, want := range map[string]struct {
		times int
		words string
	}{
		"update.planned": {4, "Restart of the machine planned for a quiet minute"}, "update.called_off": {1, "Planned restart of the machine called off"},
		"update.carried_out": {2, "Planned restart of the machine carried out"}, "update.plan_failed": {1, "Planned restart of the machine was not possible"}, "update.restart": {1, "Restart of the machine asked for"},
	} {
		n := 0
		for _, ev := range s.noted(t, kind) {
			if ev.By == s.ids[admin] {
				n++
			}
		}
		if n != want.times || !strings.Contains(log, want.words) {
			t.Errorf("%s is in the log %d times, want %d; on its page: %v", kind, n, want.times, strings.Contains(log, want.words))
		}
	}
}

// A machine that is not the image says where its updates come from, and takes
// none by the page.
func TestAServerTakesNoUpdateByThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.get(t, client, "/admin/system"); !strings.Contains(got.body, "comes as a package") || strings.Contains(got.body, `name="update"`) || strings.Contains(got.body, "/admin/system/restart") {
		t.Errorf("the page of the machine: %d", got.status)
	}
	if got := s.upload(t, client, "/admin/system/update", "update", "hotline.update", []byte("x")); got.status != http.StatusNotFound {
		t.Errorf("an update: %d", got.status)
	}
	for _, path := range []string{"/admin/system/restart", "/admin/system/restart/quiet", "/admin/system/restart/off"} {
		if got := s.post(t, client, path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
