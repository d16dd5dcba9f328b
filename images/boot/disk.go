//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// What the pages say.
const (
	diskAway   = "The USB disk for backups is not plugged in"
	diskLetGo  = "The disk can be pulled out now."
	placeTaken = "Backups go there now."
)

// disk lets somebody keep backups on a USB disk, pull it out while it is used, put
// it back, and make a new machine of it when the first is gone.
func (t *trial) disk(ctx context.Context) (err error) {
	if t.m, err = t.withPort(ctx, t.dir); err != nil {
		return err
	}
	m := t.m
	fmt.Println("Switched on for the first time, with a USB port that is empty")
	if err := m.on(ctx); err != nil {
		return err
	}
	told, err := t.settled(ctx)
	if err != nil {
		return err
	}
	admin, err := signIn(ctx, "ana", told.admin)
	if err != nil {
		return err
	}
	usb, err := newUSB(ctx, m.path("usb.img"), m.path("hotline.network"))
	if err != nil {
		return err
	}

	fmt.Println("A USB disk is plugged in")
	at, err := m.offered(ctx, admin, usb, "usb", 1)
	if err != nil {
		return err
	}
	if err := chosen(ctx, admin, at[0]); err != nil {
		return err
	}
	if err := oneCall(ctx, 0); err != nil {
		return err
	}
	if err := backedUp(ctx, admin); err != nil {
		return err
	}
	fmt.Printf("  the page offers it as %s; backups go there, and one with a call in it is done\n", at[0])

	fmt.Println("It is pulled out while it is used")
	if _, err := m.order(ctx, "device_del usb"); err != nil {
		return err
	}
	pulled := time.Now()
	if err := healthUntil(ctx, admin, diskAway, true); err != nil {
		return err
	}
	fmt.Printf("  health says so after %s\n", time.Since(pulled).Round(time.Second))
	if err := oneCall(ctx, 1); err != nil {
		return err
	}
	fmt.Println("It is plugged in again")
	back := time.Now()
	if _, err := m.offered(ctx, admin, usb, "usb2", 1); err != nil {
		return err
	}
	if err := healthUntil(ctx, admin, diskAway, false); err != nil {
		return err
	}
	if err := backedUp(ctx, admin); err != nil {
		return err
	}
	fmt.Printf("  backups go on by themselves; the call of meanwhile is in one after %s\n", time.Since(back).Round(time.Second))
	if err := t.strangeDisks(ctx, admin, usb); err != nil {
		return err
	}

	if err := t.keyOnDisk(ctx, told, at[0]); err != nil {
		return err
	}
	if admin, err = signIn(ctx, "ana", told.admin); err != nil {
		return err
	}
	fmt.Println("It is pulled out, after the press that asks for it")
	if page, err := send(ctx, admin, pages, "/admin/backup/disk", url.Values{"disk": at}); err != nil || !strings.Contains(page, diskLetGo) {
		return fmt.Errorf("the page does not say that the disk can be pulled out: %w: %s", err, tail(page))
	}
	if _, err := m.order(ctx, "device_del usb2"); err != nil {
		return err
	}
	if err := wholeUSB(ctx, usb); err != nil {
		return err
	}
	fmt.Println("  its file system is closed and whole")
	if err := m.complains(); err != nil {
		return err
	}
	m.pull()
	return t.newOne(ctx, told, usb)
}

// newOne makes a new machine of the disk, with the recovery key from the sheet.
func (t *trial) newOne(ctx context.Context, told made, usb string) error {
	dir := filepath.Join(t.dir, "new")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	m, err := t.withPort(ctx, dir)
	if err != nil {
		return err
	}
	t.m = m
	m.bare = true // its address stands on the disk, too
	m.more = append(m.more, "-drive", "if=none,id=usb,format=raw,file="+usb, "-device", "usb-storage,id=usb,drive=usb,bus=port.0")
	fmt.Println("The first machine is gone; a new one is switched on with the disk in it")
	if err := m.on(ctx); err != nil {
		return err
	}
	code, err := m.reads(ctx, `Code / C.+digo: +([A-Z2-9]{4}-[A-Z2-9]{4})`, t.patience)
	if err != nil {
		return err
	}
	c := client()
	if err := until(ctx, t.patience, "the first page does not come", func() bool { _, err := get(c, "/setup"); return err == nil }); err != nil {
		return err
	}
	if _, err := send(ctx, c, pages, "/setup/code", url.Values{"code": {code}}); err != nil {
		return err
	}
	from := ""
	if err := until(ctx, t.patience, "the page offers no backup", func() bool {
		page, err := get(c, "/setup/restore")
		from = between(page, `name="place" value="(/media/[^"]+)"`)
		return err == nil && from != ""
	}); err != nil {
		return err
	}
	begun := time.Now()
	fmt.Printf("  after %s the first pages offer the backup %s\n", begun.Sub(m.started).Round(time.Second), from)
	if err := bringKey(ctx, c, from, told.recovery); err != nil {
		return err
	}
	page := ""
	if err := until(ctx, t.patience, "the backup is not opened", func() bool {
		page, err = get(c, "/setup/restore")
		return err != nil || strings.Contains(page, `data-restore="found"`) || strings.Contains(page, `role="alert"`)
	}); err != nil || !strings.Contains(page, `data-restore="found"`) {
		return fmt.Errorf("the backup cannot be opened: %w: %s", err, tail(page))
	}
	if _, err := send(ctx, c, pages, "/setup/restore/use", nil); err != nil {
		return err
	}
	if err := answers(ctx, t.patience); err != nil {
		return err
	}
	if err := nextCaller(ctx); err != nil {
		return err
	}
	fmt.Printf("  restored and answering %s after it was switched on, %s of it from the press that opens the backup (typed without thinking)\n",
		time.Since(m.started).Round(time.Second), time.Since(begun).Round(time.Second))
	if err := onList(ctx, told.password, 2); err != nil {
		return err
	}
	fmt.Println("  both callers of the first machine are on record, and its passwords sign in")
	// It goes on where the first one ended, on the same disk.
	admin, err := signIn(ctx, "ana", told.admin)
	if err != nil {
		return err
	}
	if err := backedUp(ctx, admin); err != nil {
		return err
	}
	fmt.Println("  its own backups go to the same disk")
	return m.complains()
}

