package pointer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start lets a pointer answer at an address of this machine that nobody else uses.
func start(t *testing.T) (at netip.Addr, names, web int) {
	t.Helper()
	at, names, web = netip.AddrFrom4([4]byte{127, 68, byte(rand.IntN(256)), byte(1 + rand.IntN(254))}), 15353, 18080
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "the page %s", r.URL.Path) })
	p := New(Config{At: at, Page: page, Log: slog.New(slog.DiscardHandler), names: names, web: web})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(at, uint16(web)).String()) // the last of its sockets
		if err == nil {
			conn.Close()
			return at, names, web
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// Every name is the box, shortly, in IPv4 alone; nothing else is there, and
// nothing is said about other names than that.
func TestEveryNameIsTheBox(t *testing.T) {
	at, port, _ := start(t)
	ask := func(network string, m *dns.Msg) *dns.Msg {
		t.Helper()
		got, _, err := (&dns.Client{Net: network, Timeout: 30 * time.Second}).ExchangeContext(t.Context(), m, netip.AddrPortFrom(at, uint16(port)).String())
		if err != nil {
			t.Fatalf("%v: %v", m.Question, err)
		}
		return got
	}
	for _, name := range []string{"hotline.local.", "www.example.org.", "ConnectivityCheck.gstatic.com.", "x."} {
		for _, network := range []string{"udp", "tcp"} {
			got := ask(network, new(dns.Msg).SetQuestion(name, dns.TypeA))
			if a, ok := first(got).(*dns.A); !ok || got.Rcode != dns.RcodeSuccess || len(got.Answer) != 1 || a.A.String() != at.String() || a.Hdr.Ttl > 30 || a.Hdr.Name != name {
				t.Errorf("%s by %s is %v", name, network, got)
			}
		}
		for _, kind := range []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeMX, dns.TypePTR} {
			if got := ask("udp", new(dns.Msg).SetQuestion(name, kind)); got.Rcode != dns.RcodeSuccess || len(got.Answer) != 0 {
				t.Errorf("%s has %s: %v", name, dns.TypeToString[kind], got)
			}
		}
	}
	if got := ask("udp", new(dns.Msg).SetQuestion("example.org.", dns.TypeA).SetEdns0(4096, false)); got.IsEdns0() == nil {
		t.Errorf("who speaks EDNS is not answered in it: %v", got)
	}
	if got := ask("udp", new(dns.Msg).SetQuestion(noNamesOverHTTPS, dns.TypeA)); got.Rcode != dns.RcodeNameError {
		t.Errorf("a browser may look names up elsewhere: %v", got)
	}
	other := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	other.Question[0].Qclass = dns.ClassCHAOS
	update := new(dns.Msg).SetUpdate("example.org.")
	for wanted, m := range map[int]*dns.Msg{dns.RcodeRefused: other, dns.RcodeNotImplemented: update} {
		if got := ask("udp", m); got.Rcode != wanted {
			t.Errorf("%v is answered with %s", m, dns.RcodeToString[got.Rcode])
		}
	}
}

func first(m *dns.Msg) dns.RR {
	if len(m.Answer) == 0 {
		return nil
	}
	return m.Answer[0]
}

// A telephone that asks whether there is an internet is led to the page until
// somebody has it before them, and then hears what it waits for; another telephone
// does not.
func TestTelephonesAreLedToThePage(t *testing.T) {
	at, _, port := start(t)
	from := func(own string) func(method, host, path string) (int, string, string) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(own)}}
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(at, uint16(port)).String())
		}}
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		return func(method, host, path string) (int, string, string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+host+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, res.Header.Get("Location"), string(body)
		}
	}
	one, other := from("127.0.0.11"), from("127.0.0.12")
	page := "http://" + at.String() + "/"
	probes := []struct {
		host, path string
		status     int
		says       string
	}{
		{"connectivitycheck.gstatic.com", "/generate_204", 204, ""},
		{"www.google.com:80", "/gen_204", 204, ""},
		{"captive.apple.com", "/hotspot-detect.html", 200, "<TITLE>Success</TITLE>"},
		{"captive.apple.com", "/", 200, "<TITLE>Success</TITLE>"},
		{"www.msftconnecttest.com", "/connecttest.txt", 200, "Microsoft Connect Test"},
		{"www.msftncsi.com", "/ncsi.txt", 200, "Microsoft NCSI"},
		{"detectportal.firefox.com", "/success.txt", 200, "success"},
		{"nmcheck.gnome.org", "/check_network_status.txt", 200, "NetworkManager is online"},
		{"connectivity-check.ubuntu.com", "/", 204, ""},
	}
	for _, p := range probes {
		if status, to, body := one("GET", p.host, p.path); status != http.StatusFound || to != page || p.says != "" && strings.Contains(body, p.says) {
			t.Errorf("before the page, %s%s: %d %s %q", p.host, p.path, status, to, body)
		}
	}
	// A program that follows the redirect has no screen.
	if status, _, body := one("GET", at.String(), "/"); status != http.StatusOK || body != "the page /" {
		t.Errorf("the page: %d %q", status, body)
	}
	if status, _, _ := one("GET", probes[0].host, probes[0].path); status != http.StatusFound {
		t.Errorf("nobody has seen the page, and the telephone hears %d", status)
	}
	if status, _, _ := one("GET", at.String(), Seen+"app.css"); status != http.StatusOK {
		t.Errorf("what the page is made of: %d", status)
	}
	for _, p := range probes {
		for _, method := range []string{"GET", "HEAD"} {
			if status, _, body := one(method, p.host, p.path); status != p.status || method == "GET" && !strings.Contains(body, p.says) || method == "HEAD" && body != "" {
				t.Errorf("after the page, %s %s%s: %d %q", method, p.host, p.path, status, body)
			}
		}
		if status, to, _ := other("GET", p.host, p.path); status != http.StatusFound || to != page {
			t.Errorf("another telephone, %s%s: %d %s", p.host, p.path, status, to)
		}
	}
	for _, host := range []string{"example.org", "hotline.local", "example.org:8080"} {
		if status, to, _ := one("GET", host, "/anything?x=1"); status != http.StatusFound || to != page {
			t.Errorf("%s: %d %s", host, status, to)
		}
	}
}

// Where the address is not the machine's, nothing listens anywhere, and whoever
// waits for it tries again.
func TestItListensOnTheRadioAlone(t *testing.T) {
	p := New(Config{At: netip.MustParseAddr("192.0.2.1"), Page: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)})
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "192.0.2.1:53") {
		t.Errorf("it runs without its address: %v", err)
	}
}

// Somebody counts as having seen the page as long as an address is lent.
func TestThePageIsForgotten(t *testing.T) {
	p := New(Config{At: netip.MustParseAddr("192.0.2.1"), Log: slog.New(slog.DiscardHandler)})
	now := time.Now()
	p.note("192.0.2.7:1234", now)
	if !p.knows("192.0.2.7:99", now.Add(time.Hour)) || p.knows("192.0.2.7:99", now.Add(remembered)) || p.knows("192.0.2.8:1234", now) {
		t.Error("who has seen the page is mixed up")
	}
	for n := range 3 * mostSeen {
		p.note(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 1).String(), now)
	}
	if len(p.seen) > mostSeen {
		t.Errorf("%d are remembered", len(p.seen))
	}
}
