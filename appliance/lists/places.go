package lists

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/search"
	"hotline/appliance/store"
	sheets "hotline/appliance/table"
)

// Places are the administrative areas and settlements of a country with their
// P-codes (domain 1.3): some thousands, brought in a file, looked for while
// somebody types.

// PlacesName is the name of the places where lists are named.
const PlacesName = "places"

// ADM1 to ADM4 are the levels below the country.
const deepest = 4

// PlaceEntry is one place.
type PlaceEntry struct {
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	Other  []string `json:"other,omitempty"`  // names in other languages
	Parent string   `json:"parent,omitempty"` // code
	Level  int      `json:"level"`            // 0 the country, 1 … 4
	Off    bool     `json:"off,omitempty"`    // offered no more
}

// placeFile is all places: one record, so that they change all at once.
type placeFile struct {
	Places []PlaceEntry `json:"places"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"`
	// Of places that a file has changed: when it did.
	Until time.Time `json:"until,omitzero"`
}

var placeTable = store.NewTable[placeFile]("places")

const currentKey = "current"

// gazetteer is the places as they are looked for. It is never changed; the index
// is built when somebody looks for the first time.
type gazetteer struct {
	list   []PlaceEntry
	at     time.Time
	byCode map[string]int
	once   sync.Once
	byText map[string]string // the words with which a place is offered, folded, to its code
	index  *search.Index
}

func newGazetteer(f placeFile) *gazetteer {
	g := &gazetteer{list: f.Places, at: f.At, byCode: make(map[string]int, len(f.Places))}
	for i, p := range g.list {
		g.byCode[p.Code] = i
	}
	return g
}

func (k *Keeper) readPlaces(tx *store.Tx) error {
	f, err := placeTable.Get(tx, currentKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		k.places.Store(newGazetteer(f))
	}
	return err
}

// chain is a place and what it lies in, the smallest first, without the country.
func (g *gazetteer) chain(code string) []PlaceEntry {
	var out []PlaceEntry
	for len(out) <= deepest {
		i, there := g.byCode[code]
		if !there || g.list[i].Level == 0 {
			break
		}
		out = append(out, g.list[i])
		code = g.list[i].Parent
	}
	return out
}

// label is how a place is offered: its name and what it lies in.
func (g *gazetteer) label(p PlaceEntry) string {
	words := []string{p.Name}
	for _, up := range g.chain(p.Parent) {
		words = append(words, up.Name)
	}
	return strings.Join(words, ", ")
}

func (g *gazetteer) prepare() {
	g.once.Do(func() {
		g.byText, g.index = make(map[string]string, len(g.list)), search.New(nil)
		twice := map[string]bool{}
		for i, p := range g.list {
			if p.Off {
				continue
			}
			text := strings.ToLower(g.label(p))
			if _, taken := g.byText[text]; taken {
				twice[text] = true
			}
			g.byText[text] = p.Code
			g.byText[strings.ToLower(p.Code)] = p.Code
			var id ulid.ULID
			binary.BigEndian.PutUint64(id[8:], uint64(i))
			texts := append([]string{p.Name, p.Code}, p.Other...)
			for _, up := range g.chain(p.Parent) {
				texts = append(texts, up.Name)
			}
			// Of two that fit equally the larger one comes first.
			doc := search.Doc{ID: id.String(), At: time.Unix(0, 0).AddDate(deepest-p.Level, 0, 0), Texts: texts}
			if err := g.index.Put(PlacesName, doc); err != nil {
				continue // only ids can be wrong, and these are not
			}
		}
		for text := range twice {
			delete(g.byText, text)
		}
	})
}

// Found is a place as it is offered.
type Found struct {
	Code string `json:"code"`
	Text string `json:"text"` // what stands in the field when it is chosen
}

// FindPlaces are the places that fit what somebody has typed so far, the best
// first.
func (k *Keeper) FindPlaces(typed string, limit int) []Found {
	g := k.places.Load()
	if len(g.list) == 0 || strings.TrimSpace(typed) == "" {
		return nil
	}
	g.prepare()
	var out []Found
	for _, id := range g.index.Find(PlacesName, search.Query{Text: typed, Limit: limit}).IDs {
		at, err := ulid.ParseStrict(id)
		if err != nil {
			continue
		}
		p := g.list[binary.BigEndian.Uint64(at[8:])]
		text := g.label(p)
		if g.byText[strings.ToLower(text)] != p.Code { // two of the same name in the same area
			text += " · " + p.Code
		}
		out = append(out, Found{p.Code, text})
	}
	return out
}

// PlaceCode is the code of the place whose offered words, or whose code, stand
// in a field; "" for words of somebody's own.
func (k *Keeper) PlaceCode(text string) string {
	g := k.places.Load()
	text = strings.ToLower(strings.TrimSpace(text))
	if len(g.list) == 0 || text == "" {
		return ""
	}
	g.prepare()
	if _, code, marked := strings.Cut(text, " · "); marked {
		text = code
	}
	return g.byText[text]
}

