package main

import (
	"context"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/provisioning"
	"hotline/ui"
	"hotline/ui/page"
)

// pageCertificates are those of the pages, and write down who has changed them.
type pageCertificates struct {
	*provisioning.Certificates
	records *store.Store
}

var _ ui.Certificates = pageCertificates{}

// Expires is when the box's own ends, which the page shows beside the other.
func (c pageCertificates) Expires() time.Time { return c.OwnExpires() }

func (c pageCertificates) Brought() (page.BroughtCertificate, bool) {
	b, is := c.Certificates.Brought()
	return page.BroughtCertificate{Names: b.Names, By: b.By, Ends: b.Ends, Lonely: b.Lonely, Signed: b.Signed}, is
}

func (c pageCertificates) Bring(ctx context.Context, files [][]byte, passphrase string, reached []string, by string) error {
	if err := c.Certificates.Bring(files, passphrase, reached, time.Now()); err != nil {
		return err
	}
	return c.note(ctx, "certificate.brought", by)
}

func (c pageCertificates) Return(ctx context.Context, by string) error {
	if err := c.Certificates.Return(); err != nil {
		return err
	}
	return c.note(ctx, "certificate.returned", by)
}

func (c pageCertificates) note(ctx context.Context, kind, by string) error {
	return c.records.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: kind, By: by, Via: "web"})
		return nil
	})
}
