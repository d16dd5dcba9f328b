package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/triage/cards"
)

// Upload is a file that waits for somebody to say that it shall be imported. It
// is in memory alone: what is not imported leaves nothing behind.
type Upload struct {
	ID     string
	By     string
	At     time.Time
	Target string
	File   string
	SHA256 string
	Sheet  table.Sheet

	mu      sync.Mutex
	columns []string
}

// Limits of uploads. Together they may hold some hundred megabytes at worst.
const (
	mostUploads = 3
	keepUpload  = time.Hour
	tidyEvery   = 10 * time.Minute
)

// Take reads a file and keeps it for a while. A table.SheetError says what is
// wrong with it.
func (o *Office) Take(ctx context.Context, target, name string, file []byte, by, byName string) (*Upload, error) {
	t, known := o.Target(target)
	if !known {
		return nil, WrongTarget
	}
	o.reading.Lock()
	sheet, packed, err := table.Sheet{}, false, error(nil)
	if target == cards.Directory {
		sheet, packed, err = hsds(file)
	}
	if !packed {
		sheet, err = table.ReadSheet(file)
	}
	o.reading.Unlock()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	u := &Upload{By: by, Target: target, File: fileName(name), SHA256: hex.EncodeToString(sum[:]), Sheet: withoutTags(sheet)}
	if len(u.Sheet.Rows) == 0 {
		return nil, table.ErrSheetEmpty
	}
	u.columns = o.Guess(t, u.Sheet)
	err = o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		u.ID, u.At = tx.NewID(), tx.Now()
		tx.Emit(events.Event{Kind: EventChecked, Operation: o.cfg.Operation, By: by, Via: "web",
			Data: map[string]string{"name": byName, "target": target, "file": u.File, "sha256": u.SHA256, "rows": strconv.Itoa(len(u.Sheet.Rows))}})
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.uploads = append(o.uploads, u)
	if len(o.uploads) > mostUploads {
		o.uploads = slices.Delete(o.uploads, 0, len(o.uploads)-mostUploads)
	}
	return u, nil
}

// fileName is the last part of a name as browsers send it.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	runes := []rune(name)
	return string(runes[:min(len(runes), 120)])
}

// withoutTags leaves out the row of HXL tags that exports can have.
func withoutTags(s table.Sheet) table.Sheet {
	if len(s.Rows) == 0 {
		return s
	}
	tags := 0
	for _, cell := range s.Rows[0].Cells {
		switch {
		case strings.HasPrefix(cell, "#"):
			tags++
		case cell != "":
			return s
		}
	}
	if tags > 1 {
		s.Rows = s.Rows[1:]
	}
	return s
}

// Upload returns the file that somebody has brought, if it is still there.
func (o *Office) Upload(id, by string, now time.Time) (*Upload, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.uploads = slices.DeleteFunc(o.uploads, func(u *Upload) bool { return u.over(now) })
	for _, u := range o.uploads {
		if u.ID == id && u.By == by {
			return u, nil
		}
	}
	return nil, WrongGone
}

// over reports that nobody has said in time what becomes of the file.
func (u *Upload) over(now time.Time) bool { return now.Sub(u.At) > keepUpload }

// tidy forgets the files for which nobody came back.
func (o *Office) tidy(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.uploads = slices.DeleteFunc(o.uploads, func(u *Upload) bool { return u.over(now) })
}

// Drop forgets an upload.
func (o *Office) Drop(id, by string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.uploads = slices.DeleteFunc(o.uploads, func(u *Upload) bool { return u.ID == id && u.By == by })
}

// Columns say which field each column of the file is; "" is none.
func (u *Upload) Columns() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.columns)
}

// SetColumns says it anew.
func (o *Office) SetColumns(u *Upload, columns []string) error {
	t, _ := o.Target(u.Target)
	columns = slices.Clone(columns)
	seen := map[string]bool{}
	for i, name := range columns {
		f, known := t.field(name)
		if !known {
			columns[i] = ""
			continue
		}
		if seen[name] && !f.Joined && f.Kind != Several {
			return WrongTwice
		}
		seen[name] = true
	}
	for len(columns) < len(u.Sheet.Header) {
		columns = append(columns, "")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.columns = columns[:len(u.Sheet.Header)]
	return nil
}

// samples are shown of each column.
const samples = 3

// Samples are the first values of a column that are not empty.
func (u *Upload) Samples(column int) (some []string) {
	for _, row := range u.Sheet.Rows {
		if cell := row.Cells[column]; cell != "" && !slices.Contains(some, cell) {
			runes := []rune(cell)
			if some = append(some, string(runes[:min(len(runes), 60)])); len(some) == samples {
				break
			}
		}
	}
	return some
}

// Guess says which field each column seems to be: by its heading, in any of the
// languages of the pages or as exports write it, and for telephone numbers by
// what it holds.
func (o *Office) Guess(t Target, s table.Sheet) []string {
	called := map[string]string{}
	add := func(heading, field string) {
		if key := folded(heading); key != "" && called[key] == "" {
			called[key] = field
		}
	}
	for _, f := range t.Fields {
		add(f.Name, f.Name)
		for _, h := range f.Heads {
			add(h, f.Name)
		}
	}
	for _, f := range t.Fields { // after the exact ones: words may mean two things
		for _, label := range o.cfg.Labels(t.Name, f.Name) {
			add(label, f.Name)
		}
	}
	columns, taken := make([]string, len(s.Header)), map[string]bool{}
	for i, heading := range s.Header {
		key := folded(heading)
		name := called[key]
		if name == "" { // language 2, skill_3
			name = called[strings.TrimRight(key, " 0123456789")]
			if f, _ := t.field(name); f.Kind != Several {
				name = ""
			}
		}
		f, _ := t.field(name)
		if name != "" && (!taken[name] || f.Joined || f.Kind == Several) {
			columns[i], taken[name] = name, true
		}
	}
	for _, f := range t.Fields {
		if f.Kind == Phone && !taken[f.Name] {
			if i := o.numbers(s, columns); i >= 0 {
				columns[i] = f.Name
			}
			break
		}
	}
	return columns
}

// numbers is the column without a field that holds the most telephone numbers,
// -1 when none is filled with them by half.
func (o *Office) numbers(s table.Sheet, columns []string) int {
	rows := s.Rows[:min(len(s.Rows), 200)]
	best, most := -1, len(rows)/2
	for i := range s.Header {
		n := 0
		for _, row := range rows {
			if columns[i] == "" && call.ParseNumber(row.Cells[i], o.cfg.Region).E164() {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	return best
}

// folded is a text as it is compared: without case, marks and signs.
func folded(text string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(unicode.ToLower(r))
		default:
			space = true
		}
	}
	return b.String()
}
