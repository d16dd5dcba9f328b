package trunk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"hotline/appliance/proof"
	"hotline/appliance/trunk"
)

// Messages that are spoiled at random, one after the other, each followed by a
// proper question: the trunk always answers that one.
func TestSpoiledMessagesNeverEndTheTrunk(t *testing.T) {
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) { _ = c.Reject(480, 0) })
	r := h.raw()
	rng := rand.New(rand.NewPCG(4, 75))
	kinds := []string{withSDP(inviteHead, offer), optionsMessage}
	n := proof.Rounds(150, 20_000)
	for i := range n {
		message := []byte(r.fill(kinds[i%len(kinds)]))
		for range 1 + rng.IntN(4) {
			spoilMessage(rng, &message)
		}
		r.send(string(message))
		if !r.alive() {
			t.Fatalf("message %d: the trunk is dead\n%q\n%s", i, message, h.log)
		}
	}
	// The control: where nobody answers, the question says so.
	nobody, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	conn, err := net.DialUDP("udp", nil, nobody.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if (&raw{t: t, conn: conn}).alive() {
		t.Error("a trunk that is not there is alive")
	}
	proof.Note(t, proof.Result{Promise: "packets", Figure: fmt.Sprintf("0 ends of the program in %d spoiled messages, each followed by a question that was answered", n),
		Control: "where nobody answers, the same question says so"})
}

// spoilMessage changes a message as bad software and bad people do.
func spoilMessage(rng *rand.Rand, m *[]byte) {
	b := *m
	if len(b) < 4 {
		return
	}
	at := rng.IntN(len(b))
	upTo := min(len(b), at+1+rng.IntN(40))
	switch rng.IntN(6) {
	case 0: // other bytes
		b[at] = byte(rng.Uint32())
	case 1: // a piece is missing
		*m = append(b[:at:at], b[upTo:]...)
	case 2: // a piece is there twice
		*m = append(b[:upTo:upTo], b[at:]...)
	case 3: // a piece is there very often
		piece := append([]byte(nil), b[at:upTo]...)
		for range rng.IntN(60) {
			*m = append((*m)[:upTo:upTo], append(append([]byte(nil), piece...), (*m)[upTo:]...)...)
		}
	case 4: // it ends too soon
		*m = b[:at]
	case 5: // characters that end or begin things
		b[at] = "\r\n\x00<>;:=\"%@ \t"[rng.IntN(13)]
	}
}
