package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/place"
	"hotline/ivr/prompts"
	"hotline/ui/page"
)

// aBackup is a backup that takes as long to read as it is told; the real one is
// put back by the test of the whole program.
type aBackup struct {
	read chan struct{}
	from chan string
}

func (b *aBackup) Incoming() (string, int64, error) { return os.TempDir(), 1 << 20, nil }

func (b *aBackup) Read(ctx context.Context, from, _ string) (page.FirstRunBackup, error) {
	b.from <- from
	select {
	case <-b.read:
	case <-ctx.Done():
	}
	return page.FirstRunBackup{Hotline: "Línea", Operation: "Flood", Until: time.Now().Add(-time.Minute), Known: time.Now(), Records: 1200, Sounds: 31, Lost: 2}, ctx.Err()
}

func (b *aBackup) Use(context.Context) error { return nil }

// The questions, looked at at every size; what is wrong is said.
func TestFirstRunPages(t *testing.T) {
	shipped, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var clock time.Time // as it was set
	var made FirstRunChoice
	stick := t.TempDir() // with a backup on it
	on := filepath.Join(stick, "hotline-abcd")
	if err := errors.Join(os.Mkdir(on, 0o700), os.WriteFile(filepath.Join(on, "20261126T040000.000Z.hotline"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	reads := &aBackup{read: make(chan struct{}), from: make(chan string, 1)}
	first, err := NewFirstRun(FirstRunConfig{Answers: page.FirstRunAnswers{Hotline: "Hotline", Operation: "Flood", Region: "US", Zone: "UTC", Languages: []string{"es", "en"}, Line: "none", AdminName: "Administrator", AdminLogin: "admin", GreetingLanguage: "es"},
		Callers: []string{"en", "es", "fr"},
		Check: func(a page.FirstRunAnswers) error {
			if a.Region == "XXX" {
				return errors.New("the country is two letters, such as US or MX")
			}
			return nil
		},
		Folder:   func() page.FirstRunFolder { return page.FirstRunFolder{Path: "data", FreeGB: 40, Hours: 700} },
		SetClock: func(at time.Time) (bool, error) { clock = at; return true, nil },
		Greeting: func(language string) (string, *audio.Clip, error) {
			clip, err := shipped.Clip(language, "hello")
			return shipped.Text(language, "hello"), clip, err
		},
		Speak: func(context.Context, string, string) (*audio.Clip, error) {
			return audio.Tone(440, 2*time.Second, -12), nil
		},
		Sounds: foreign.New(),
		Finish: func(_ context.Context, a FirstRunChoice) (page.FirstRunMade, error) {
			made = a
			return page.FirstRunMade{Print: "AB CD EF", Recovery: "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", Written: []page.Written{{Role: "admin", Login: "admin", Password: "abcd-efgh-jkmn-pqrs"},
				{Role: "supervisor", Login: "supervisor", Password: "bcde-fghj-kmnp-qrst", Phone: "+12025550147", PIN: "280461"}}}, nil
		}, Backup: reads, Disks: func() []place.Disk {
			return []place.Disk{{Path: stick, Name: "COPIES", Size: 64e9, Free: 63e9}, {Name: "OLD", Size: 8e9, Trouble: place.Broken}}
		}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := lentCertificate()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		finished bool
		err      error
	}
	ended := make(chan end, 1)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		finished, err := first.Run(ctx, listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		ended <- end{finished, err}
	}()
	b := openBrowser(t, &site{url: "https://" + listener.Addr().String()})
	b.do(navigate(b.site.url + "/"))
	b.until(`location.pathname === "/setup" && document.getElementById("code")`)
	b.fits("setup-code")
	b.do(typeInto("code", first.Code()))
	b.press(`form[action="/setup/code"] button`)
	// There was a hotline: what is wrong with a backup is said, and what is in one.
	b.until(`location.pathname === "/setup/1" && document.readyState === "complete"`)
	b.press(`button[value="restore"]`)
	b.until(`location.pathname === "/setup/restore" && document.readyState === "complete"`)
	b.until(`document.querySelector('[data-disk="broken"]').innerText.includes("OLD") && document.querySelector('[name="place"]:checked').parentElement.innerText.includes("COPIES")`)
	b.fits("setup-restore")
	b.do(typeInto("key", "AGE-SECRET-KEY-1"), evaluate(`document.querySelector('[name="place"]:checked').checked = false`))
	b.press(`form[action="/setup/restore"] button`)
	b.until(`document.querySelector('[role="alert"]')?.innerText.includes("say where the backup is")`)
	b.do(setValue("key", "AGE-SECRET-KEY-1"))
	b.press(`form[action="/setup/restore"] button`)
	b.until(`document.querySelector('[data-restore="reading"]')`)
	close(reads.read)
	b.until(`document.querySelector('[data-restore="found"]') && document.querySelector('[data-lost="2"]')`)
	if from := <-reads.from; from != on { // what was found is chosen already
		t.Errorf("the backup is read from %q", from)
	}
	b.accessible("setup-found")
	b.do(navigate(b.site.url + "/setup/1"))
	next := func(step int) {
		t.Helper()
		b.press(fmt.Sprintf(`form[action="/setup/%d"] button.main`, step))
	}
	for step := 1; step <= lastQuestion; step++ {
		b.until(fmt.Sprintf(`location.pathname === "/setup/%d" && document.readyState === "complete"`, step))
		switch step {
		case 2:
			b.until(`document.querySelector("[data-clock-words]").textContent.includes("agree") && document.querySelector("[data-differs]").hidden && document.querySelectorAll("#zones option").length > 300`)
			b.do(setValue("region", "XXX"))
			next(step)
			b.until(`document.querySelector('[role="alert"]')?.innerText.includes("two letters")`)
			// A browser whose clock is two hours ahead sets that of the machine.
			b.do(setValue("region", "MX"), setValue("zone", "America/Mexico_City"),
				evaluate(`(() => { const now = Date.now; Date.now = () => now() + 7200000; document.querySelector("[data-differs]").hidden = false; })()`))
			began := time.Now()
			b.press(`button[value="clock"]`)
			b.until(`document.readyState === "complete" && !document.querySelector('[role="alert"]') && document.querySelector("[data-differs]").hidden`)
			if ahead := clock.Sub(began); ahead < time.Hour || ahead > 3*time.Hour {
				t.Errorf("the clock was set to %v, that is %v from now", clock, ahead)
			}
			if zone := b.js(`document.getElementById("zone").value`); zone != "America/Mexico_City" {
				t.Errorf("setting the clock forgets the time zone: %q", zone)
			}
		case 5:
			if offered := b.js(`[...document.querySelectorAll("[name=languages]")].map((e) => e.parentElement.innerText).join()`); offered != "English,Español,Français" {
				t.Errorf("the languages of callers are offered as %s", offered)
			}
			b.fits("setup-5")
			if got := b.js(`document.querySelector("audio").getAttribute("src")`); got != "/setup/greeting/en.wav" {
				t.Errorf("what callers hear is offered as %q", got)
			}
			b.until(`(window.greeting ??= (fetch("/setup/greeting/en.wav").then((a) => window.kind = a.headers.get("Content-Type")), true)) && window.kind === "audio/wav"`)
			b.press(`button[value="record"]`)
			b.until(`location.pathname === "/setup/greeting" && document.querySelector("[data-live]")?.hidden === false`)
			b.accessible("setup-greeting")
			b.press("[data-record]")
			b.until(`parseFloat(document.querySelector("[data-clock]").textContent) >= 2`)
			b.press("[data-stop]")
			b.press("[data-listen]")
			b.until(`document.querySelector("[data-heard]").src.startsWith("blob:")`)
			b.press("[data-save]")
			b.until(`location.pathname === "/setup/5" && document.querySelector('[name="greeting"][value="recorded"]')?.checked`)
		case 6:
			b.until(`document.querySelector('[data-folder="good"]') && document.querySelector('[value="file"]').checked`)
			b.press(`[value="passphrase"]`)
			b.do(typeInto("passphrase", "five words that nobody knows"), typeInto("again", "five"))
			next(step)
			b.until(`document.querySelector('[role="alert"]')?.innerText.includes("not the same")`)
			b.do(typeInto("passphrase", "five words that nobody knows"), typeInto("again", "five words that nobody knows"))
		}
		next(step)
	}
	b.until(`document.querySelector('[data-password="supervisor"]')`)
	b.fits("setup-done")
	if made.Zone != "America/Mexico_City" || made.Key != "passphrase" || made.Passphrase != "five words that nobody knows" || made.FirstRunAnswers.Greeting != "recorded" || made.Greeting.Duration() < time.Second {
		t.Errorf("what was answered arrives as %+v", made.FirstRunAnswers)
	}
	select {
	case got := <-ended:
		if !got.finished || got.err != nil {
			t.Errorf("the first run ended with %+v", got)
		}
	case <-time.After(limitOfAStep):
		t.Fatal("the first run does not end")
	}
}
