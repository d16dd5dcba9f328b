package mdns

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freePort is a port that nobody uses for the moment: on the real one others may
// answer.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func loopback(t *testing.T) net.Interface {
	t.Helper()
	i, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return *i
}

// box is a machine on the loopback network, whose addresses are told apart like
// those of machines on a cable.
type box struct {
	*Beacon
	took  chan string
	links atomic.Pointer[[]link]
}

func start(t *testing.T, port int, addr string) *box {
	t.Helper()
	b := &box{took: make(chan string, 100)}
	b.at(t, addr)
	b.Beacon = New(Config{IPv4: true, Took: func(name string) { b.took <- name }, Log: slog.New(slog.DiscardHandler),
		links: func() ([]link, error) { return *b.links.Load(), nil }, port: port, pace: 20 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// at puts the box's cable into another network; "" pulls it.
func (b *box) at(t *testing.T, addr string) {
	t.Helper()
	all := []link{}
	if addr != "" {
		all = append(all, link{Interface: loopback(t), prefixes: []netip.Prefix{netip.MustParsePrefix(addr + "/8")}})
	}
	b.links.Store(&all)
}

func (b *box) takes(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-b.took:
		if got != want {
			t.Fatalf("the box is called %s, not %s", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("the box does not get the name %s", want)
	}
}

// ask asks for a name as a program does that knows nothing of Multicast DNS, and
// returns the first answer; nil when none comes to it, but to a question asked
// after it.
func ask(t *testing.T, port int, names ...string) []netip.Addr {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lo := loopback(t)
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		q := dnsmessage.Message{Header: dnsmessage.Header{ID: uint16(i + 1)}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		if _, err := ipv4.NewPacketConn(c).WriteTo(packed(q), &ipv4.ControlMessage{IfIndex: lo.Index, Src: net.IPv4(127, 0, 0, 1)}, &net.UDPAddr{IP: group4.AsSlice(), Port: port}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 9000)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("nobody answers to %v: %v", names, err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	if int(m.ID) != len(names) || len(m.Questions) != 1 || !strings.EqualFold(m.Questions[0].Name.String(), names[len(names)-1]) {
		t.Fatalf("the first answer is to question %d, %v", m.ID, m.Questions)
	}
	var all []netip.Addr
	for _, a := range m.Answers {
		if a.Header.TTL > legacyTTL {
			t.Errorf("who knows nothing of Multicast DNS may keep the answer for %d seconds", a.Header.TTL)
		}
		all = append(all, netip.AddrFrom4(a.Body.(*dnsmessage.AResource).A))
	}
	return all
}

// The box is found by its name, whatever else comes from the network, and
// answers for nothing else; a second box takes the next name; a box that is
// plugged in elsewhere is found at its new address.
func TestTheBoxIsFoundByItsName(t *testing.T) {
	port := freePort(t)
	first := start(t, port, "127.0.0.2")
	first.takes(t, "hotline.local")
	if got := ask(t, port, "printer.local.", "hotline.", "hotline-2.local.", "hotline.local.example.org.", "HotLine.local."); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("127.0.0.2")}) {
		t.Errorf("hotline.local is %v", got)
	}
	second := start(t, port, "127.0.0.3")
	second.takes(t, "hotline-2.local")
	if first.Name() != "hotline.local" {
		t.Errorf("the first box is called %q now", first.Name())
	}

	// What a stranger throws at them.
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lo := loopback(t)
	for _, raw := range hostile() {
		if _, err := ipv4.NewPacketConn(c).WriteTo(raw, &ipv4.ControlMessage{IfIndex: lo.Index, Src: net.IPv4(127, 0, 0, 9)}, &net.UDPAddr{IP: group4.AsSlice(), Port: port}); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, port, "hotline-2.local."); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("127.0.0.3")}) {
		t.Errorf("after all that, hotline-2.local is %v", got)
	}

	first.at(t, "")
	for limit := time.Now().Add(30 * time.Second); first.Name() != ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("a box without a network keeps its name")
		}
	}
	first.at(t, "127.0.0.4")
	first.takes(t, "hotline.local")
	if got := ask(t, port, "hotline.local."); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("127.0.0.4")}) {
		t.Errorf("in the other network, hotline.local is %v", got)
	}
}

// Two boxes that are switched on in one moment agree who is called what.
func TestTwoBoxesInOneMoment(t *testing.T) {
	port := freePort(t)
	a, b := start(t, port, "127.0.0.5"), start(t, port, "127.0.0.6")
	var got []string
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got = []string{a.Name(), b.Name()}
		slices.Sort(got)
		if slices.Equal(got, []string{"hotline-2.local", "hotline.local"}) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("they are called %q", got)
		}
	}
}

// hostile are packets that take others apart wrongly.
func hostile() [][]byte {
	name := dnsmessage.MustNewName("hotline.local.")
	whole := packed(dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET}}})
	all := [][]byte{{}, {0}, make([]byte, 12), make([]byte, 8900), whole[:len(whole)-3],
		// A name that points at itself, counts that lie.
		append([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 0xc0, 12, 0, 1, 0, 1),
		append([]byte{0, 0, 0x84, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, whole[12:]...),
	}
	for i := range whole {
		changed := slices.Clone(whole)
		changed[i] ^= 0xff
		all = append(all, changed)
	}
	return all
}

// Nothing that a packet says is more than it says.
func FuzzRead(f *testing.F) {
	for _, raw := range hostile() {
		f.Add(raw)
	}
	f.Add(probe("hotline.local.", []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")}))
	f.Add(reply("hotline.local.", []netip.Addr{netip.MustParseAddr("192.0.2.1")}, 0, nil, hostTTL))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := read(raw, "hotline.local.")
		if err == nil && (len(m.claims) > mostParts || len(m.known) > mostParts) {
			t.Errorf("%d claims", len(m.claims))
		}
	})
}

// What the box sends is read by a parser of others as it is meant.
func TestWhatTheBoxSays(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		addrs []netip.Addr
		types []byte // of the bitmap that says what there is
	}{{[]netip.Addr{four}, []byte{0, 1, 0x40}}, {[]netip.Addr{four, six}, []byte{0, 4, 0x40, 0, 0, 0x08}}} {
		var m dnsmessage.Message
		if err := m.Unpack(reply("hotline.local.", c.addrs, 0, nil, hostTTL)); err != nil {
			t.Fatal(err)
		}
		none := m.Additionals[0].Body.(*dnsmessage.UnknownResource).Data
		if len(m.Answers) != len(c.addrs) || !slices.Equal(none, append([]byte("\x07hotline\x05local\x00"), c.types...)) {
			t.Errorf("%v: %d answers, %q", c.addrs, len(m.Answers), none)
		}
		read, err := read(probe("hotline.local.", c.addrs), "hotline.local.")
		if err != nil || !read.asked || !slices.Equal(read.claims, c.addrs) {
			t.Errorf("a probe is read as %+v, %v", read, err)
		}
	}
	if compare([]netip.Addr{netip.MustParseAddr("169.254.200.50")}, []netip.Addr{netip.MustParseAddr("169.254.99.200")}) <= 0 { // the example of 8.2.1
		t.Error("the greater address does not win")
	}
}
