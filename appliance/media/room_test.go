package media

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

// party is one leg with a far end that says its own tone.
type party struct {
	leg *Endpoint
	tr  *track
	law audio.Law
	say *speaker
	hz  float64
	at  int // sample of the tone

	ptime   time.Duration
	skew    float64                           // how much its clock is fast
	deliver func(b []byte, hear func([]byte)) // the network; nil is perfect
}

var partyTones = []float64{400, 700, 1000, 1300, 1600, 1900}

// newParties makes n legs, every other one in A-law, on two clocks.
func newParties(t *testing.T, n int) []*party {
	t.Helper()
	clocks := []*Pacer{startPacer(t)}
	time.Sleep(3300 * time.Microsecond)
	clocks = append(clocks, startPacer(t))
	var all []*party
	for i := range n {
		law := []audio.Law{audio.MuLaw, audio.ALaw}[i%2]
		e, tr := newLeg(t, clocks[i/2%2], law)
		e.Music(audio.Tone(2500, time.Second, -20))
		p := &party{leg: e, tr: tr, law: law, say: newSpeaker(law), hz: partyTones[i], ptime: 20 * time.Millisecond}
		p.say.ssrc += uint32(i)
		p.say.ts += uint32(12345 * i)
		all = append(all, p)
	}
	return all
}

// speak says the party's tone for d of its own time.
func (p *party) speak(d time.Duration) {
	n := int(p.ptime * audio.SampleRate / time.Second)
	tone := audio.Tone(p.hz, time.Second, -20).PCM() // whole periods
	began, said := time.Now(), time.Duration(0)
	for ; said < d; said += p.ptime {
		pcm := make([]int16, n)
		for i := range pcm {
			pcm[i] = tone[p.at%len(tone)]
			p.at++
		}
		b := p.say.packet(audio.Encode(pcm, p.law))
		if p.deliver != nil {
			p.deliver(b, p.leg.Receive)
		} else {
			p.leg.Receive(b)
		}
		next := began.Add(time.Duration(float64(said+p.ptime) / (1 + p.skew)))
		time.Sleep(time.Until(next))
	}
}

// allSpeak lets everybody talk at once, each at its own moments of a frame.
func allSpeak(all []*party, d time.Duration) {
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			// Its clock goes on before and after.
			early := time.Duration(i) * 3125 * time.Microsecond
			time.Sleep(early)
			p.speak(d)
			time.Sleep(20*time.Millisecond - early)
			p.say.ts += frameTicks
		})
	}
	wg.Wait()
}

// hears asserts which tones, and no others, are in what the party heard.
func (p *party) hears(t *testing.T, when string, packets []heard, want ...float64) {
	t.Helper()
	pcm := listen(packets)
	if len(pcm) < 6400 {
		t.Fatalf("%s: %v Hz heard only %d samples", when, p.hz, len(pcm))
	}
	pcm = pcm[len(pcm)/3/400*400:] // once it is under way
	pcm = pcm[:len(pcm)/400*400]
	var got []string
	total := 0.0
	for _, hz := range append(slices.Clone(partyTones), 2500) {
		share := audio.ToneLevel(pcm, hz)
		total += share
		got = append(got, fmt.Sprintf("%v: %.3f", hz, share))
		if slices.Contains(want, hz) {
			if share < 0.75/float64(len(want)) {
				t.Errorf("%s: the one who says %v Hz hears too little of %v Hz: %.3f", when, p.hz, hz, share)
			}
		} else if share > 0.005 {
			t.Errorf("%s: the one who says %v Hz should not hear %v Hz, but it has %.3f of the energy", when, p.hz, hz, share)
		}
	}
	if len(want) > 0 && total < 0.95 {
		t.Errorf("%s: the one who says %v Hz hears noise: %s", when, p.hz, strings.Join(got, ", "))
	}
	if len(want) == 0 {
		for _, s := range pcm {
			if s > 16 || s < -16 {
				t.Errorf("%s: the one who says %v Hz should hear nothing", when, p.hz)
				break
			}
		}
	}
}

func others(all []*party, not *party) []float64 {
	var hz []float64
	for _, p := range all {
		if p != not {
			hz = append(hz, p.hz)
		}
	}
	return hz
}

