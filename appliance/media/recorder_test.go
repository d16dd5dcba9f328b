package media

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

// disk is a file that may be slow or full.
type disk struct {
	mu    sync.Mutex
	bytes []byte
	at    int
	full  int // refuses to grow beyond; 0 = never
	stall time.Duration
}

var errFull = errors.New("no space left")

func (d *disk) Write(b []byte) (int, error) {
	d.mu.Lock()
	stall := d.stall
	d.stall = 0
	d.mu.Unlock()
	time.Sleep(stall)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full > 0 && d.at+len(b) > d.full {
		return 0, errFull
	}
	if need := d.at + len(b); need > len(d.bytes) {
		d.bytes = append(d.bytes, make([]byte, need-len(d.bytes))...)
	}
	copy(d.bytes[d.at:], b)
	d.at += len(b)
	return len(b), nil
}

// wav is what a player makes of the file as it is now.
func (d *disk) wav(t *testing.T) (left, right []int16) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	b := slices.Clone(d.bytes)
	wav, err := io.ReadAll(audio.StereoWAV(bytes.NewReader(b), int64(len(b))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audio.ReadWAV(bytes.NewReader(wav), time.Hour); err != nil && len(b) > 0 {
		t.Fatalf("the recording cannot be read: %v", err)
	}
	for i := 0; i+1 < len(b); i += 2 {
		left = append(left, audio.MuLaw.Sample(b[i]))
		right = append(right, audio.MuLaw.Sample(b[i+1]))
	}
	return left, right
}

// begins is where the first loud sample is.
func begins(pcm []int16) time.Duration {
	i := slices.IndexFunc(pcm, func(s int16) bool { return s > 1000 })
	return time.Duration(i) * time.Second / audio.SampleRate
}

func ends(pcm []int16) time.Duration {
	for i := len(pcm) - 1; i >= 0; i-- {
		if pcm[i] > 1000 {
			return time.Duration(i) * time.Second / audio.SampleRate
		}
	}
	return -1
}

func near(a, b, within time.Duration) bool { return (a - b).Abs() <= within }

func TestRecordingAConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 2)
		caller, agent := all[0], all[1]
		Bridge(caller.leg, agent.leg)
		file := &disk{}
		r := NewRecorder(file)
		r.Left(caller.leg)
		r.Right(agent.leg)
		var early [][]byte
		n := 0
		caller.deliver = func(b []byte, hear func([]byte)) { // every third overtaken, every tenth lost
			switch n++; {
			case n%10 == 5:
			case n%3 == 1:
				early = append(early, b)
			default:
				hear(b)
				for _, b := range early {
					hear(b)
				}
				early = nil
			}
		}
		go caller.speak(3 * time.Second)
		time.Sleep(1500 * time.Millisecond)
		agent.speak(2 * time.Second)
		time.Sleep(500 * time.Millisecond)
		length, err := r.Stop()
		if err != nil || length != 4*time.Second {
			t.Fatalf("Stop = %v, %v", length, err)
		}
		left, right := file.wav(t)
		if len(left) != 4*audio.SampleRate {
			t.Errorf("%d samples", len(left))
		}
		if level := audio.ToneLevel(left[:3*8000], caller.hz); level < 0.75 { // a tenth is missing
			t.Errorf("left has %.2f of the caller", level)
		}
		if level := audio.ToneLevel(right, agent.hz); level < 0.98 {
			t.Errorf("right has %.2f of the agent", level)
		}
		if l, r := audio.ToneLevel(left, agent.hz), audio.ToneLevel(right, caller.hz); l > 0.01 || r > 0.001 {
			t.Errorf("the sides are mixed: %.3f, %.3f", l, r)
		}
		if at := begins(right); !near(at, 1480*time.Millisecond, 25*time.Millisecond) {
			t.Errorf("the agent begins at %v", at)
		}
		if at := ends(left); !near(at, 2980*time.Millisecond, 25*time.Millisecond) {
			t.Errorf("the caller ends at %v", at)
		}
		if again, err := r.Stop(); again != length || err != nil {
			t.Errorf("a second Stop = %v, %v", again, err)
		}
		r.Left(caller.leg) // too late, and harmless
		if n := len(caller.leg.in.taps); n != 0 || r.Dropped() != 0 {
			t.Errorf("%d recorders are still listening, %d packets dropped", n, r.Dropped())
		}
	})
}

func TestARecordingSurvivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 1)
		file := &disk{}
		r := NewRecorder(file)
		r.Left(all[0].leg)
		for i := range 50 {
			all[0].speak(140 * time.Millisecond)
			left, _ := file.wav(t) // whenever the power fails
			said := time.Duration(i+1) * 140 * time.Millisecond
			if missing := said - time.Duration(len(left))*time.Second/audio.SampleRate; missing > 1600*time.Millisecond {
				t.Fatalf("after %v the last %v are missing", said, missing)
			}
		}
		if _, err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestClocksThatDriftStayAligned(t *testing.T) {
	for _, skew := range []float64{1e-3, -1e-3} {
		synctest.Test(t, func(t *testing.T) {
			all := newParties(t, 1)
			file := &disk{}
			r := NewRecorder(file)
			r.Left(all[0].leg)
			all[0].skew = skew
			began := time.Now()
			all[0].speak(2 * time.Minute)
			said := time.Since(began)
			time.Sleep(time.Second)
			if _, err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			left, _ := file.wav(t)
			if at := ends(left); !near(at, said, 50*time.Millisecond) {
				t.Errorf("clock off by %v: the last word is at %v, it was said at %v", skew, at, said)
			}
			if level := audio.ToneLevel(left[8000:100*8000], all[0].hz); level < 0.98 {
				t.Errorf("clock off by %v: %.3f of the tone", skew, level)
			}
		})
	}
}

func TestASlowDiskStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 2)
		Bridge(all[0].leg, all[1].leg)
		file := &disk{}
		r := NewRecorder(file)
		r.Left(all[0].leg)
		all[0].speak(time.Second)
		file.mu.Lock()
		file.stall = 3 * time.Second
		file.mu.Unlock()
		all[0].speak(4 * time.Second)
		if n := r.Dropped(); n != 0 {
			t.Errorf("3 s of waiting cost %d packets", n)
		}
		file.mu.Lock()
		file.stall = 10 * time.Second
		file.mu.Unlock()
		before := all[1].tr.count()
		all[0].speak(10 * time.Second) // Receive blocking would stand out: time would go on
		if heard := all[1].tr.count() - before; heard < 499 || heard > 501 {
			t.Errorf("the other leg heard %d packets in 10 s", heard)
		}
		all[0].speak(2 * time.Second)
		length, err := r.Stop()
		if err != nil || length != 17*time.Second {
			t.Errorf("Stop = %v, %v", length, err)
		}
		if n := r.Dropped(); n < 250 || n > 350 {
			t.Errorf("of 10 s of which 4 can wait, %d packets are missing", n)
		}
		left, _ := file.wav(t)
		if level := audio.ToneLevel(left[16*8000:], all[0].hz); level < 0.98 {
			t.Errorf("after that the voice has %.2f", level)
		}
	})
}

func TestAFullDiskIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 1)
		file := &disk{full: 50_000}
		r := NewRecorder(file)
		r.Left(all[0].leg)
		all[0].speak(6 * time.Second)
		length, err := r.Stop()
		if !errors.Is(err, errFull) || length < 2*time.Second || length > 4*time.Second {
			t.Errorf("Stop = %v, %v", length, err)
		}
		if left, _ := file.wav(t); len(left) < 8000 {
			t.Errorf("only %d samples can be played", len(left))
		}
		select {
		case <-r.Failed():
		default:
			t.Error("nobody was told that the recording has ended")
		}
	})
}

func TestOthersTakeTheirPlaceInARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 3)
		file := &disk{}
		r := NewRecorder(file)
		r.Left(all[0].leg)
		r.Right(all[1].leg)
		allSpeak(all, 2*time.Second)
		r.Right()
		allSpeak(all, 2*time.Second)
		r.Right(all[2].leg)
		allSpeak(all, 2*time.Second)
		all[2].leg.Close()
		if _, err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		left, right := file.wav(t)
		second := func(pcm []int16, at float64) []int16 { return pcm[int(at*8000):int((at+1)*8000)] }
		for _, at := range []float64{0.5, 2.5, 4.5} {
			if level := audio.ToneLevel(second(left, at), all[0].hz); level < 0.95 {
				t.Errorf("left at %v s: %.2f", at, level)
			}
		}
		if a, b, c := audio.ToneLevel(second(right, 0.5), all[1].hz), audio.ToneLevel(second(right, 2.6), all[1].hz), audio.ToneLevel(second(right, 4.5), all[2].hz); a < 0.95 || b > 0 || c < 0.95 {
			t.Errorf("right: first agent %.2f, nobody %.2f, second agent %.2f", a, b, c)
		}

		if n := len(all[0].leg.in.taps) + len(all[1].leg.in.taps); n != 0 {
			t.Errorf("%d legs are still listened to", n)
		}

		empty := &disk{}
		if length, err := NewRecorder(empty).Stop(); length != 0 || err != nil {
			t.Errorf("a recording of nobody: %v, %v", length, err)
		}
		if left, _ := empty.wav(t); len(left) != 0 {
			t.Errorf("a recording of nobody has %d samples", len(left))
		}
	})
}

// Two agents in a conference are both on the right.
func TestSeveralOnOneSideOfARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newParties(t, 3)
		file := &disk{}
		r := NewRecorder(file)
		r.Left(all[0].leg)
		r.Right(all[1].leg)
		time.Sleep(10 * time.Second) // longer than what a leg keeps
		r.Right(all[1].leg, all[2].leg)
		allSpeak(all, 2*time.Second)
		r.Right(all[2].leg)
		allSpeak(all, 2*time.Second)
		if _, err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		left, right := file.wav(t)
		left, right = left[10*audio.SampleRate:], right[10*audio.SampleRate:]
		for _, p := range all[1:] {
			if level := audio.ToneLevel(right[4000:12000], p.hz); level < 0.3 {
				t.Errorf("of the tone at %v Hz %.2f are on the right", p.hz, level)
			}
			if level := audio.ToneLevel(left, p.hz); level > 0.01 {
				t.Errorf("the tone at %v Hz is on the left: %.2f", p.hz, level)
			}
		}
		if gone, here := audio.ToneLevel(right[20_000:30_000], all[1].hz), audio.ToneLevel(right[20_000:30_000], all[2].hz); gone > 0.01 || here < 0.95 {
			t.Errorf("after one has left: %.2f of it, %.2f of the other", gone, here)
		}
	})
}
