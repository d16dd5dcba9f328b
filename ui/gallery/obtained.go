package gallery

import (
	"context"
	"crypto/x509"
	"time"

	"hotline/appliance/acme"
)

// madeUpObtained is a certificate that an authority has made: renewed, or not to
// be renewed, or being asked for, or not wanted.
type madeUpObtained struct{ scene string }

func (m madeUpObtained) State() acme.State {
	now := time.Now()
	names := []string{"help.example.org", "*.help.example.org"}
	s := acme.State{Set: true, Secret: true, By: "Example Authority R3", Settings: acme.Settings{Names: names, Email: "it@example.org", Way: acme.Update, Server: "ns1.example.org:53", Key: "hotline.", Algorithm: "hmac-sha256", Agreed: true},
		Pair: &x509.Certificate{NotBefore: now.Add(-30 * 24 * time.Hour), NotAfter: now.Add(60 * 24 * time.Hour)}}
	step := func(code string, values ...string) {
		s.Steps = append(s.Steps, acme.Step{At: now, Code: code, Values: values, Warn: code == "clock" || code == "blind"})
	}
	step("authority", "host", "acme-v02.api.letsencrypt.org")
	switch m.scene {
	case fullScene:
		step("ordered", "names", "help.example.org, *.help.example.org")
		step("leads", "record", "_acme-challenge.help.example.org", "target", "help.hotlines.example.net")
		step("set", "record", "help.hotlines.example.net", "zone", "hotlines.example.net")
		step("seen", "record", "help.hotlines.example.net", "n", "2")
		step("proved", "name", "help.example.org")
		step("cleared")
		step("got", "by", s.By, "date", s.Pair.NotAfter.Format(time.DateOnly))
	case longScene:
		s.Pair.NotAfter = now.Add(6 * 24 * time.Hour)
		step("clock", "host", "acme-v02.api.letsencrypt.org", "minutes", "12")
		f := &acme.Failure{Code: acme.FailedKey, Values: []string{"server", "ns1.example.org:53", "key", "hotline."}, Detail: "BADSIG"}
		s.Last, s.Why, s.Failing, s.Next = f, f, now.Add(-24*24*time.Hour), now.Add(20*time.Hour)
	case spareScene:
		s.Pair, s.Running, s.Settings.Held = nil, true, true
		step("blind", "zone", "example.org")
	default:
		return acme.State{}
	}
	return s
}

func (madeUpObtained) Save(_ context.Context, s acme.Settings, _ bool, _ string) error {
	if len(s.Names) == 0 {
		return acme.WrongNames
	}
	return errMadeUp
}

func (madeUpObtained) Ask(context.Context, bool) error { return errMadeUp }

func (madeUpObtained) Remove(context.Context, string) error { return errMadeUp }