func TestEverybodyHearsAllTheOthers(t *testing.T) {
	for _, n := range []int{2, 3, 6} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := newParties(t, n)
				r := NewRoom(startPacer(t), slog.New(slog.DiscardHandler))
				defer r.Close()
				time.Sleep(500 * time.Millisecond)
				for _, p := range all {
					r.Join(p.leg)
				}
				for _, p := range all {
					p.tr.take()
				}
				all[n-1].ptime = 60 * time.Millisecond
				all[n/2].ptime = 10 * time.Millisecond
				allSpeak(all, 3*time.Second)
				for _, p := range all {
					packets := p.tr.take()
					p.hears(t, "in the room", packets, others(all, p)...)
					checkStream(t, packets, 40*time.Millisecond)
				}
			})
		})
	}
}

func TestWhoHearsWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 4)
		caller, agent, chief, guest := all[0], all[1], all[2], all[3]
		r := NewRoom(startPacer(t), slog.New(slog.DiscardHandler))
		defer r.Close()
		inCaller, inAgent, inChief := r.Join(caller.leg), r.Join(agent.leg), r.Join(chief.leg)
		inGuest := r.Join(guest.leg)
		for _, p := range all {
			p.tr.take()
		}
		history := make(map[*party][]heard)
		phase := func(when string, want map[*party][]float64) {
			t.Helper()
			allSpeak(all, 1500*time.Millisecond)
			for _, p := range all {
				packets := p.tr.take()
				history[p] = append(history[p], packets...)
				p.hears(t, when, packets, want[p]...)
			}
		}
		c, a, s, g := caller.hz, agent.hz, chief.hz, guest.hz
		inGuest.Leave()
		inChief.Listen()
		phase("listening in", map[*party][]float64{caller: {a}, agent: {c}, chief: {c, a}, guest: {2500}})
		inChief.Whisper(inAgent)
		phase("whispering", map[*party][]float64{caller: {a}, agent: {c, s}, chief: {c, a}, guest: {2500}})
		r.Join(guest.leg)
		phase("whispering among four", map[*party][]float64{caller: {a, g}, agent: {c, s, g}, chief: {c, a, g}, guest: {c, a}})
		inChief.Talk()
		inCaller.Hold()
		phase("the caller on hold", map[*party][]float64{caller: {2500}, agent: {s, g}, chief: {a, g}, guest: {a, s}})
		inCaller.Talk()
		inAgent.Leave() // a warm transfer
		phase("the agent gone", map[*party][]float64{caller: {s, g}, agent: {2500}, chief: {c, g}, guest: {c, s}})
		inChief.Whisper(inAgent) // who is not there
		phase("whispering to nobody", map[*party][]float64{caller: {g}, agent: {2500}, chief: {c, g}, guest: {c}})
		r.Close()
		phase("closed", map[*party][]float64{caller: {2500}, agent: {2500}, chief: {2500}, guest: {2500}})
		for _, p := range all {
			checkStream(t, history[p], 45*time.Millisecond)
		}
		if n := r.pacer.Stats().Legs; n != 0 {
			t.Errorf("an empty room is still on the clock")
		}
	})
}

// TestFromBridgeToRoomAndBack is a consultation and what follows: not a packet
// too many or too few, and no music in between.
func TestFromBridgeToRoomAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 3)
		caller, agent, second := all[0], all[1], all[2]
		time.Sleep(200 * time.Millisecond)
		bridge := Bridge(caller.leg, agent.leg)
		for _, p := range all {
			p.tr.take()
		}
		room := NewRoom(startPacer(t), slog.New(slog.DiscardHandler))
		var back *Connection
		go func() {
			time.Sleep(1003 * time.Millisecond)
			member := room.Join(agent.leg)
			time.Sleep(15 * time.Millisecond)
			room.Join(caller.leg)
			time.Sleep(500 * time.Millisecond)
			room.Join(second.leg)
			time.Sleep(time.Second)
			back = Bridge(caller.leg, second.leg)
			bridge.Close()
			member.Leave()
		}()
		allSpeak(all, 4*time.Second)
		defer back.Close()
		room.Close()
		for _, p := range all {
			packets := p.tr.take()
			checkStream(t, packets, 45*time.Millisecond)
			if len(packets) < 197 || len(packets) > 204 {
				t.Errorf("%v Hz heard %d packets in 4 s", p.hz, len(packets))
			}
			marks := 0
			for _, h := range packets {
				if h.header.Marker {
					marks++
				}
			}
			if marks > 5 {
				t.Errorf("%v Hz: %d new beginnings", p.hz, marks)
			}
			pcm := listen(packets)
			last := pcm[len(pcm)-8000:]
			switch p {
			case caller:
				if level := audio.ToneLevel(last, second.hz); level < 0.97 {
					t.Errorf("the caller hears the second agent with %.2f", level)
				}
				if level := audio.ToneLevel(pcm[:8000*9/4], 2500); level > 0.001 {
					t.Errorf("music between bridge and room: %.4f", level)
				}
			case second:
				if level := audio.ToneLevel(last, caller.hz); level < 0.97 {
					t.Errorf("the second agent hears the caller with %.2f", level)
				}
			case agent:
				if level := audio.ToneLevel(last, 2500); level < 0.97 {
					t.Errorf("the first agent hears music with %.2f", level)
				}
			}
		}
	})
}

