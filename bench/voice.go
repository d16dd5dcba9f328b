//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"hotline/appliance/audio"
)

// voice is the sound of all callers over one socket, so that the load costs
// little beside what it measures: packets leave and arrive in batches, and
// the kernel notes when each arrived.
type voice struct {
	fd      int
	local   int
	keys    bool // each caller presses 1 twice, as who chooses a language and help
	stop    atomic.Bool
	working sync.WaitGroup

	mu    sync.Mutex
	fresh []netip.AddrPort
	stale []netip.AddrPort

	measuring atomic.Bool
	results   sync.Mutex
	streams   [65536]*stream // by the server's port; written by the receiver only
	known     []*stream
	heard     heard
}

// stream is what one caller hears.
type stream struct {
	seen bool
	seq  uint16
	at   int64
}

// heard sums up what all callers heard.
type heard struct {
	packets, late, lost uint64
	legs                int
	off                 [10000]uint32 // |interval − 20 ms| in 0.02 ms steps
}

const offStep = 20 * time.Microsecond

func (h *heard) percentile(p uint64) float64 {
	var total, seen uint64
	for _, n := range h.off {
		total += uint64(n)
	}
	for i, n := range h.off {
		if seen += uint64(n); n > 0 && seen*100 >= total*p {
			return (time.Duration(i) * offStep).Seconds() * 1000
		}
	}
	return 0
}

func newVoice(keys bool) (*voice, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	v := &voice{fd: fd, keys: keys}
	const room = 32 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room) // as much as an ordinary user may have
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	// Receiving looks up from time to time whether it should stop.
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100000})
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	v.local = local.(*unix.SockaddrInet4).Port
	v.working.Go(v.send)
	v.working.Go(v.receive)
	return v, nil
}

func (v *voice) port() int { return v.local }

// add begins to speak to one more server port.
func (v *voice) add(to netip.AddrPort) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fresh = append(v.fresh, to)
}

// drop stops speaking to a server port and reports whether it was ever heard.
func (v *voice) drop(to netip.AddrPort) bool {
	v.mu.Lock()
	v.stale = append(v.stale, to)
	v.mu.Unlock()
	v.results.Lock()
	defer v.results.Unlock()
	s := v.streams[to.Port()]
	v.streams[to.Port()] = nil // the next call of that port is another one
	return s != nil && s.seen
}

func (v *voice) close() {
	v.stop.Store(true)
	v.working.Wait()
	unix.Close(v.fd)
}

// measure begins (on) or ends a measurement and returns what was heard in it.
func (v *voice) measure(on bool) heard {
	v.measuring.Store(on)
	v.results.Lock()
	defer v.results.Unlock()
	h := v.heard
	for _, s := range v.known {
		if s.seen {
			h.legs++
		}
	}
	if on {
		v.heard = heard{}
		for _, s := range v.known {
			s.seen = false
		}
	}
	return h
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

const (
	slots      = 20
	packetSize = 12 + audio.FrameSamples
	keySize    = 12 + 4
	batch      = 64
)

// speaking is one group of callers who speak at the same moment.
type speaking struct {
	packets  []*[packetSize]byte
	messages []mmsghdr
	callers  []caller
}

// caller is one of them, and what only the kernel's structures point to.
type caller struct {
	to     netip.AddrPort
	since  int // frame
	name   *unix.RawSockaddrInet4
	vector *unix.Iovec
}

func (s *speaking) add(to netip.AddrPort, ssrc uint32, since int) {
	p := new([packetSize]byte)
	p[0] = 2 << 6
	binary.BigEndian.PutUint32(p[8:], ssrc)
	name := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port())
	vector := &unix.Iovec{Base: &p[0], Len: packetSize}
	m := mmsghdr{header: unix.Msghdr{Name: (*byte)(unsafe.Pointer(name)), Namelen: unix.SizeofSockaddrInet4, Iov: vector, Iovlen: 1}}
	s.packets = append(s.packets, p)
	s.messages = append(s.messages, m)
	s.callers = append(s.callers, caller{to, since, name, vector})
}

func (s *speaking) drop(to netip.AddrPort) {
	i := slices.IndexFunc(s.callers, func(c caller) bool { return c.to == to })
	if i < 0 {
		return
	}
	s.packets = slices.Delete(s.packets, i, i+1)
	s.messages = slices.Delete(s.messages, i, i+1)
	s.callers = slices.Delete(s.callers, i, i+1)
}

// Keys are pressed 3 and 6 s after the answer, for 100 ms each.
const (
	firstKey  = 150
	secondKey = 300
	keyFrames = 5
	keyType   = 101
)