// withPort is a machine with a USB port, and a stick that gives it an address.
func (t *trial) withPort(ctx context.Context, dir string) (*machine, error) {
	m, err := newMachine(ctx, dir, t.image)
	if err != nil {
		return nil, err
	}
	m.more = append(m.more, "-device", "qemu-xhci,id=port")
	return m, m.told(ctx, "hotline.network", stickNetwork)
}

// newUSB makes a disk as it is bought: with a table of partitions, and FAT in its
// only one. It is the stick that tells a machine its address, too.
func newUSB(ctx context.Context, path, told string) (string, error) {
	const first, sectors = 2048, 256 << 11
	part := path + ".part"
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		return "", err
	}
	defer os.Remove(part)
	if err := errors.Join(os.Truncate(part, sectors*512), run(ctx, "mkfs.vfat", "-F", "32", "-n", "HOTLINE", part), run(ctx, "mcopy", "-i", part, told, "::/hotline.network")); err != nil {
		return "", err
	}
	fat, err := os.ReadFile(part)
	if err != nil {
		return "", err
	}
	table := make([]byte, first*512)
	entry := table[446:462]
	entry[4] = 0x0c // FAT32
	binary.LittleEndian.PutUint32(entry[8:], first)
	binary.LittleEndian.PutUint32(entry[12:], sectors)
	table[510], table[511] = 0x55, 0xaa
	return path, os.WriteFile(path, append(table, fat...), 0o600)
}

// wholeUSB looks whether its file system was closed and is whole, as any other
// computer would.
func wholeUSB(ctx context.Context, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	part := path + ".part"
	defer os.Remove(part)
	if err := os.WriteFile(part, raw[2048*512:], 0o600); err != nil {
		return err
	}
	return run(ctx, "fsck.vfat", "-n", part)
}

var onOffer = regexp.MustCompile(`name="kind" value="disk:(/media/[^"]+)"`)

// offered plugs a disk in and waits until the page of the backups offers so many.
func (m *machine) offered(ctx context.Context, admin *http.Client, image, name string, disks int) (at []string, err error) {
	if said, err := m.order(ctx, fmt.Sprintf("drive_add 0 if=none,id=drive-%s,format=raw,file=%s", name, image)); err != nil || !strings.Contains(said, "OK") {
		return nil, fmt.Errorf("the disk cannot be plugged in: %w: %q", err, said)
	}
	if _, err := m.order(ctx, fmt.Sprintf("device_add usb-storage,id=%s,drive=drive-%s,bus=port.0", name, name)); err != nil {
		return nil, err
	}
	plugged := time.Now()
	page := ""
	err = until(ctx, 3*time.Minute, fmt.Sprintf("the page does not offer %d disks", disks), func() bool {
		page, err = get(admin, "/admin/backup")
		at = nil
		for _, found := range onOffer.FindAllStringSubmatch(page, -1) {
			at = append(at, found[1])
		}
		return err == nil && len(at) == disks
	})
	if err != nil {
		return at, fmt.Errorf("%w: %s", err, between(page, `(?s)<fieldset class="stack">(.*?)</fieldset>`))
	}
	fmt.Printf("  it is offered %s after it was plugged in\n", time.Since(plugged).Round(time.Second))
	return at, nil
}

// keyOnDisk keeps the key of the box on the disk, cuts the power, and takes the key
// back.
func (t *trial) keyOnDisk(ctx context.Context, told made, at string) error {
	fmt.Println("The key of the box is put onto the disk, and the power goes away")
	for _, form := range []url.Values{{"kind": {"stick:" + at}}, {"kind": {"file"}}} {
		admin, err := signIn(ctx, "ana", told.admin)
		if err != nil {
			return err
		}
		if page, err := send(ctx, admin, pages, "/admin/key", form); err != nil || !strings.Contains(page, "The key is kept in this way now.") {
			return fmt.Errorf("the key is not kept as %v: %w: %s", form, err, tail(page))
		}
		if form.Get("kind") == "file" {
			break
		}
		if err := t.m.reset(ctx); err != nil {
			return err
		}
		if err := t.again(ctx); err != nil {
			return err
		}
	}
	fmt.Println("  with the disk in it, it has started by itself")
	return nil
}