// PlaceChain are the place with a code and what it lies in, by level: [0] is
// ADM1. Levels that are not known are empty.
func (k *Keeper) PlaceChain(code string) (levels [deepest]PlaceEntry) {
	for _, p := range k.places.Load().chain(code) {
		if p.Level >= 1 && p.Level <= deepest {
			levels[p.Level-1] = p
		}
	}
	return levels
}

// PlaceCountry is the code of the country in which a place lies, "" when the list
// does not say.
func (k *Keeper) PlaceCountry(code string) string {
	g := k.places.Load()
	for range deepest + 2 {
		i, there := g.byCode[code]
		if !there {
			return ""
		}
		if g.list[i].Level == 0 {
			return code
		}
		code = g.list[i].Parent
	}
	return ""
}

// Places is how many places are offered, and since when.
func (k *Keeper) Places() (count int, since time.Time) {
	g := k.places.Load()
	for _, p := range g.list {
		if !p.Off {
			count++
		}
	}
	return count, g.at
}

// Finding is something about one line of a file that is brought.
type Finding struct {
	Line  int
	What  Mistake // the name of a text of the pages
	Value string
}

// Findings of lines.
const (
	LineNoCode   = Mistake("line.code")
	LineBadCode  = Mistake("line.badcode")
	LineNoName   = Mistake("line.name")
	LineParent   = Mistake("line.parent") // not in the file, and not there before
	LineTwice    = Mistake("line.twice")  // the code stands in the file with another name
	LineCircle   = Mistake("line.circle") // it lies in itself
	LineColumns  = Mistake("line.columns")
	LineLanguage = Mistake("line.tag")
	LineText     = Mistake("line.text")
)

// Brought is what a file would change, or has changed.
type Brought struct {
	Added, Changed, Same, Gone int
	Findings                   []Finding // of lines that cannot be taken; with one of them nothing is
}

const mostFindings = 200

func (b *Brought) note(line int, what Mistake, value string) {
	if len(b.Findings) < mostFindings {
		b.Findings = append(b.Findings, Finding{line, what, value})
	}
}