// press makes the packet of a frame a key (RFC 4733) when one is held then.
func press(p *[packetSize]byte, frame, since int) bool {
	for _, begin := range []int{since + firstKey, since + secondKey} {
		if held := frame - begin; held >= 0 && held < keyFrames {
			p[1] = keyType
			binary.BigEndian.PutUint32(p[4:], uint32(begin*audio.FrameSamples))
			p[12], p[13] = 1, 10
			if held == keyFrames-1 {
				p[13] |= 0x80
			}
			binary.BigEndian.PutUint16(p[14:], uint16((held+1)*audio.FrameSamples))
			return true
		}
	}
	p[1] = 0
	return false
}

// send speaks for all callers, 20 groups of them within each 20 ms.
func (v *voice) send() {
	runtime.LockOSThread()
	var groups [slots]speaking
	sound := audio.Tone(440, time.Second, -10).MuLaw()
	next := 0
	epoch := time.Now()
	for tick := 0; !v.stop.Load(); tick++ {
		time.Sleep(time.Until(epoch.Add(time.Duration(tick) * time.Millisecond)))
		v.mu.Lock()
		for _, to := range v.fresh {
			groups[next%slots].add(to, uint32(next), tick/slots)
			next++
		}
		for _, to := range v.stale {
			for i := range groups {
				groups[i].drop(to)
			}
		}
		v.fresh, v.stale = v.fresh[:0], v.stale[:0]
		v.mu.Unlock()
		g := &groups[tick%slots]
		frame := tick / slots
		at := frame * audio.FrameSamples % len(sound)
		for i, p := range g.packets {
			binary.BigEndian.PutUint16(p[2:], uint16(frame))
			if g.callers[i].vector.Len = packetSize; v.keys && press(p, frame, g.callers[i].since) {
				g.callers[i].vector.Len = keySize
				continue
			}
			binary.BigEndian.PutUint32(p[4:], uint32(frame*audio.FrameSamples))
			copy(p[12:], sound[at:at+audio.FrameSamples])
		}
		for sent := 0; sent < len(g.messages); {
			part := g.messages[sent:min(sent+batch, len(g.messages))]
			n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(v.fd), uintptr(unsafe.Pointer(&part[0])), uintptr(len(part)), 0, 0, 0)
			if errno != 0 {
				n = 1 // nobody at that port any more: pass over it
			}
			sent += max(1, int(n))
		}
	}
}

// receive listens for all callers.
func (v *voice) receive() {
	runtime.LockOSThread()
	const control = 64
	var (
		messages [batch]mmsghdr
		vectors  [batch]unix.Iovec
		names    [batch]unix.RawSockaddrInet4
		buffers  [batch][packetSize]byte
		controls [batch][control]byte
	)
	for !v.stop.Load() {
		for i := range messages {
			vectors[i] = unix.Iovec{Base: &buffers[i][0], Len: packetSize}
			messages[i] = mmsghdr{header: unix.Msghdr{Name: (*byte)(unsafe.Pointer(&names[i])), Namelen: unix.SizeofSockaddrInet4,
				Iov: &vectors[i], Iovlen: 1, Control: &controls[i][0], Controllen: control}}
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(v.fd), uintptr(unsafe.Pointer(&messages[0])), batch, unix.MSG_WAITFORONE, 0, 0)
		if errno != 0 {
			continue
		}
		v.results.Lock()
		for i := range int(n) {
			port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&names[i].Port))[:])
			v.packet(port, &buffers[i], arrival(controls[i][:]))
		}
		v.results.Unlock()
		runtime.KeepAlive(&vectors)
	}
}

// arrival reads the time stamp of a packet, in ns.
func arrival(control []byte) int64 {
	messages, err := unix.ParseSocketControlMessage(control[:unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{})))])
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS {
			return (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano()
		}
	}
	return 0
}

func (v *voice) packet(port uint16, b *[packetSize]byte, at int64) {
	s := v.streams[port]
	if s == nil {
		s = &stream{}
		v.streams[port] = s
		v.known = append(v.known, s)
	}
	seq := binary.BigEndian.Uint16(b[2:])
	if s.seen && v.measuring.Load() {
		h := &v.heard
		h.packets++
		gap := time.Duration(at - s.at)
		if gap > 2*audio.FrameDuration {
			h.late++
		}
		h.off[min(int((gap-audio.FrameDuration).Abs()/offStep), len(h.off)-1)]++
		if missing := seq - s.seq - 1; missing > 0 && missing < 1000 {
			h.lost += uint64(missing)
		}
	}
	s.seen, s.seq, s.at = true, seq, at
}
