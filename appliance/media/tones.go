package media

import (
	"math"

	"hotline/appliance/audio"
)

// The pairs of tones that keys make when nobody translates them (ITU-T Q.23).
var (
	keyRows    = [4]float64{697, 770, 852, 941}
	keyColumns = [4]float64{1209, 1336, 1477, 1633}
)

const keyGrid = "123A456B789C*0#D"

// The sound is judged in windows of 12.75 ms that overlap by half: short enough
// that a generator 1.5 % off stays within a tone's band, long enough that
// neighbouring tones do not. The times follow ITU-T Q.24: a key of 40 ms
// counts, one below 24 ms does not, a break of 10 ms does not make two of one.
const (
	toneWindow = 102
	toneHop    = toneWindow / 2
	toneHits   = 4 // windows in a row: 32 ms
	toneMisses = 5 // windows in a row that end a key: 38 ms
)

// What makes two tones of one window a key and not a voice.
const (
	toneQuietest = 260 // root mean square, -42 dBFS
	toneShare    = 0.7 // of all energy lies in the two tones
	toneTwist    = 6.3 // 8 dB at most between them
	toneClear    = 5.0 // 7 dB above the others of their group
	toneSteady   = 4.0 // 6 dB at most between windows of a key
	// Voices have overtones, keys none: 10 dB above the octave of the column,
	// and, as the octaves of rows lie among the columns, above thrice the row.
	toneHarmonic = 10
	toneGap      = 480 // samples missing on the way that do not end a key
)

// toneDetector finds keys in the sound itself, for far ends that have no other
// way to send them.
type toneDetector struct {
	window [toneWindow]float32
	filled int

	pressed byte // the key held now, 0 = none
	last    byte // what the last window looked like
	hits    int
	misses  int
	level   float64 // of the first window of this row

	running bool
	next    uint32 // RTP time after the last packet
}

// packet listens to a packet and returns a key when one begins.
func (d *toneDetector) packet(ts uint32, payload []byte, law audio.Law) (key byte, found bool) {
	if gap := int32(ts - d.next); d.running && gap < 0 && gap > -audio.SampleRate {
		return 0, false // overtaken, or sent twice
	} else if d.running && gap > toneGap || gap <= -audio.SampleRate {
		// A pause. A few lost packets are not: what is missing is left out.
		d.filled, d.pressed, d.last, d.hits = 0, 0, 0, 0
	}
	d.running, d.next = true, ts+uint32(len(payload))
	for _, b := range payload {
		d.window[d.filled] = float32(law.Sample(b))
		if d.filled++; d.filled < toneWindow {
			continue
		}
		if k := d.step(); k != 0 {
			key, found = k, true
		}
		copy(d.window[:], d.window[toneHop:])
		d.filled = toneWindow - toneHop
	}
	return key, found
}

// step judges a full window and returns a key when this one makes it sure.
func (d *toneDetector) step() byte {
	key, level := d.judge()
	if key == 0 || key != d.pressed {
		if d.misses++; d.misses >= toneMisses {
			d.pressed = 0
		}
	} else {
		d.misses = 0
	}
	if key == 0 || key != d.last || level > d.level*toneSteady || d.level > level*toneSteady {
		d.last, d.hits, d.level = key, 0, level
	}
	if key == 0 {
		return 0
	}
	if d.hits++; d.hits < toneHits || key == d.pressed {
		return 0
	}
	d.pressed, d.misses = key, 0
	return key
}

// judge says which key a window sounds like, and how loud.
func (d *toneDetector) judge() (key byte, level float64) {
	for _, s := range d.window {
		level += float64(s) * float64(s)
	}
	if level < toneWindow*toneQuietest*toneQuietest {
		return 0, level
	}
	row, rowPower, rowClear := d.strongest(&keyRows)
	column, columnPower, columnClear := d.strongest(&keyColumns)
	if !rowClear || !columnClear || rowPower+columnPower < toneShare*level ||
		rowPower > toneTwist*columnPower || columnPower > toneTwist*rowPower {
		return 0, level
	}
	over := d.powers(&[4]float64{3 * keyRows[row], 2 * keyColumns[column]})
	if over[0]*toneHarmonic > rowPower || over[1]*toneHarmonic > columnPower {
		return 0, level
	}
	return keyGrid[4*row+column], level
}

// strongest is the loudest of four tones, and whether it stands out.
func (d *toneDetector) strongest(tones *[4]float64) (which int, power float64, clear bool) {
	second := 0.0
	for i, p := range d.powers(tones) {
		switch {
		case p > power:
			which, power, second = i, p, power
		case p > second:
			second = p
		}
	}
	return which, power, power > toneClear*second
}

// powers are the energies at four frequencies, on the scale of the sum of
// squares (Goertzel's algorithm). The four do not wait for each other, which
// makes them as fast as one.
func (d *toneDetector) powers(hz *[4]float64) (power [4]float64) {
	var c [4]float32
	for i, f := range hz {
		c[i] = float32(2 * math.Cos(2*math.Pi*f/audio.SampleRate))
	}
	var a1, a2, b1, b2, c1, c2, d1, d2 float32
	for _, s := range d.window {
		a1, a2 = s+c[0]*a1-a2, a1
		b1, b2 = s+c[1]*b1-b2, b1
		c1, c2 = s+c[2]*c1-c2, c1
		d1, d2 = s+c[3]*d1-d2, d1
	}
	for i, s := range [4][2]float32{{a1, a2}, {b1, b2}, {c1, c2}, {d1, d2}} {
		x, y := float64(s[0]), float64(s[1])
		power[i] = 2 * (x*x + y*y - float64(c[i])*x*y) / toneWindow
	}
	return power
}
