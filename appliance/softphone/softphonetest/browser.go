// Package softphonetest is a browser's sound without a browser, for tests of
// whatever stands behind a softphone.
package softphonetest

import (
	"context"
	"testing"
	"time"

	"hotline/appliance/softphone/peer"
)

// Browser is a peer that fails the test instead of returning errors.
type Browser struct{ *peer.Peer }

// Open makes a browser that is closed at the end of the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	p, err := peer.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return &Browser{p}
}

// Offer is the complete offer, as a page sends it after gathering.
func (b *Browser) Offer(t testing.TB) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	offer, err := b.Peer.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

// Accept takes the answer to the offer.
func (b *Browser) Accept(t testing.TB, answer string) {
	t.Helper()
	if err := b.Peer.Accept(answer); err != nil {
		t.Fatalf("the browser refuses the answer: %v\n%s", err, answer)
	}
}

// Hears waits until the last half second is the tone.
func (b *Browser) Hears(t testing.TB, hz float64) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := b.WaitTone(ctx, hz); err != nil {
		t.Fatal(err)
	}
}
