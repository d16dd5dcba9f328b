//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"hotline/provisioning/radio"
)

// stationUnit starts the laptop of images/boot/station. It reaches the machine as
// a credential of systemd in the kernel's arguments, and is in no image.
const stationUnit = `[Unit]
After=systemd-udev-settle.service network.target
Wants=systemd-udev-settle.service
[Service]
ExecStartPre=/usr/bin/mkdir -p /run/trial
ExecStartPre=/usr/bin/mount -t vfat -o ro /dev/disk/by-label/TRIAL /run/trial
ExecStart=/run/trial/boot station ` + host + `:7979
StandardOutput=journal+console
StandardError=journal+console
`

// radio is a machine with two radios that are none: the first makes the network
// of the box, the second is a laptop's that joins it.
func (t *trial) radio(ctx context.Context) error {
	image, err := edited(ctx, t.dir, t.image, "hotline.cfg", "set arguments=\"modules-load=mac80211_hwsim systemd.wants=station.service systemd.set_credential_binary=systemd.extra-unit.station.service:"+
		base64.StdEncoding.EncodeToString([]byte(stationUnit))+"\"\r\n")
	if err != nil {
		return err
	}
	if t.m, err = newMachine(ctx, t.dir, image); err != nil {
		return err
	}
	m := t.m
	if err := m.told(ctx, "hotline.network", stickNetwork); err != nil {
		return err
	}
	if err := m.laptop(ctx); err != nil {
		return err
	}
	doors, err := net.Listen("tcp", host+":7979")
	if err != nil {
		return err
	}
	defer doors.Close()
	fmt.Println("Switched on for the first time, with a radio")
	if err := m.on(ctx); err != nil {
		return err
	}
	name, err := m.reads(ctx, `Wi-Fi: +(\S+)`, t.patience)
	if err != nil {
		return err
	}
	password, err := m.reads(ctx, `Password / C\S+: +(\S+)`, t.patience)
	if err != nil {
		return err
	}
	if _, err := m.reads(ctx, `(https://`+regexp.QuoteMeta(radio.Address)+`:8443/setup)`, t.patience); err != nil {
		return err
	}
	fmt.Printf("  the screen tells name and password of its Wi-Fi network, and its address there; %s\n", time.Since(m.started).Round(time.Second))
	laptop, err := doors.Accept()
	if err != nil {
		return err
	}
	defer laptop.Close()
	defer context.AfterFunc(ctx, func() { _ = laptop.Close() })()
	wish := order{Name: name, Password: password, Pages: "https://" + radio.Address + ":8443/setup", Beyond: host + ":7979"}
	if err := joined(laptop, wish); err != nil {
		return err
	}
	fmt.Println("  a laptop joins it by WPA2, gets an address, is led by every name to the page that points on, and opens the first page; past the box it gets nowhere")
	if err := silentCable(ctx); err != nil {
		return err
	}
	fmt.Println("  on the cable nobody is given an address, and names and the page of the radio are not there")

	told, err := t.settled(ctx)
	if err != nil {
		return err
	}
	if now := m.console(); strings.Contains(now[strings.LastIndex(now, "\x1b[3J")+1:], password) {
		return errors.New("the screen of a hotline that runs still shows the password of its Wi-Fi network")
	}
	admin, err := signIn(ctx, "ana", told.admin)
	if err != nil {
		return err
	}
	if page, err := get(admin, "/admin/system"); err != nil || !strings.Contains(page, name) || !strings.Contains(page, password) {
		return fmt.Errorf("the page of the machine does not show the Wi-Fi network: %w", err)
	}
	const newName, newPassword = "Línea; 4", `camp: "north", 12`
	if _, err := send(ctx, admin, pages, "/admin/system/radio", url.Values{"name": {newName}, "password": {newPassword}, "do": {"save"}}); err != nil {
		return err
	}
	wish.Name = newName
	if f, err := ask(laptop, wish); err != nil || f.Joined || f.Wrong != wrongPassword {
		return fmt.Errorf("the new network is joined with the old password: %+v, %w", f, err)
	}
	wish.Password, wish.Pages, wish.Seen = newPassword, "https://"+radio.Address+":8443/login", true
	if err := joined(laptop, wish); err != nil {
		return err
	}
	fmt.Println("  the screen of a hotline that runs tells the password no more; an administrator gives the network another name and password, and the laptop joins it with that one alone")
	if err := m.reset(ctx); err != nil {
		return err
	}
	if err := t.again(ctx); err != nil {
		return err
	}
	if laptop, err = doors.Accept(); err != nil {
		return err
	}
	defer laptop.Close()
	wish.Seen = false // the box has forgotten that
	if err := joined(laptop, wish); err != nil {
		return err
	}
	fmt.Println("  after a power cut it is the same network")
	return m.complains()
}

