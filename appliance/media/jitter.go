package media

import (
	"time"

	"hotline/appliance/audio"
)

// jitterBuffer evens out what one far end sends, for a reader that takes a
// frame every 20 ms by another clock. Every sample lies where its timestamp
// says, so order and loss need no care. The delay is kept just large enough:
// it grows at once when sound came too late, and shrinks, or follows a clock
// that is a little fast or slow, by playing a few samples more or less per
// frame, which nobody hears.
type jitterBuffer struct {
	ring   [ringLength]int16
	placed bool
	at     uint32 // RTP time of the next sample to play
	head   uint32 // end of the newest sound
	read   int64  // when at moved last; 0 before the reader has come
	began  int64  // when the first packet came, if that was before the reader

	slack   int32 // least lead of a packet in this window, over what is due
	arrived bool  // anything in this window
	window  int64 // its end
	excess  int32 // samples to play more (or less) than time passes
}

// All in samples of 1/8 ms.
const (
	ringLength  = 2048 // a power of two
	slackTarget = frameTicks
	slackLeast  = frameTicks / 2
	slackMost   = frameTicks * 3 / 2
	slackJump   = 3 * frameTicks // more than that is cut at once
	leadMost    = 6 * frameTicks
	lateMost    = 5 * frameTicks
	idleAfter   = audio.SampleRate
	longestPart = ringLength - leadMost + slackTarget
)

const slackWindow = int64(time.Second)

// restart forgets the source's time line.
func (j *jitterBuffer) restart() { j.placed = false }

// place puts a packet at the usual distance from what is due.
func (j *jitterBuffer) place(ts uint32, elapsed int32) {
	clear(j.ring[:])
	j.at = ts - uint32(slackTarget+elapsed)
	j.head = ts
	j.placed = true
	j.excess, j.arrived = 0, false
}

// put stores the sound of a packet.
func (j *jitterBuffer) put(ts uint32, payload []byte, law audio.Law, now int64) {
	if len(payload) == 0 {
		return
	}
	payload = payload[:min(len(payload), longestPart)]
	// What would be due if the reader came at every moment, not in steps.
	elapsed := int32(min(max(0, now-j.read), 2*frameLength) / tickLength)
	if !j.placed {
		if j.read == 0 {
			elapsed, j.began = 0, now
		}
		j.place(ts, elapsed)
	}
	if j.read == 0 {
		elapsed = int32(min(now-j.began, 2*frameLength) / tickLength)
	}
	lead := int32(ts - j.at)
	if lead > idleAfter || lead < -idleAfter {
		j.place(ts, elapsed) // its clock jumped
		lead = int32(ts - j.at)
	}
	if end := ts + uint32(len(payload)); int32(end-j.head) > 0 {
		switch {
		case lead < -lateMost, lead-elapsed > leadMost:
			j.place(ts, elapsed)
		case lead < 0:
			// Too late, and what follows will be as well: wait that much
			// longer. The pause is over already.
			j.at = ts
			j.excess = 0
		}
		j.head = end
		lead = int32(ts - j.at)
		if slack := lead - elapsed; !j.arrived || slack < j.slack {
			j.slack, j.arrived = slack, true
		}
	} else if lead < 0 {
		skip := min(-lead, int32(len(payload)))
		ts += uint32(skip)
		payload = payload[skip:]
	}
	for i, b := range payload {
		j.ring[(ts+uint32(i))%ringLength] = law.Sample(b)
	}
}

// frame takes the next 20 ms and reports whether there was any sound.
func (j *jitterBuffer) frame(pcm *[frameTicks]int16, now int64) bool {
	if j.read == 0 && j.placed { // what the reader would have taken by now, less this frame
		j.at += uint32(min(now-j.began, 2*frameLength)/tickLength) - frameTicks
	}
	j.read = now
	if now >= j.window {
		j.adjust()
		j.window = now + slackWindow
	}
	if !j.placed || int32(j.head-j.at) <= 0 {
		if j.at += frameTicks; int32(j.at-j.head) > idleAfter {
			j.placed = false
		}
		return false
	}
	step := int32(1)
	if j.excess > frameTicks || j.excess < -frameTicks {
		step = 4
	}
	take := int32(frameTicks)
	switch {
	case j.excess >= step:
		take += step
		j.excess -= step
	case j.excess <= -step:
		take -= step
		j.excess += step
	}
	if take == frameTicks {
		for i := range pcm {
			at := &j.ring[(j.at+uint32(i))%ringLength]
			pcm[i], *at = *at, 0
		}
	} else {
		// A little faster or slower, in between the samples.
		for i := range pcm {
			at := int32(i) * take
			a := int32(j.ring[(j.at+uint32(at/frameTicks))%ringLength])
			b := int32(j.ring[(j.at+uint32(at/frameTicks)+1)%ringLength])
			pcm[i] = int16(a + (b-a)*(at%frameTicks)/frameTicks)
		}
		for i := range take {
			j.ring[(j.at+uint32(i))%ringLength] = 0
		}
	}
	j.at += uint32(take)
	return true
}

// adjust looks back at a window and decides how the delay changes.
func (j *jitterBuffer) adjust() {
	if !j.arrived {
		return
	}
	j.arrived = false
	surplus := j.slack - slackTarget
	switch {
	case j.slack > slackTarget+slackJump:
		for i := range surplus {
			j.ring[(j.at+uint32(i))%ringLength] = 0
		}
		j.at += uint32(surplus)
		j.excess = 0
	case j.slack > slackMost, j.slack < slackLeast:
		j.excess = surplus
	}
}
