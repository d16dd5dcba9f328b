package media

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
)

// crowd is n UDP legs in a room whose clock the test is.
type crowd struct {
	pacer  *Pacer
	room   *Room
	from   []netip.AddrPort
	legs   []*Endpoint
	now    int64
	packet [][]byte
	header rtp.Header
}

func newCrowd(t testing.TB, n int) *crowd {
	c := &crowd{pacer: NewPacer(slog.New(slog.DiscardHandler))}
	c.room = NewRoom(c.pacer, nil)
	for i := range n {
		// Far ends that do not read, and so do not allocate either.
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		law := []audio.Law{audio.MuLaw, audio.ALaw}[i%2]
		e, _ := newUDPLeg(t, c.pacer, UDPConfig{Remote: addr, Law: law})
		c.room.Join(e)
		c.from, c.legs = append(c.from, addr), append(c.legs, e)
		c.packet = append(c.packet, newSpeaker(audio.MuLaw).packet(audio.Tone(partyTones[i], 20*time.Millisecond, -10).Encoded(audio.MuLaw)))
	}
	return c
}

// receive is the next packet of one far end.
func (c *crowd) receive(i int) {
	b := c.packet[i]
	binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+1)
	binary.BigEndian.PutUint32(b[4:], binary.BigEndian.Uint32(b[4:])+frameTicks)
	c.legs[i].incoming(&c.header, b, c.from[i], c.now)
}

// step is 20 ms: everybody says something and the room answers.
func (c *crowd) step() {
	for i := range c.legs {
		c.receive(i)
	}
	c.room.tick(c.now, c.now, &c.pacer.buf)
	c.now += frameLength
}

func TestARoomAllocatesNothing(t *testing.T) {
	c := newCrowd(t, 6)
	r := NewRecorder(&disk{})
	r.Left(c.legs[0])
	r.Right(c.legs[1])
	defer r.Stop()
	if n := testing.AllocsPerRun(1000, c.step); n != 0 {
		t.Errorf("a room of six allocates %v times per frame", n)
	}
	for _, e := range c.legs {
		if s := e.Stats(); s.PacketsOut < 1000 || s.DroppedInvalid != 0 {
			t.Errorf("after 1000 frames: %+v", s)
		}
	}
	if size := unsafe.Sizeof(Member{}) + unsafe.Sizeof(Room{}); size > 8192 {
		t.Errorf("room and member take %d bytes", size)
	}
}

// TestARoomOverTheNetwork is the whole way, through sockets, filter and clock.
func TestARoomOverTheNetwork(t *testing.T) {
	p := startPacer(t)
	r := NewRoom(p, nil)
	defer r.Close()
	var phones []*phone
	var members []*Member
	var legs []*Endpoint
	var tones [][][]byte
	var ports []netip.AddrPort
	for i := range 3 {
		ph := newPhone(t)
		e, to := newUDPLeg(t, p, UDPConfig{Remote: ph.addr})
		ph.say(to)
		until(t, "the filter", func() bool { return e.Stats().Sampled || runtime.GOOS != "linux" })
		phones, legs, members = append(phones, ph), append(legs, e), append(members, r.Join(e))
		ports = append(ports, to)
		tones = append(tones, frames(audio.Tone(partyTones[i], 2*time.Second, -20), audio.MuLaw, 20*time.Millisecond))
	}
	members[2].Listen()
	time.Sleep(120 * time.Millisecond) // sampled packets of before are gone
	for _, ph := range phones {
		ph.take()
	}
	began := time.Now()
	for i := range tones[0] {
		time.Sleep(time.Until(began.Add(time.Duration(i) * 20 * time.Millisecond)))
		for k, ph := range phones {
			ph.send(ports[k], ph.packet(tones[k][i]))
		}
	}
	for k, want := range [][]float64{{700}, {400}, {400, 700}} {
		pcm := listen(phones[k].take())
		pcm = pcm[4000 : len(pcm)/400*400]
		total := 0.0
		for _, hz := range want {
			total += audio.ToneLevel(pcm, hz)
		}
		if total < 0.3 { // a noisy machine; how well is measured without a real clock
			t.Errorf("phone %d hears %.2f of what it should", k, total)
		}
		if own := audio.ToneLevel(pcm, partyTones[k]); own > 0.05 {
			t.Errorf("phone %d hears %.2f of itself", k, own)
		}
	}
	members[0].Hold()
	if !legs[0].in.isDraining() && runtime.GOOS == "linux" {
		t.Error("the sound of a leg on hold still wakes us up")
	}
}

func (in *input) isDraining() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.draining
}