// ask gives the laptop an order.
func ask(laptop net.Conn, wish order) (f found, err error) {
	if err := laptop.SetDeadline(time.Now().Add(6 * time.Minute)); err != nil {
		return f, err
	}
	if err := json.NewEncoder(laptop).Encode(wish); err != nil {
		return f, err
	}
	return f, json.NewDecoder(laptop).Decode(&f)
}

// joined wants all of it to be as it should.
func joined(laptop net.Conn, wish order) error {
	f, err := ask(laptop, wish)
	if err != nil {
		return err
	}
	for what, so := range map[string]bool{
		"the network is not joined":                                             f.Joined,
		"the address is none of the network":                                    strings.HasPrefix(f.Address, strings.TrimSuffix(radio.Address, "1")) && f.Address != radio.Address,
		"the box is not the one for names and ways":                             f.Names == radio.Address && f.Router == radio.Address,
		"names do not lead to the box alone":                                    len(f.Named) == 2 && strings.HasSuffix(f.Named[0], "\tA\t"+radio.Address) && strings.HasSuffix(f.Named[1], "\tA\t"+radio.Address),
		"whoever looks for an internet is not led to the page":                  wish.Seen || f.Probe == 302 && f.Leads == "http://"+radio.Address+"/" && f.ProbeSeen == 302,
		"the page does not say where the pages are":                             wish.Seen || strings.Contains(f.Page, "https://hotline.local:8443") && strings.Contains(f.Page, "https://"+radio.Address+":8443"),
		"a telephone whose owner has seen the page hears not what it waits for": wish.Seen && f.Probe == 204 || f.ProbeAfter == 204,
		"the pages of the hotline do not open":                                  f.First == 200 && strings.Contains(f.Pages, "<form"),
		"the certificate does not cover its address there":                      f.Covered,
		"somebody on the radio gets past the box":                               !f.Through,
		"something went wrong":                                                  f.Wrong == "",
	} {
		if !so {
			f.Page, f.Pages = tail(f.Page), ""
			return fmt.Errorf("%s: %+v", what, f)
		}
	}
	return nil
}

// silentCable asks for an address on the cable, with the program by which the
// laptop got one, and for what only the radio offers.
func silentCable(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "busybox", "udhcpc", "-i", "tap0", "-f", "-n", "-q", "-t", "4", "-T", "2", "-s", "/bin/true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no lease") {
		return fmt.Errorf("the box gives addresses on a cable: %w: %s", err, out)
	}
	if err := run(ctx, "ip", "route", "replace", radio.Address+"/32", "via", guest); err != nil {
		return err
	}
	for _, port := range []string{"53", "80"} {
		if conn, err := net.DialTimeout("tcp", radio.Address+":"+port, 3*time.Second); err == nil {
			conn.Close()
			return fmt.Errorf("port %s of the radio is open on the cable", port)
		}
	}
	// It is there, and reached in this way.
	conn, err := net.DialTimeout("tcp", radio.Address+":8443", 10*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// laptop gives the machine a disk with the laptop on it.
func (m *machine) laptop(ctx context.Context) error {
	self, err := os.Executable() // images/try makes it without a need for libraries
	if err != nil {
		return err
	}
	files := []string{self}
	for _, name := range []string{"busybox", "iw", "wpa_supplicant"} {
		at, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("the laptop needs the Debian packages busybox-static, iw and wpasupplicant: %w", err)
		}
		files = append(files, at)
		if name == "busybox" {
			continue
		}
		needs, err := exec.CommandContext(ctx, "ldd", at).Output()
		if err != nil {
			return fmt.Errorf("the libraries of %s: %w", name, err)
		}
		for _, found := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(needs), -1) {
			files = append(files, found[1])
		}
	}
	image := m.path("laptop.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := errors.Join(os.Truncate(image, 96<<20), run(ctx, "mkfs.vfat", "-n", "TRIAL", image)); err != nil {
		return err
	}
	slices.Sort(files)
	for _, file := range slices.Compact(files) { // two programs need the same libraries
		name := filepath.Base(file)
		if strings.HasPrefix(name, "ld-linux") {
			name = "ld.so"
		}
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			return err
		}
		if err := run(ctx, "mcopy", "-i", image, real, "::/"+name); err != nil {
			return err
		}
	}
	m.more = append(m.more, "-drive", "file="+image+",if=virtio,format=raw")
	return nil
}
