package gallery

import (
	"context"
	"time"

	"hotline/ui/page"
)

// madeUpCertificates are those of a box for which somebody has brought one.
type madeUpCertificates struct{}

func (madeUpCertificates) Root() []byte { return nil }

func (madeUpCertificates) Fingerprint() string { return "3F2A 90C1 77DE 04B8 51E6 C90A 1D4F 8B23" }

func (madeUpCertificates) Spoken() string { return "fivo nali zuro haki podu mila gaso tiru" }

func (madeUpCertificates) Names() []string { return []string{"hotline.local", "192.0.2.7"} }

func (madeUpCertificates) Expires() time.Time { return time.Now().Add(380 * 24 * time.Hour) }

func (madeUpCertificates) Renew(time.Time) error { return errMadeUp }

func (madeUpCertificates) Brought() (page.BroughtCertificate, bool) {
	return page.BroughtCertificate{Names: []string{"help.example.org"}, By: "Example Authority R3", Ends: time.Now().Add(90 * 24 * time.Hour), Lonely: true}, true
}

func (madeUpCertificates) Bring(context.Context, [][]byte, string, []string, string) error {
	return errMadeUp
}

func (madeUpCertificates) Return(context.Context, string) error { return errMadeUp }