// strangeDisks plugs in what somebody might bring who means harm, or by mistake.
func (t *trial) strangeDisks(ctx context.Context, admin *http.Client, usb string) error {
	m := t.m
	fmt.Println("Beside it, a copy of it is plugged in, one with exFAT, and one with ext4 that means harm")
	twin := m.path("twin.img")
	if err := run(ctx, "cp", "--sparse=always", usb, twin); err != nil {
		return err
	}
	at, err := m.offered(ctx, admin, twin, "twin", 2)
	if err != nil {
		return err
	}
	if at[1] != at[0]+"-2" {
		return fmt.Errorf("the disk and its copy are at %q", at)
	}
	first := at[0]
	camera := m.path("camera.img")
	if err := errors.Join(os.WriteFile(camera, nil, 0o600), os.Truncate(camera, 64<<20), run(ctx, "mkfs.exfat", "-L", "CAMERA", camera)); err != nil {
		return err
	}
	if at, err = m.offered(ctx, admin, camera, "camera", 3); err != nil {
		return err
	}
	exfat := at[0] // they are in the order of their names
	// Its folder of backups leads into the records of the box.
	evil, tree := m.path("evil.img"), m.path("evil")
	if err := errors.Join(os.Mkdir(tree, 0o755), os.Symlink("/data/hotline", filepath.Join(tree, "hotline-evil")), os.WriteFile(filepath.Join(tree, "note"), []byte("hello"), 0o600)); err != nil {
		return err
	}
	if err := run(ctx, "mke2fs", "-q", "-t", "ext4", "-L", "../../data", "-d", tree, evil, "64M"); err != nil {
		return err
	}
	if at, err = m.offered(ctx, admin, evil, "evil", 4); err != nil {
		return err
	}
	if !regexp.MustCompile(`^/media/data-[0-9a-f]{8}$`).MatchString(at[3]) {
		return fmt.Errorf("a disk named ../../data is at %q", at[3])
	}
	// Each can be written, whoever it belonged to.
	for _, place := range []string{exfat, at[3], first} {
		if err := chosen(ctx, admin, place); err != nil {
			return err
		}
	}
	for _, name := range []string{"twin", "camera", "evil"} {
		if _, err := m.order(ctx, "device_del "+name); err != nil {
			return err
		}
	}
	if err := until(ctx, time.Minute, "the pages still offer disks that are gone", func() bool {
		page, err := get(admin, "/admin/backup")
		return err == nil && len(onOffer.FindAllString(page, -1)) == 1
	}); err != nil {
		return err
	}
	if err := backedUp(ctx, admin); err != nil {
		return err
	}
	fmt.Println("  each has a folder of its own below /media, none leads out of it, and they go as they came")
	return nil
}

// chosen makes a disk the place of the backups.
func chosen(ctx context.Context, admin *http.Client, at string) error {
	page, err := send(ctx, admin, pages, "/admin/backup", url.Values{"kind": {"disk:" + at}})
	if err != nil || !strings.Contains(page, placeTaken) {
		return fmt.Errorf("%s was chosen, and the page does not say that backups go there: %w: %s", at, err, tail(page))
	}
	return nil
}

// oneCall is a caller who is answered and hangs up.
func oneCall(ctx context.Context, n int) error {
	held, err := ring(ctx, n, 1)
	if err != nil {
		return err
	}
	held[0].Hangup()
	return nil
}

// backedUp waits for a backup that was begun after now: for the second one that the
// page tells of from now on.
func backedUp(ctx context.Context, admin *http.Client) error {
	seen := map[string]bool{}
	return until(ctx, 6*time.Minute, "no backup is made", func() bool {
		page, err := get(admin, "/admin/backup")
		if last := between(page, `Everything up to (.+?) is safe`); err == nil && last != "" {
			seen[last] = true
		}
		return len(seen) > 2
	})
}

// healthUntil waits until the page of the machine's health says something, or no
// longer says it.
func healthUntil(ctx context.Context, admin *http.Client, words string, says bool) error {
	otherwise := "health does not say: "
	if !says {
		otherwise = "health still says: "
	}
	return until(ctx, 4*time.Minute, otherwise+words, func() bool {
		page, err := get(admin, "/health")
		return err == nil && strings.Contains(page, words) == says
	})
}

// bringKey opens a backup as the form of the first pages does.
func bringKey(ctx context.Context, c *http.Client, place, key string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := errors.Join(form.WriteField("place", place), form.WriteField("place", ""), form.WriteField("key", key), form.Close()); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, pages+"/setup/restore", &body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Origin", pages)
	res, err := c.Do(request)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("the backup is not opened: %s: %s", res.Status, tail(string(page)))
	}
	return err
}