// TestTheOneLeftBehind does not wait in silence for ever.
func TestTheOneLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 3)
		Bridge(all[0].leg, all[1].leg)
		allSpeak(all, 500*time.Millisecond)
		room := NewRoom(startPacer(t), nil)
		defer room.Close()
		room.Join(all[1].leg)
		room.Join(all[2].leg)
		all[0].tr.take()
		allSpeak(all, 2*time.Second)
		all[0].hears(t, "alone", all[0].tr.take(), 2500)
	})
}

func TestRoomOnABadNetwork(t *testing.T) {
	for name, set := range map[string]struct {
		skew   float64
		jitter time.Duration
		loss   float64
		share  float64
	}{
		"fast clock":      {skew: 500e-6, share: 0.98},
		"slow clock":      {skew: -500e-6, share: 0.98},
		"very fast clock": {skew: 5e-3, share: 0.93},
		"very slow clock": {skew: -5e-3, share: 0.93},
		"out of order":    {jitter: 50 * time.Millisecond, share: 0.93},
		"lossy":           {jitter: 10 * time.Millisecond, loss: 0.02, share: 0.93},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := newParties(t, 3)
				r := NewRoom(startPacer(t), nil)
				defer r.Close()
				for _, p := range all {
					r.Join(p.leg)
				}
				random := rand.New(rand.NewPCG(1, 2))
				var flying sync.WaitGroup
				all[0].skew = set.skew
				all[0].deliver = func(b []byte, hear func([]byte)) {
					if random.Float64() < set.loss {
						return
					}
					delay := time.Duration(random.Float64() * float64(set.jitter))
					flying.Go(func() { time.Sleep(delay); hear(b) })
				}
				all[1].tr.take()
				done := make(chan struct{})
				go func() { defer close(done); all[0].speak(time.Minute) }()
				<-done
				flying.Wait()
				packets := all[1].tr.take()
				checkStream(t, packets, 40*time.Millisecond)
				pcm := listen(packets)
				pcm = pcm[3*8000 : 59*8000] // the delay is found in the first seconds
				if level := audio.ToneLevel(pcm, all[0].hz); level < set.share {
					t.Errorf("the voice has %.3f of the energy, want %.3f", level, set.share)
				}
				// And the delay is small: what is said now is heard soon.
				quiet := time.Now()
				time.Sleep(time.Second)
				last := quiet
				for _, h := range all[1].tr.take() {
					if slices.ContainsFunc(audio.Decode(h.payload, all[1].law), func(s int16) bool { return s > 500 }) {
						last = h.at
					}
				}
				if delay := last.Sub(quiet); delay > 110*time.Millisecond {
					t.Errorf("the last word comes %v late", delay)
				}
			})
		})
	}
}

func TestAStallDoesNotBecomeDelayInARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 2)
		r := NewRoom(startPacer(t), nil)
		defer r.Close()
		r.Join(all[0].leg)
		r.Join(all[1].leg)
		all[0].speak(time.Second)
		var held [][]byte
		all[0].deliver = func(b []byte, _ func([]byte)) { held = append(held, b) }
		all[0].speak(2 * time.Second)
		for _, b := range held {
			all[0].leg.Receive(b)
		}
		all[0].deliver = nil
		all[0].speak(2 * time.Second)
		all[1].tr.take()
		quiet := time.Now()
		time.Sleep(time.Second)
		last := quiet
		for _, h := range all[1].tr.take() {
			if slices.ContainsFunc(audio.Decode(h.payload, all[1].law), func(s int16) bool { return s > 500 }) {
				last = h.at
			}
		}
		if delay := last.Sub(quiet); delay > 90*time.Millisecond {
			t.Errorf("after the stall everything comes %v late", delay)
		}
		// A phone whose clock stood still meanwhile is heard as well.
		time.Sleep(20 * time.Second)
		all[0].speak(time.Second)
		all[1].hears(t, "after a pause", all[1].tr.take()[40:], all[0].hz)
	})
}

func TestLoudVoicesAreNotClipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		r := NewRoom(p, nil)
		defer r.Close()
		var legs []*Endpoint
		var out *track
		for range 6 {
			e, tr := newLeg(t, p, audio.MuLaw)
			r.Join(e)
			legs, out = append(legs, e), tr
		}
		var wg sync.WaitGroup
		for i, e := range legs[:5] {
			wg.Go(func() {
				say := newSpeaker(audio.MuLaw)
				for _, f := range frames(audio.Tone(partyTones[i], 2*time.Second, -1), audio.MuLaw, 20*time.Millisecond) {
					e.Receive(say.packet(f))
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		pcm := listen(out.take())
		pcm = pcm[4000:14000]
		total := 0.0
		for _, hz := range partyTones[:5] {
			total += audio.ToneLevel(pcm, hz)
		}
		if total < 0.99 {
			t.Errorf("five loud tones have %.3f of the energy, the rest is crackling", total)
		}
	})
}

func TestClipsAndKeysInARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 3)
		r := NewRoom(startPacer(t), nil)
		defer r.Close()
		for _, p := range all {
			r.Join(p.leg)
		}
		all[0].tr.take()
		all[1].tr.take()
		done := make(chan struct{})
		go func() { defer close(done); allSpeak(all, 4*time.Second) }()
		time.Sleep(time.Second)
		if _, err := all[0].leg.Play(t.Context(), audio.Tone(2500, time.Second, -20), false); err != nil {
			t.Fatal(err)
		}
		pressed := speaker{ssrc: all[0].say.ssrc, seq: 5}
		all[0].leg.Receive(pressed.event(7, 800, 160, false))
		if k, err := all[0].leg.Key(t.Context()); k != '7' || err != nil {
			t.Errorf("the key %q, %v", k, err)
		}
		if err := all[0].leg.SendKeys(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		<-done
		packets := all[0].tr.take()
		pcm := listen(packets)
		if level := audio.ToneLevel(pcm[8800:8800+6000], 2500); level < 0.97 {
			t.Errorf("the clip has %.2f of the energy", level)
		}
		all[0].hears(t, "after the clip", packets[len(packets)-75:], others(all, all[0])...)
		all[1].hears(t, "all the time", all[1].tr.take(), others(all, all[1])...)
	})
}

func TestJoiningLeavingAndClosingInAnyOrder(t *testing.T) {
	p := startPacer(t)
	r, other := NewRoom(p, nil), NewRoom(p, nil)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 20 {
				e, _ := newLeg(t, p, audio.MuLaw)
				e.Receive(newSpeaker(audio.MuLaw).packet(silentFrame))
				m := r.Join(e)
				m.Hold()
				n := other.Join(e)
				m.Talk()
				n.Whisper(m, n)
				c := Bridge(e, e)
				r.Join(e)
				e.Close()
				m.Leave()
				c.Close()
				if e.member.Load() != nil {
					t.Error("a closed leg is in a room")
				}
			}
		})
	}
	wg.Wait()
	r.Close()
	other.Close()
	e, tr := newLeg(t, p, audio.MuLaw)
	r.Join(e).Leave() // too late, and harmless
	r.Join(e)
	until(t, "silence from a leg in a closed room", func() bool { return tr.count() > 2 })
	if n := p.Stats().Legs; n != 1 {
		t.Errorf("%d legs on the clock", n)
	}
}
