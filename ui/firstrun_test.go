package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"hotline/ui/page"
)

// The seven questions, looked at at every size; what is wrong is said.
func TestFirstRunPages(t *testing.T) {
	first, err := NewFirstRun(FirstRunConfig{Answers: page.FirstRunAnswers{Hotline: "Hotline", Operation: "Flood", Region: "US", Languages: []string{"es", "en"}, Line: "none", AdminName: "Administrator", AdminLogin: "admin", LeaderName: "Supervisor"},
		Callers: []string{"en", "es", "fr"},
		Check: func(a page.FirstRunAnswers) error {
			if a.Region == "XXX" {
				return errors.New("the country is two letters, such as US or MX")
			}
			return nil
		},
		Finish: func(context.Context, page.FirstRunAnswers) ([]page.Written, string, error) {
			return []page.Written{{Role: "admin", Login: "admin", Password: "abcd-efgh-jkmn-pqrs"}, {Role: "supervisor", Login: "supervisor", Password: "bcde-fghj-kmnp-qrst", Phone: "+12025550147", PIN: "280461"}}, "AB CD EF", nil
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
	for step := '1'; step <= '7'; step++ {
		b.until(`location.pathname === "/setup/` + string(step) + `" && document.readyState === "complete"`)
		if step == '3' {
			b.do(setValue("region", "XXX"))
			b.press(`form[action="/setup/3"] button`)
			b.until(`document.querySelector('[role="alert"]')?.innerText.includes("two letters")`)
			b.do(setValue("region", "MX"))
		}
		if step == '5' {
			b.fits("setup-5")
		}
		b.press(`form[action="/setup/` + string(step) + `"] button`)
	}
	b.until(`document.querySelector('[data-password="supervisor"]')`)
	b.fits("setup-done")
	select {
	case got := <-ended:
		if !got.finished || got.err != nil {
			t.Errorf("the first run ended with %+v", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the first run does not end")
	}
}
