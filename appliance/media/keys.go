package media

import (
	"context"
	"strings"
	"sync"
)

// The keys of a telephone in the order of their event codes, RFC 4733 §3.2.
const keypad = "0123456789*#ABCD"

// longEvent is the longest duration that one event packet can carry. A key
// held longer continues as a new segment whose timestamp is exactly that much
// later (RFC 4733 §2.5.1.3).
const longEvent = 0xffff

// keyDecoder turns telephone-event packets into key presses. An event is
// known by its timestamp: all its packets, including the repeated last one,
// carry the same. So the key counts at the first packet seen, whatever was
// lost, repeated or overtaken, and neither marker nor duration matter.
type keyDecoder struct {
	any      bool
	code     byte
	ts       uint32
	duration uint16
	ended    bool
}

// staleEvent is 10 s: an event that much older than the last one is not a
// straggler, the far end restarted its clock.
const staleEvent = -10 * 8000

func (d *keyDecoder) packet(ts uint32, payload []byte) (key byte, pressed bool) {
	if len(payload) < 4 || int(payload[0]) >= len(keypad) {
		return 0, false
	}
	code := payload[0]
	end := payload[1]&0x80 != 0
	duration := uint16(payload[2])<<8 | uint16(payload[3])
	if d.any {
		age := int32(ts - d.ts)
		if age == 0 {
			d.duration = max(d.duration, duration)
			d.ended = d.ended || end
			return 0, false
		}
		if age < 0 && age > staleEvent {
			return 0, false // an earlier event, overtaken
		}
		continued := code == d.code && !d.ended && d.duration == longEvent && age == longEvent
		if continued {
			d.ts, d.duration, d.ended = ts, duration, end
			return 0, false
		}
	}
	*d = keyDecoder{any: true, code: code, ts: ts, duration: duration, ended: end}
	return keypad[code], true
}

// keyQueue holds the keys that nobody has asked for yet.
type keyQueue struct {
	mu      sync.Mutex
	keys    [32]byte // more typing ahead than any menu needs; the rest is dropped
	count   int
	changed chan struct{} // made by a waiter, closed by the next key
}

func (q *keyQueue) push(key byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == len(q.keys) {
		return
	}
	q.keys[q.count] = key
	q.count++
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// pop takes the oldest key. Without one it returns a channel that closes
// when there may be one.
func (q *keyQueue) pop() (key byte, ok bool, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		return 0, false, q.waiter()
	}
	key = q.keys[0]
	q.count--
	copy(q.keys[:], q.keys[1:])
	q.keys[len(q.keys)-1] = 0 // digits may be secret
	return key, true, nil
}

// peek is pop without taking.
func (q *keyQueue) peek() (waiting bool, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		return false, q.waiter()
	}
	return true, nil
}

func (q *keyQueue) waiter() <-chan struct{} {
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

func (q *keyQueue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.keys[:])
	q.count = 0
}

// Key waits for the next key: '0'–'9', '*', '#' or 'A'–'D'. Keys pressed
// earlier and not yet asked for come first.
func (e *Endpoint) Key(ctx context.Context) (byte, error) {
	for {
		key, ok, changed := e.keys.pop()
		if ok {
			return key, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-e.done:
			return 0, ErrClosed
		}
	}
}

// Press is a key of the far end that did not come with the sound: signalling
// (SIP INFO) brought it. Anything that is not a key is ignored.
func (e *Endpoint) Press(key byte) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	if strings.IndexByte(keypad, key) < 0 {
		return
	}
	e.in.mu.Lock()
	if e.in.tones != nil { // the same key would come twice
		e.in.tones = nil
		e.adjustFilter()
	}
	e.in.mu.Unlock()
	e.keys.push(key)
}

// FlushKeys forgets the keys pressed so far.
func (e *Endpoint) FlushKeys() { e.keys.flush() }

// Sending a key takes eleven ticks: five packets while it is held, the last
// packet three times (RFC 4733 §2.5.1.4), and three frames of rest, so that a
// key lasts 120 ms and the next begins 100 ms later.
const (
	keyHeld  = 5
	keyEnds  = 3
	keyRest  = 3
	keySteps = keyHeld + keyEnds + keyRest
)

// dialling is a run of keys being sent.
type dialling struct {
	digits string
	at     int // digit
	step   int
	ts     uint32
	done   chan struct{}
	err    error
}

// SendKeys presses keys towards the far end and returns when the last was
// released. What else is playing pauses meanwhile.
func (e *Endpoint) SendKeys(ctx context.Context, digits string) error {
	digits = strings.ToUpper(digits)
	if strings.Trim(digits, keypad) != "" {
		return errNotKeys
	}
	if digits == "" {
		return nil
	}
	d := &dialling{digits: digits, done: make(chan struct{})}
	o := &e.out
	o.mu.Lock()
	switch {
	case o.closed:
		o.mu.Unlock()
		return ErrClosed
	case e.dtmf() == 0:
		o.mu.Unlock()
		return ErrNoKeys
	}
	if o.dial != nil {
		o.dial.finish(ErrReplaced)
	}
	o.dial = d
	o.mu.Unlock()

	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		o.mu.Lock()
		if o.dial == d {
			// Cut short. The far end releases the key by itself when no more
			// packets come.
			o.dial = nil
		}
		o.mu.Unlock()
		return ctx.Err()
	}
}

func (d *dialling) finish(err error) {
	d.err = err
	close(d.done)
}

// sounding reports that a key is held and nothing else may go out.
func (d *dialling) sounding() bool { return d.step < keyHeld+keyEnds }

// packet fills in the event packet of this tick. It reports false during the
// rest between keys, when other sound may go out.
func (d *dialling) packet(ts uint32, payload []byte) (n int, first, ok bool) {
	if !d.sounding() {
		return 0, false, false
	}
	if d.step == 0 {
		d.ts = ts
	}
	held := min(d.step+1, keyHeld+1)
	payload[0] = byte(strings.IndexByte(keypad, d.digits[d.at]))
	payload[1] = 10 // -10 dBm0, the usual level
	if d.step >= keyHeld {
		payload[1] |= 0x80
	}
	duration := held * frameTicks
	payload[2], payload[3] = byte(duration>>8), byte(duration)
	return 4, d.step == 0, true
}

// advance moves to the next tick and reports that all keys are sent.
func (d *dialling) advance() (finished bool) {
	if d.step++; d.step < keySteps {
		return false
	}
	d.step = 0
	d.at++
	return d.at == len(d.digits)
}
