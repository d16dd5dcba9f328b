package media

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/proof"
)

// ev is one telephone-event packet: key, timestamp, duration, end bit.
type ev struct {
	key byte
	ts  uint32
	dur uint16
	end bool
}

func TestEveryKeyCountsOnce(t *testing.T) {
	code := func(key byte) byte {
		for i := range keypad {
			if keypad[i] == key {
				return byte(i)
			}
		}
		t.Fatalf("no such key %q", key)
		return 0
	}
	series := []struct {
		name   string
		events []ev
		want   string
	}{
		{"as the book says", []ev{{'1', 800, 160, false}, {'1', 800, 320, false}, {'1', 800, 480, true}, {'1', 800, 480, true}, {'1', 800, 480, true}}, "1"},
		{"first duration 0", []ev{{'2', 800, 0, false}, {'2', 800, 160, false}, {'2', 800, 320, true}}, "2"},
		{"only duration 0", []ev{{'2', 800, 0, false}}, "2"},
		{"end packets lost", []ev{{'3', 800, 160, false}, {'4', 4000, 160, false}}, "34"},
		{"only the end arrived", []ev{{'#', 800, 960, true}}, "#"},
		{"only the third end arrived, twice", []ev{{'#', 800, 960, true}, {'#', 4000, 960, true}}, "##"},
		{"end first, then the others", []ev{{'5', 800, 480, true}, {'5', 800, 160, false}, {'5', 800, 320, false}}, "5"},
		{"same key twice", []ev{{'6', 800, 160, false}, {'6', 800, 480, true}, {'6', 2400, 160, false}, {'6', 2400, 480, true}}, "66"},
		{"same key twice, ends lost", []ev{{'6', 800, 160, false}, {'6', 2400, 160, false}}, "66"},
		{"end of the first after the second began", []ev{{'7', 800, 160, false}, {'8', 2400, 160, false}, {'7', 800, 480, true}, {'8', 2400, 480, true}}, "78"},
		{"held for ten seconds", []ev{{'9', 800, 160, false}, {'9', 800, 0xffff, false}, {'9', 800 + 0xffff, 160, false}, {'9', 800 + 0xffff, 480, true}}, "9"},
		{"timestamp wraps", []ev{{'*', 0xffffff00, 480, true}, {'0', 0x00000400, 480, true}}, "*0"},
		{"first at timestamp 0", []ev{{'0', 0, 0, false}}, "0"},
		{"clock restarted", []ev{{'1', 4000000, 480, true}, {'2', 100, 160, false}}, "12"},
		{"letters", []ev{{'A', 1, 0, false}, {'D', 2000, 0, false}}, "AD"},
	}
	right, naive := 0, 0 // naive: series of which a count of ends gives other keys
	for _, tt := range series {
		var d keyDecoder
		got, ends := "", ""
		for _, e := range tt.events {
			if e.end {
				ends += string(e.key)
			}
			flags := byte(10)
			if e.end {
				flags |= 0x80
			}
			if key, ok := d.packet(e.ts, []byte{code(e.key), flags, byte(e.dur >> 8), byte(e.dur)}); ok {
				got += string(key)
			}
		}
		if got == tt.want {
			right++
		} else {
			t.Errorf("%s: pressed %q, got %q", tt.name, tt.want, got)
		}
		if ends != tt.want {
			naive++
		}
	}
	proof.Note(t, proof.Result{Promise: "keys", Figure: fmt.Sprintf("in %d of %d series of packets that were lost, repeated, late or out of order the keys are the ones that were pressed", right, len(series)),
		Control: fmt.Sprintf("who counts the packets that end a key hears others in %d of them", naive)})
	var d keyDecoder
	for _, junk := range [][]byte{nil, {1}, {1, 0, 0}, {16, 0, 0, 0}, {255, 255, 255, 255}} {
		if key, ok := d.packet(1, junk); ok {
			t.Errorf("%v counted as key %q", junk, key)
		}
	}
}

func TestATransferredCallerHasANewClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.MuLaw)
		before, after := newSpeaker(audio.MuLaw), &speaker{ssrc: 8}
		e.Receive(before.event(1, 50000, 160, false))
		e.Receive(after.event(1, 50000, 160, false))
		e.Receive(after.event(2, 60000, 160, false))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var got string
		for range 3 {
			key, err := e.Key(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got += string(key)
		}
		if got != "112" {
			t.Errorf("keys %q", got)
		}
	})
}

func TestTypingAheadIsBounded(t *testing.T) {
	var q keyQueue
	for range 1000 {
		q.push('1')
	}
	n := 0
	for {
		if _, ok, _ := q.pop(); !ok {
			break
		}
		n++
	}
	if n != len(q.keys) {
		t.Errorf("%d keys kept, want %d", n, len(q.keys))
	}
}

func TestSentKeysAreUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		e.Music(audio.Tone(440, time.Second, -10))
		time.Sleep(time.Second)
		if err := e.SendKeys(t.Context(), "110#d"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)

		packets := tr.take()
		var d keyDecoder
		got := ""
		ends := map[uint32]int{}
		last := map[uint32]uint16{}
		var began, ended []time.Time
		for i, h := range packets {
			if i > 0 && h.header.SequenceNumber != packets[i-1].header.SequenceNumber+1 {
				t.Fatalf("sequence number %d after %d", h.header.SequenceNumber, packets[i-1].header.SequenceNumber)
			}
			if h.header.PayloadType != testDTMF {
				if i > 0 && !sound(packets[i-1]) && !h.header.Marker {
					t.Errorf("no marker on the sound after a key")
				}
				continue
			}
			key, pressed := d.packet(h.header.Timestamp, h.payload)
			if pressed {
				got += string(key)
				began = append(began, h.at)
			}
			if h.header.Marker != pressed {
				t.Errorf("marker %v on the first=%v packet of a key", h.header.Marker, pressed)
			}
			duration := uint16(h.payload[2])<<8 | uint16(h.payload[3])
			if h.payload[1]&0x80 != 0 {
				if ends[h.header.Timestamp]++; ends[h.header.Timestamp] == 1 {
					ended = append(ended, h.at)
				}
			} else if duration <= last[h.header.Timestamp] {
				t.Errorf("duration %d after %d", duration, last[h.header.Timestamp])
			}
			last[h.header.Timestamp] = duration
		}
		if got != "110#D" {
			t.Errorf("sent 110#D, got %q", got)
		}
		for ts, n := range ends {
			if n != 3 {
				t.Errorf("the key at %d ended %d times, want 3", ts, n)
			}
		}
		for i := 1; i < len(began); i++ {
			if pause := began[i].Sub(ended[i-1]); pause < 60*time.Millisecond {
				t.Errorf("key %d began %v after the one before ended", i, pause)
			}
		}
		checkStream(t, onlySound(packets), 0)
	})
}

// onlySound renumbers, because the events lie between.
func onlySound(packets []heard) []heard {
	var out []heard
	for _, h := range packets {
		if sound(h) {
			if len(out) > 0 {
				h.header.SequenceNumber = out[len(out)-1].header.SequenceNumber + 1
			}
			out = append(out, h)
		}
	}
	return out
}

func TestSendKeysSaysWhyNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		if err := e.SendKeys(t.Context(), "12x"); err == nil {
			t.Error("x was sent as a key")
		}
		mute := NewEndpoint(p, tr, Config{})
		if err := mute.SendKeys(t.Context(), "1"); !errors.Is(err, ErrNoKeys) {
			t.Errorf("without agreed events SendKeys = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := e.SendKeys(ctx, "123456"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SendKeys after the context's end = %v", err)
		}
		tr.take()
		time.Sleep(time.Second)
		for _, h := range tr.take() {
			if !sound(h) {
				t.Fatal("keys went on after SendKeys returned")
			}
		}
		failed := make(chan error, 1)
		go func() { failed <- e.SendKeys(t.Context(), "123") }()
		synctest.Wait()
		e.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("SendKeys on a closed leg = %v", err)
		}
	})
}
