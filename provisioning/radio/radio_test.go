package radio

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/provisioning/door/doortest"
)

// The words of hostapd 2.10, that the real one says in the trial of the image.
const hostapd = `#!/bin/sh
cp "$1" "$(dirname "$0")/read"
echo "wlp2s0: interface state UNINITIALIZED->ENABLED"
%s
trap 'echo "wlp2s0: AP-DISABLED"; exit 0' TERM
while :; do sleep 0.05; done
`

type machine struct {
	Door
	dir string
}

// open is a machine with a radio and a program that makes a network with it.
func open(t *testing.T, dir, says string) machine {
	t.Helper()
	m := machine{At(filepath.Join(t.TempDir(), "door")), dir}
	for _, one := range []string{"keep", "work", "sys/class/net/eth0", "sys/class/net/wlp2s0/phy80211/rfkill3"} {
		if err := os.MkdirAll(filepath.Join(dir, one), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.write(t, "sys/class/net/wlp2s0/phy80211/rfkill3/soft", "1\n")
	m.write(t, "hostapd", strings.Replace(hostapd, "%s", says, 1))
	o, err := Open(OwnerConfig{Dir: filepath.Join(dir, "keep"), Work: filepath.Join(dir, "work"), Sys: filepath.Join(dir, "sys"), Program: filepath.Join(dir, "hostapd"), Log: slog.New(slog.DiscardHandler), pace: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	doortest.Serve(t, m.Path, o.Serve, func(ctx context.Context, _ *net.UnixListener) error { return o.Run(ctx) })
	return m
}

func (m machine) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (m machine) read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// until asks until the network is as it should be.
func (m machine) until(t *testing.T, what string, so func(State) bool) State {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s, err := m.Look(t.Context())
		if err == nil && so(s) {
			return s
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %+v, %v", what, s, err)
		}
	}
}

// The network is there from the first start, under a name and a password that
// were made for it; what somebody changes counts at once and is kept; nothing that
// does not fit is taken, whoever asks.
func TestTheNetworkOfAMachine(t *testing.T) {
	dir := t.TempDir()
	var first State
	t.Run("first start", func(t *testing.T) {
		m := open(t, dir, `echo "wlp2s0: AP-ENABLED"`)
		first = m.until(t, "the network does not come up", func(s State) bool { return s.On })
		if !first.There || !strings.HasPrefix(first.Name, "Hotline-") || len(first.Password) != 14 || first.Check() != nil {
			t.Errorf("the first network is %+v", first)
		}
		if m.read(t, "sys/class/net/wlp2s0/phy80211/rfkill3/soft") != "0" {
			t.Error("a radio that software had switched off stays off")
		}
		if conf := m.read(t, "read"); !strings.Contains(conf, "interface=wlp2s0\n") || !strings.Contains(conf, "ap_isolate=1\n") || strings.Contains(conf, first.Name) || strings.Contains(conf, first.Password) {
			t.Errorf("hostapd reads %q", conf)
		}

		for _, bad := range []Settings{
			{"", "long enough", false}, {strings.Repeat("n", 33), "long enough", false}, {strings.Repeat("ñ", 17), "long enough", false}, {"two\nlines", "long enough", false}, {" blank", "long enough", false}, {"a\u202eb", "long enough", false},
			{"Camp", "too short", false}, {"Camp", strings.Repeat("p", 64), false}, {"Camp", "contraseña larga", false}, {"Camp", "blank at end ", false}, {"Camp", "a\nctrl_interface=/tmp", false},
		} {
			if _, err := m.Set(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "of the Wi-Fi network needs") {
				t.Errorf("%+v is taken: %v", bad, err)
			}
		}
		conn, err := net.Dial("unix", m.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(strings.Repeat("x", 8<<10))); err != nil {
			t.Log(err) // it has stopped listening
		}
		if s, err := m.Look(t.Context()); err != nil || s.Settings != first.Settings {
			t.Errorf("what was not taken has changed something: %+v, %v", s, err)
		}

		if _, err := m.Set(t.Context(), Settings{Name: "Línea; 4", Password: `camp: "north"`}); err != nil {
			t.Fatal(err)
		}
		const want = "ssid2=4cc3ad6e65613b2034\n"
		m.until(t, "the new name is not used", func(s State) bool { return s.On && strings.Contains(m.read(t, "read"), want) })
	})
	t.Run("a later start", func(t *testing.T) {
		m := open(t, dir, `echo "wlp2s0: AP-ENABLED"`)
		now := m.until(t, "the network does not come up again", func(s State) bool { return s.On })
		if now.Name != "Línea; 4" || now.Password != `camp: "north"` {
			t.Errorf("it has not kept its name: %+v", now)
		}
		if got := now.Picture(); got != `WIFI:T:WPA;S:Línea\; 4;P:camp\: \"north\";;` {
			t.Errorf("its picture says %s", got)
		}
		now.Off = true
		if _, err := m.Set(t.Context(), now.Settings); err != nil {
			t.Fatal(err)
		}
		m.until(t, "it is not switched off", func(s State) bool { return s.Off && !s.On })
	})
	t.Run("a damaged file", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "keep", settingsFile), []byte(`{"name":"x","pass`), 0o600); err != nil {
			t.Fatal(err)
		}
		m := open(t, dir, `echo "wlp2s0: AP-ENABLED"`)
		if now := m.until(t, "a damaged file keeps the network down", func(s State) bool { return s.On }); now.Password == first.Password {
			t.Error("the network has an old password")
		}
	})
	t.Run("a radio that cannot", func(t *testing.T) {
		m := open(t, t.TempDir(), `echo "nl80211: Could not configure driver mode"; echo "wlp2s0: AP-DISABLED"; exit 1`)
		m.until(t, "nobody is told why there is no network", func(s State) bool {
			return s.There && !s.On && s.Trouble == "nl80211: Could not configure driver mode"
		})
		if err := os.RemoveAll(filepath.Join(m.dir, "sys/class/net/wlp2s0")); err != nil {
			t.Fatal(err)
		}
		m.until(t, "a radio that was unplugged is still there", func(s State) bool { return !s.There && s.Trouble == "" })
	})
}

// The key that hostapd gets is the one that every device makes of name and
// password (IEEE 802.11-2020, J.4.2, the first test vector).
func TestTheKeyIsThatOfEveryDevice(t *testing.T) {
	conf, err := Settings{Name: "ThisIsASSID", Password: "ThisIsAPassword"}.hostapd("wlan0", 6)
	if err != nil || !strings.Contains(conf, "wpa_psk=0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af\n") {
		t.Errorf("%v, %s", err, conf)
	}
}

// The image gives the radio the address of which the hotline speaks, and no cable
// any part of it.
func TestTheImageGivesTheAddress(t *testing.T) {
	raw, err := os.ReadFile("../../images/root/etc/systemd/network/60-radio.network")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "\nAddress="+Address+"/24\n") || !strings.Contains(string(raw), "[Match]\nType=wlan\n\n") {
		t.Errorf("the image says %s", raw)
	}
	wired, err := os.ReadFile("../../images/root/etc/systemd/network/75-wired.network")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(wired), "DHCPServer") || !strings.Contains(string(wired), "Type=ether\n") {
		t.Errorf("the image gives addresses on cables: %s", wired)
	}
}
