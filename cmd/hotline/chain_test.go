package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"filippo.io/age"
	"golang.org/x/text/unicode/norm"

	"hotline/appliance/backup"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/triage/privacy"
	"hotline/volunteers"
)

// readTables reads a workbook and a CSV file with nothing but the standard
// library of another language: rows by the names of their columns.
const readTables = `
import csv, io, json, sys, zipfile, xml.etree.ElementTree as ET
main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
book = zipfile.ZipFile(sys.argv[1])
assert book.testzip() is None
names, sheet = {}, []
for n, row in enumerate(ET.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(main + "row")):
    cells = {}
    for c in row.iter(main + "c"):
        letters = "".join(x for x in c.get("r") if x.isalpha())
        inline, value = c.find(main + "is"), c.find(main + "v")
        cells[letters] = "".join(t.text or "" for t in inline.iter(main + "t")) if inline is not None else value.text if value is not None else ""
    if n == 0:
        names = cells
    else:
        sheet.append({name: cells.get(at, "") for at, name in names.items()})
with open(sys.argv[2], encoding="utf-8-sig", newline="") as f:
    text = list(csv.DictReader(f))
print(json.dumps({"xlsx": sheet, "csv": text}))
`

// carriedAway exports what a search has found, everything of it, for which a
// second person is needed, and compares every cell that another program finds
// with the record.
func (b *box) carriedAway(filter, id string) {
	b.t.Helper()
	const password = "correct-horse-battery"
	ours, second := b.web("coordinator"), b.web("admin")
	asked := b.post(ours, "records/export", url.Values{"set": {"volunteers"}, "format": {"xlsx", "csv"}, "level": {"L3"}, "to": {"inside"}, "filter": {filter},
		"reason": {"the list for the hospital"}, "password": {password}})
	b.post(second, asked, url.Values{"do": {"approve"}})
	b.until("the file is made", func() bool { return strings.Contains(b.shown(ours, asked), asked+"/file") })
	dir := b.t.TempDir()
	pack := filepath.Join(dir, "volunteers.zip")
	if err := os.WriteFile(pack, []byte(b.shown(ours, asked+"/file")), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if out, err := exec.CommandContext(b.t.Context(), "7zz", "x", "-y", "-p"+password, "-o"+dir, pack).CombinedOutput(); err != nil {
		b.t.Fatalf("7-Zip: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(b.t.Context(), "python3", "-c", readTables, filepath.Join(dir, "volunteers.xlsx"), filepath.Join(dir, "volunteers.csv")).Output()
	if err != nil {
		b.t.Fatalf("python3: %v", err)
	}
	var found struct{ XLSX, CSV []map[string]string }
	if err := json.Unmarshal(out, &found); err != nil {
		b.t.Fatal(err)
	}
	r, err := volunteers.NewRegistry(b.h.records, liststest.Open(b.t, b.h.records)).Get(id)
	if err != nil {
		b.t.Fatal(err)
	}
	day := func(at time.Time) string { // as workbooks count: days since the end of 1899
		return strconv.FormatFloat(float64(at.Unix()-time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix())/86400, 'g', -1, 64)
	}
	moments := map[string]time.Time{"consent_at": r.Consent.At, "registered_at": r.RegisteredAt, "updated_at": r.UpdatedAt, "status_at": r.StatusAt}
	want := map[string]string{"volunteer_id": r.ID, "code": r.Code, "given_name": "Guadalupe", "family_name": "Hernández", "phone": "+12024561112", "language_1": "en",
		"adult": "adult", "postcode": "12345", "willing": "region", "availability": "now", "skill_1": "nurse", "needs_check": "0", "transport": "car", "consent_data": "1", "consent_version": r.Consent.Version,
		"recordings": "name; skills", "status": "available", "incomplete": "0", "source": "phone", "contact_id": r.Contact, "legal_basis": r.LegalBasis, "share_scope": r.ShareScope,
		"hours_day": "0", "minor_guardian_consent": "0", "certificate_verified": "0", "total_hours": "0", "deleted": "0", "consent_conduct": "0", "emergency_contact_name": "=Ana, «mother»\n2nd floor"}
	if len(found.XLSX) != 1 || len(found.CSV) != 1 || len(found.CSV[0]) < 50 {
		b.t.Fatalf("python finds %d and %d rows of %d columns", len(found.XLSX), len(found.CSV), len(found.CSV[0]))
	}
	for column, got := range found.CSV[0] {
		inSheet, inText := want[column], want[column]
		switch at, isMoment := moments[column]; {
		case isMoment:
			inSheet, inText = day(at.Truncate(time.Second)), at.UTC().Format(time.RFC3339)
		case column == "phone":
			inText = "'" + inText
		case strings.HasPrefix(inText, "="):
			inSheet, inText = "'"+inSheet, "'"+strings.ReplaceAll(inText, "\n", "\r\n")
		}
		if sheet, there := found.XLSX[0][column]; got != inText || sheet != inSheet || !there {
			b.t.Errorf("python finds %q in the workbook and %q in the text under %s; the record has %q", sheet, got, column, inSheet)
		}
	}
	for column := range want {
		if _, there := found.CSV[0][column]; !there {
			b.t.Errorf("there is no column %s", column)
		}
	}
}

// forgotten erases a person at the page and looks for them in everything that the
// box keeps, in the backups, and with the eyes of somebody who reads the disk.
func (b *box) forgotten(id, contact string, secrets ...string) {
	b.t.Helper()
	boss := b.web("admin")
	text, err := b.h.backups.NewRecoveryKey(b.t.Context(), "chen")
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := age.ParseX25519Identity(text)
	if err != nil {
		b.t.Fatal(err)
	}
	restored := func() []string {
		b.t.Helper()
		to := filepath.Join(b.t.TempDir(), "again")
		if err := b.h.backups.Now(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		if _, err := backup.Restore(b.t.Context(), filepath.Join(b.data, "backups"), to, time.Time{}, key); err != nil {
			b.t.Fatal(err)
		}
		return grep(b.t, to, secrets...)
	}
	sealed, sounds := b.sealedOf(id, contact)
	onDisk := func() (there int) {
		raw, err := os.ReadFile(store.FilePath(b.data))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, value := range sealed {
			if bytes.Contains(raw, value) {
				there++
			}
		}
		return there
	}
	before := time.Now()
	live, err := b.h.records.Mentions(b.t.Context(), secrets...)
	if err != nil || len(live) < 3 || len(restored()) < 3 || len(sealed) < 4 || onDisk() != len(sealed) || sounds < 2 {
		b.t.Fatalf("the control: they are in %v, %d of %d sealed values are on the disk, %d of them sound, %v", live, onDisk(), len(sealed), sounds, err)
	}
	if page := b.reply(boss, "admin/privacy", url.Values{"do": {"erase"}, "number": {"(202) 456-1112"}, "why": {"asked"}}); strings.Contains(page, "registrants/") {
		b.t.Errorf("the page of erasing says that something is left:\n%s", page)
	}
	b.until("the file is compacted", func() bool { return onDisk() == 0 })
	if found := restored(); len(found) > 0 {
		b.t.Errorf("the backup after it still has them in %v", found)
	}
	if _, err := backup.Restore(b.t.Context(), filepath.Join(b.data, "backups"), filepath.Join(b.t.TempDir(), "older"), before, key); !errors.Is(err, backup.ErrNothing) {
		b.t.Errorf("a backup from before it can still be put back: %v", err)
	}
	if page := b.shown(boss, "records?tab=registrants&q=guadalupe"); strings.Contains(page, id) {
		b.t.Error("they are still found")
	}
	// Everything that lies in the folder, after the end of the program.
	b.stop()
	b.until("the hotline has ended", func() bool {
		s, err := store.Open(b.data, slog.New(slog.DiscardHandler))
		if err != nil {
			return false
		}
		if err := errors.Join(privacy.New(s, "Flood", slog.New(slog.DiscardHandler)).Scrub(context.WithoutCancel(b.t.Context())), s.Close()); err != nil {
			b.t.Error(err)
		}
		return true
	})
	if found := grep(b.t, b.data, secrets...); len(found) > 0 || onDisk() != 0 {
		b.t.Errorf("they are still in %v, and %d of their sealed values on the disk", found, onDisk())
	}
	b.sweptOut(secrets)
}

// sweptOut looks through the log and the names of files.
func (b *box) sweptOut(secrets []string) {
	b.t.Helper()
	log, err := os.ReadFile(filepath.Join(b.t.ArtifactDir(), "hotline.log"))
	if err != nil {
		b.t.Fatal(err)
	}
	err = filepath.WalkDir(b.data, func(path string, _ fs.DirEntry, err error) error {
		log = append(append(log, path...), '\n')
		return err
	})
	if err != nil {
		b.t.Error(err)
	}
	for _, secret := range secrets {
		if bytes.Contains(log, []byte(secret)) {
			b.t.Errorf("%q is in the log or in the name of a file", secret)
		}
	}
}

// sealedOf are the values of all records of a person as they lie on the disk,
// and how many of them are sound.
func (b *box) sealedOf(ids ...string) (values [][]byte, sounds int) {
	b.t.Helper()
	d, err := b.h.records.BeginDump(true)
	if err != nil {
		b.t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := errors.Join(d.Write(b.t.Context(), &dump), d.Close()); err != nil {
		b.t.Fatal(err)
	}
	for _, id := range ids {
		for rest := dump.Bytes(); ; {
			i := bytes.Index(rest, []byte(id))
			if i < 0 {
				break
			}
			rest = rest[i+len(id):]
			for _, suffix := range []string{"", "/name", "/skills"} { // sound lies beside its record
				value, isKey := bytes.CutPrefix(rest, []byte(suffix))
				size, n := binary.Uvarint(value)
				if !isKey || n <= 0 || size < 64 || size > uint64(len(value)-n) {
					continue
				}
				values = append(values, value[n:n+int(size)])
				if suffix != "" {
					sounds++
				}
			}
		}
	}
	return values, sounds
}

// everyForm is how a name or a number can stand in a file.
func everyForm(words ...string) (forms []string) {
	for _, w := range words {
		turned := []rune(w)
		slices.Reverse(turned)
		for _, form := range []string{w, strings.ToLower(w), strings.ToUpper(w), norm.NFD.String(w), string(turned), url.QueryEscape(w), strings.Trim(strconv.QuoteToASCII(w), `"`)} {
			little, big := []byte{}, []byte{}
			for _, unit := range utf16.Encode([]rune(form)) {
				little, big = binary.LittleEndian.AppendUint16(little, unit), binary.BigEndian.AppendUint16(big, unit)
			}
			forms = append(forms, form, string(little), string(big))
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// shown is what an address shows.
func (b *box) shown(who *http.Client, path string) string {
	b.t.Helper()
	res, err := who.Get(b.base + path)
	return b.body(path, res, err)
}

// reply is what a form is answered with.
func (b *box) reply(who *http.Client, path string, form url.Values) string {
	b.t.Helper()
	res, err := who.PostForm(b.base+path, form)
	return b.body(path, res, err)
}

func (b *box) body(path string, res *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return string(body)
}

// post sends a form and says where it leads.
func (b *box) post(who *http.Client, path string, form url.Values) (to string) {
	b.t.Helper()
	res, err := who.PostForm(b.base+path, form)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK { // after the redirect
		b.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return strings.TrimPrefix(res.Request.URL.Path, "/")
}
