package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"hotline/appliance/audio"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/media"
	"hotline/appliance/place"
	"hotline/appliance/rehearsal"
	"hotline/ivr/flow"
	pagewords "hotline/ui/words"
)

// A running hotline to which something happens says so on its health page by
// what it measures itself: no figure is given to it.
func TestTheHealthPageSeesCauses(t *testing.T) {
	t.Parallel()
	dead, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dead) // a server that takes what comes and never answers
	if err := unix.Bind(dead, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(dead)
	if err != nil {
		t.Fatal(err)
	}
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.MaxCalls, c.SIP.Peers = 1, []string{"127.0.0.1", "192.0.2.7"}
		c.SIP.Lines = []config.Line{{Name: "carrier", Servers: []string{fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)}, From: "+12025550100"}}
	})
	measured := func() []health.Check { return health.Checks(b.h.measure()) }
	day := 24 * time.Hour
	faults := []struct {
		fault string
		seed  func() []health.Check
		words string
		says  string
	}{
		{"a trunk that sends nothing", measured, "peer.never", "Call the hotline from any telephone"},
		{"an expired certificate", func() []health.Check {
			if err := b.h.certs.Renew(time.Now().Add(-400 * day)); err != nil {
				t.Fatal(err)
			}
			return measured()
		}, "certificate.over", "no longer trust"},
		{"a certificate about to expire", func() []health.Check {
			if err := b.h.certs.Renew(time.Now().Add(-390 * day)); err != nil {
				t.Fatal(err)
			}
			return measured()
		}, "certificate.soon", "Restart the hotline"},
		{"a full hotline", func() []health.Check {
			c := b.dial("+12024561161", "100")
			found := measured()
			c.Hangup()
			b.untilEnded()
			return found
		}, "calls.full", "emergency mode"},
		{"a machine that does something else", func() []health.Check {
			leg := media.NewEndpoint(b.h.callers, slowCarrier{}, media.Config{Law: audio.MuLaw})
			leg.Start()
			defer leg.Close()
			b.until("sound leaves late", func() bool { return b.h.strain.Kind() != "" })
			found := measured()
			b.dial("+12024561162", "100").Hangup() // for the only channel there is, no caller is turned away
			b.untilEnded()
			return found
		}, "strain.busy", "no caller is turned away"},
		{"a full disk", func() []health.Check {
			return health.Checks(b.h.figures(b.fullDisk(), time.Now())())
		}, "disk.full", "almost no room"},
		{"a key that is away", func() []health.Check {
			stick := filepath.Join(t.TempDir(), "stick")
			if err := os.Mkdir(stick, 0o700); err != nil {
				t.Fatal(err)
			}
			owner := boxkey.Owner{Keeper: b.h.keys, Records: b.h.records}
			if err := owner.Keep(t.Context(), boxkey.Elsewhere, stick, "test"); err != nil {
				t.Fatal(err)
			}
			if of(measured(), "key.away") != nil {
				t.Error("the key is told to be away while its stick is there")
			}
			if err := os.Rename(stick, stick+"-pulled-out"); err != nil {
				t.Fatal(err)
			}
			return measured()
		}, "key.away", ""},
		{"a backup that nobody could open", func() []health.Check {
			elsewhere, err := os.MkdirTemp("/dev/shm", "hotline-backup") // another disk than that of the records
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
			if err := b.h.backups.Use(t.Context(), place.Place{Folder: elsewhere}, "test"); err != nil {
				t.Fatal(err)
			}
			return measured()
		}, "backup.keyless", ""},
		{"rehearsals that fail", func() []health.Check {
			set, err := flow.ParseSet(map[string]string{"one": strings.Replace(faultyFlow, "\"2\": help", "\"2\": round", 1) + circle,
				"wait": "start: a\nfallback: {queue: help, treatment: wait}\nsteps:\n  a: {music: music.hold, next: b}\n  b: {wait: 30s, next: b}\n"})
			if err != nil {
				t.Fatal(err)
			}
			w := &walkthrough{rehearsals: b.h.rehearse, report: rehearsal.Report{Full: true, At: time.Now()}}
			w.judgeFlows(t.Context(), set, b.h.engine.Surroundings())
			if _, err := b.h.rehearse.kept.Add(t.Context(), w.report, nil); err != nil {
				t.Fatal(err)
			}
			return measured()
		}, "rehearsal.failed", "callers suffer from"},
		{"a dead trunk", func() []health.Check { // the last one: it takes a while until nobody has answered
			b.until("the line is down", func() bool { l := b.h.trunk.Lines()[0]; return l.Checked && !l.Up })
			return measured()
		}, "line.down", "has not worked for"},
	}
	frames := framesOf(t)
	for _, f := range faults {
		if f.fault != "a trunk that sends nothing" && f.fault != "a dead trunk" { // a busy machine may have been strained for a moment
			b.until(f.fault+" is not told before it is there", func() bool { return of(measured(), f.words) == nil })
		}
		line := of(f.seed(), f.words)
		if line == nil || line.State == health.Good {
			t.Errorf("%s: nothing says %s: %v", f.fault, f.words, measured())
			continue
		}
		checkWords(t, frames, f.fault, f.says, *line)
		sentence, next := frames[pagewords.English].CheckWords(*line)
		t.Logf("cause seeded, %s (%s): %s %s", f.fault, line.State, sentence, next)
	}
}

// slowCarrier holds up the clock of all callers, as a machine does that has other
// work.
type slowCarrier struct{}

func (slowCarrier) WriteRTP(*rtp.Header, []byte) error {
	time.Sleep(30 * time.Millisecond)
	return nil
}

// fullDisk is a disk on which nothing can be written any more: a small one of its
// own, filled to the end.
func (b *box) fullDisk() string {
	b.t.Helper()
	dir := b.t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		b.t.Logf("no disk of its own can be mounted here (%v): run this test as root", err)
		b.t.FailNow()
	}
	b.t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			b.t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 2<<20), 0o600); err == nil {
		b.t.Fatal("the disk takes more than it has")
	}
	return dir
}