var (
	placeCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,31}$`)
	wideCode  = regexp.MustCompile(`^adm(?:in)?([0-4])_?p_?code$`)
	wideName  = regexp.MustCompile(`^adm(?:in)?([0-4])_?(?:name_?)?(ref|alt[0-9]?|[a-z]{2,3}|name[0-9]?|)$`)
)

// BringPlaces takes places from a table: a row for each, with the columns code,
// name, parent and level as the global list of P-codes has them, or a row for
// each of the smallest with columns ADM1_PCODE, ADM1_EN, ADM2_PCODE … as the
// files of single countries do. With whole, places that are not in the table are
// offered no more; they stay readable. Nothing is taken when one line is wrong,
// and with dry nothing is taken at all.
func (k *Keeper) BringPlaces(ctx context.Context, sheet sheets.Sheet, whole, dry bool, by Actor) (Brought, error) {
	var out Brought
	brought := readPlaces(sheet, &out)
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.places.Load()
	known := func(code string) (PlaceEntry, bool) {
		if one, there := brought[code]; there {
			return one.PlaceEntry, true
		}
		i, there := g.byCode[code]
		if !there {
			return PlaceEntry{}, false
		}
		return g.list[i], true
	}
	for code, one := range brought {
		// The country above the largest areas need not be a place itself.
		if _, there := known(one.Parent); !there && (one.Level == 0 || one.Level == 1) {
			one.Parent = ""
		}
		if one.Level < 0 {
			one.Level = level(one.PlaceEntry, known)
		}
		brought[code] = one
	}
	all := make(map[string]PlaceEntry, len(g.list)+len(brought))
	for _, p := range g.list {
		if _, again := brought[p.Code]; whole && !again && !p.Off {
			p.Off = true
			out.Gone++
		}
		all[p.Code] = p
	}
	for code, one := range brought {
		switch was, there := all[code]; {
		case !there:
			out.Added++
		case was.same(one.PlaceEntry):
			out.Same++
		default:
			out.Changed++
		}
		all[code] = one.PlaceEntry
	}
	for _, one := range brought {
		if one.Parent != "" {
			if _, there := all[one.Parent]; !there {
				out.note(one.line, LineParent, one.Parent)
			}
		}
		up, steps := one.Parent, 0
		for ; up != "" && steps <= deepest; steps++ {
			up = all[up].Parent
		}
		if up != "" {
			out.note(one.line, LineCircle, one.Code)
		}
	}
	slices.SortFunc(out.Findings, func(a, b Finding) int { return cmp.Or(a.Line-b.Line, strings.Compare(string(a.What), string(b.What))) })
	if len(out.Findings) > 0 || dry || out.Added+out.Changed+out.Gone == 0 {
		return out, nil
	}
	f := placeFile{By: by.ID, Places: slices.Collect(maps.Values(all))}
	sortPlaces(f.Places)
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		f.At = tx.Now()
		counts := map[string]string{"list": PlacesName, "what": "brought", "name": by.Name, "added": strconv.Itoa(out.Added), "changed": strconv.Itoa(out.Changed), "gone": strconv.Itoa(out.Gone)}
		tx.Emit(events.Event{Kind: EventChanged, By: by.ID, Via: by.Via, Data: counts})
		before := placeFile{By: by.ID, Places: g.list, At: g.at, Until: f.At}
		return errors.Join(placeTable.Put(tx, currentKey, f), placeTable.Put(tx, previousKey, before), listHistory.Note(tx, history.Entry{Record: PlacesName, By: by.ID, Via: by.Via, What: "brought"},
			map[string]int{"places": len(g.list)}, map[string]int{"places": len(f.Places), "added": out.Added, "changed": out.Changed, "gone": out.Gone}))
	})
	if err != nil {
		return out, fmt.Errorf("the places were not taken; please try again: %w", err)
	}
	k.places.Store(newGazetteer(f))
	return out, nil
}

func sortPlaces(list []PlaceEntry) {
	slices.SortFunc(list, func(a, b PlaceEntry) int { return cmp.Or(a.Level-b.Level, strings.Compare(a.Code, b.Code)) })
}

func (p PlaceEntry) same(o PlaceEntry) bool {
	return p.Name == o.Name && p.Parent == o.Parent && p.Level == o.Level && p.Off == o.Off && slices.Equal(p.Other, o.Other)
}

// lined is a place with the line that it was read from.
type lined struct {
	PlaceEntry
	line int
}

// readPlaces reads rows of either shape.
func readPlaces(sheet sheets.Sheet, out *Brought) map[string]lined {
	all := map[string]lined{}
	put := func(line int, p PlaceEntry) {
		switch was, there := all[p.Code]; {
		case p.Code == "":
			out.note(line, LineNoCode, p.Name)
		case !placeCode.MatchString(p.Code):
			out.note(line, LineBadCode, p.Code)
		case p.Name == "":
			out.note(line, LineNoName, p.Code)
		case there && (was.Name != p.Name || was.Parent != p.Parent):
			out.note(line, LineTwice, p.Code)
		default:
			all[p.Code] = lined{p, line}
		}
	}
	columns := map[string]int{}
	codes, names := map[int]int{}, map[int][]int{} // of the wide shape: columns by level
	for i, head := range sheet.Header {
		head = strings.NewReplacer(" ", "_", "-", "").Replace(strings.ToLower(strings.TrimSpace(head)))
		columns[head] = i
		if m := wideCode.FindStringSubmatch(head); m != nil {
			level, _ := strconv.Atoi(m[1])
			codes[level] = i
		} else if m := wideName.FindStringSubmatch(head); m != nil {
			level, _ := strconv.Atoi(m[1])
			names[level] = append(names[level], i)
		}
	}
	column := func(row sheets.SheetRow, heads ...string) string {
		for _, head := range heads {
			if i, there := columns[head]; there && row.Cells[i] != "" {
				return tidy(row.Cells[i])
			}
		}
		return ""
	}
	_, narrow := columns["code"]
	_, named := columns["pcode"]
	if narrow = narrow || named; !narrow && len(codes) == 0 {
		out.note(1, LineColumns, strings.Join(sheet.Header, ", "))
		return all
	}
	for _, row := range sheet.Rows {
		if strings.HasPrefix(row.Cells[0], "#") { // a row of HXL tags
			continue
		}
		if narrow {
			p := PlaceEntry{Code: column(row, "pcode", "code"), Name: column(row, "name", "name_en"), Parent: column(row, "parent_pcode", "parent_code", "parent")}
			level, err := strconv.Atoi(column(row, "admin_level", "level"))
			if p.Level = level; err != nil || level < 0 || level > deepest {
				p.Level = -1
			}
			put(row.Line, p)
			continue
		}
		parent := ""
		for level := range deepest + 1 {
			at, there := codes[level]
			if !there || row.Cells[at] == "" {
				continue
			}
			p := PlaceEntry{Code: tidy(row.Cells[at]), Parent: parent, Level: level}
			for _, i := range names[level] {
				switch name := tidy(row.Cells[i]); {
				case name == "" || name == p.Name || slices.Contains(p.Other, name):
				case p.Name == "":
					p.Name = name
				default:
					p.Other = append(p.Other, name)
				}
			}
			put(row.Line, p)
			parent = p.Code
		}
	}
	return all
}

// level is the level of a place that says only what it lies in.
func level(p PlaceEntry, known func(code string) (PlaceEntry, bool)) int {
	for n := 1; n < deepest; n++ {
		up, is := known(p.Parent)
		switch {
		case !is:
			return n
		case up.Level >= 0:
			return min(up.Level+n, deepest)
		}
		p = up
	}
	return deepest
}
