package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestOnlyTheOpenInternetIsAsked(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.7",
		"::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "2001:0:1::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1", // IPv4 in IPv6 clothes
		"64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:c0a8:101::1", "fe80::1%eth0",
	} {
		if err := (Guard{}).Check(netip.MustParseAddr(text)); !errors.Is(err, ErrPrivate) {
			t.Errorf("%s may be asked: %v", text, err)
		}
	}
	if err := (Guard{}).Check(netip.Addr{}); err == nil {
		t.Error("no address at all may be asked")
	}
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"} {
		if err := (Guard{}).Check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s may not be asked: %v", text, err)
		}
	}
}

func TestANetworkOfOnesOwnIsChosenByHand(t *testing.T) {
	near, err := ParseNetwork(" 192.168.1.0/24 ")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"192.168.1.9": true, "::ffff:192.168.1.9": true, "192.168.2.9": false, "10.0.0.1": false, "8.8.8.8": true} {
		if err := (Guard{Allowed: []netip.Prefix{near}}).Check(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := (Guard{Allowed: []netip.Prefix{near}, Only: true}).Check(netip.MustParseAddr("8.8.8.8")); err == nil {
		t.Error("an address outside of the only network may be asked")
	}
	for text, want := range map[string]string{"10.0.0.7": "10.0.0.7/32", "192.168.7.9/16": "192.168.0.0/16", "fd00::/8": "fd00::/8", "127.0.0.1": "127.0.0.1/32", "::1": "::1/128"} {
		if p, err := ParseNetwork(text); err != nil || p.String() != want {
			t.Errorf("%s is %s, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "0.0.0.0/0", "::/0", "192.168.0.0/15", "8.8.8.0/24", "224.0.0.0/8", "fe80::1%eth0", "here", "10.0.0.0/7", "::ffff:10.0.0.1/104"} {
		if p, err := ParseNetwork(text); err == nil {
			t.Errorf("%q is taken as %s", text, p)
		}
	}
}

// TestTheGuardLooksWhenItConnects: over real connections, whatever the name
// said, and with no way around.
func TestTheGuardLooksWhenItConnects(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, "here")
	}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", server.URL)
	get := func(g Guard, address string) (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := g.Client(5 * time.Second).Do(request)
		if err != nil {
			return 0, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, address := range []string{server.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://0.0.0.0" + port, "http://127.1.1.1" + port} {
		if _, err := get(Guard{}, address); err == nil || asked != 0 {
			t.Errorf("%s was asked: %v", address, err)
		}
	}
	near := Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if status, err := get(near, server.URL+"/elsewhere"); err != nil || status != http.StatusTemporaryRedirect || asked != 1 {
		t.Errorf("it followed to another address: %d, %v, asked %d times", status, err, asked)
	}
}

// TestANameThatLeadsElsewhereLater: the name was harmless when it was looked up
// first, and is not when it is connected to.
func TestANameThatLeadsElsewhereLater(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := Guard{}.Client(5 * time.Second)
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	turns := 0
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		turns++ // what a resolver says the second time
		return dial(ctx, network, server.Listener.Addr().String())
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://harmless.example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := client.Do(request); err == nil || !errors.Is(err, ErrPrivate) {
		if err == nil {
			_ = answer.Body.Close()
		}
		t.Errorf("it was connected to: %v", err)
	}
	if turns == 0 {
		t.Error("nothing was tried")
	}
}
