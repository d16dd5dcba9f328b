package lines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/lines"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/trunk"
)

const secret = "correct horse battery"

func rules() lines.Rules {
	return lines.Rules{Lines: []string{"gateway"}, Numbers: []string{"100", "+12025550100"}, Region: "US", Languages: []string{"es", "en"},
		Flows: func() []string { return []string{"main", "info"} }, Queues: func() []string { return []string{"help", "volunteers"} }}
}

func open(t *testing.T, s *store.Store) *lines.Book {
	t.Helper()
	b, err := lines.Open(s, rules())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func account() lines.Line {
	return lines.Line{Name: "provider", Kind: lines.Account, Servers: []string{"sip.example.org"}, User: "hotline", From: "+1 202 555-0147", MaxCalls: 10}
}

// followed is what the telephone side was handed last.
type followed struct {
	ways    []trunk.Line
	numbers []lines.Number
	times   int
}

func (f *followed) apply(ways []trunk.Line, numbers []lines.Number) error {
	f.ways, f.numbers = ways, numbers
	f.times++
	return nil
}

func TestLinesAndNumbersAreKeptAndUsedAtOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	var log bytes.Buffer
	s, err := store.Open(dir, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, s)
	var got followed
	if err := b.Follow(got.apply); err != nil || got.times != 1 || len(got.ways) != 0 {
		t.Fatalf("nothing is there yet: %+v (%v)", got, err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Add(ctx, account(), secret, "ana"))
	must(b.Add(ctx, lines.Line{Name: "a gateway", Kind: lines.GSM, Servers: []string{"192.0.2.7"}, Accepts: []string{"192.0.2.8", "192.0.2.16/28"}}, "", "ana"))
	must(b.SetNumber(ctx, lines.Number{Number: "+12025550111", Leads: lines.Queue, Name: "volunteers", Language: "en"}, "ana"))
	if len(got.ways) != 2 || got.ways[0].Name != "provider" || got.ways[0].Kind != trunk.Register || got.ways[0].Password != secret || got.ways[0].From != "+12025550147" ||
		got.ways[1].Kind != trunk.Static || len(got.ways[1].Accepts) != 2 || len(got.numbers) != 1 {
		t.Errorf("the telephone side was handed %+v %+v", got.ways, got.numbers)
	}

	// A change without a password keeps it; what is switched off is not used.
	l := account()
	l.Servers = []string{"sip2.example.org:5062"}
	must(b.Change(ctx, l, "", "ben"))
	if got.ways[0].Password != secret || got.ways[0].Servers[0] != "sip2.example.org:5062" {
		t.Errorf("after a change: %+v", got.ways[0])
	}
	must(b.Switch(ctx, "provider", false, "ben", "web"))
	if len(got.ways) != 1 || got.ways[0].Name != "a gateway" {
		t.Errorf("switched off, and in use: %+v", got.ways)
	}
	must(b.Change(ctx, l, "", "ben"))
	if len(got.ways) != 1 {
		t.Error("a change switched the line on")
	}
	must(b.Switch(ctx, "provider", true, "ben", "web"))

	// Nobody reads the password again: not in the list, the log, the events, the file.
	said, err := json.Marshal(b.List())
	must(err)
	if one, _ := b.List().Line("provider"); !one.Password {
		t.Error("it is not told that there is a password")
	}
	must(s.View(func(tx *store.Tx) error {
		for e := range tx.EventLog(0) {
			text, _ := json.Marshal(e)
			if said = append(said, text...); bytes.Contains(text, []byte("2025550111")) {
				t.Errorf("a number stands in an event in clear: %s", text)
			}
		}
		return nil
	}))
	for _, kind := range []string{lines.EventLineAdded, lines.EventLineChanged, lines.EventLineOff, lines.EventLineOn, lines.EventNumberAdded} {
		if !strings.Contains(string(said), `"`+kind+`"`) {
			t.Errorf("no event %s", kind)
		}
	}
	must(s.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(err)
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil {
			said = append(said, text...)
		}
	}
	if len(said) < 10_000 {
		t.Errorf("only %d bytes were looked at", len(said))
	}
	if bytes.Contains(append(said, log.Bytes()...), []byte(secret)) {
		t.Error("the password can be read")
	}

	// After a start everything is there.
	again := storetest.OpenAt(t, dir)
	b = open(t, again)
	must(b.Follow(got.apply))
	if len(got.ways) != 2 || got.ways[0].Name != "provider" || got.ways[0].Password != secret {
		t.Errorf("after a start: %+v", got.ways)
	}
	must(b.Remove(ctx, "provider", "ana"))
	must(b.RemoveNumber(ctx, "+12025550111", "ana"))
	if len(got.ways) != 1 || len(got.numbers) != 0 {
		t.Errorf("removed, and in use: %+v", got)
	}
	if err := b.Remove(ctx, "provider", "ana"); !errors.Is(err, lines.ErrNone) {
		t.Errorf("removed twice: %v", err)
	}
	if err := b.Add(ctx, account(), "", "ana"); err == nil {
		t.Error("a new line of the name of a removed one got its password")
	}
}

func TestWhatIsRefused(t *testing.T) {
	ctx := context.Background()
	b := open(t, storetest.Open(t))
	if err := b.Add(ctx, account(), secret, "ana"); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*lines.Line)) lines.Line {
		l := account()
		l.Name = "other"
		change(&l)
		return l
	}
	for name, tc := range map[string]struct {
		line   lines.Line
		secret string
		want   string
	}{
		"the name of one in the file": {with(func(l *lines.Line) { l.Name = "gateway" }), secret, "the file hotline.yaml has a line gateway already"},
		"a name twice":                {account(), secret, "the line provider is there already"},
		"no name":                     {with(func(l *lines.Line) { l.Name = " " }), secret, "give the line a name"},
		"no kind":                     {with(func(l *lines.Line) { l.Kind = "" }), secret, "choose what is at the other side"},
		"no server":                   {with(func(l *lines.Line) { l.Servers = nil }), secret, "say where the other side is"},
		"a server that is none":       {with(func(l *lines.Line) { l.Servers = []string{"sip example"} }), secret, "is not a host or host:port"},
		"no user":                     {with(func(l *lines.Line) { l.User = "" }), secret, "give the user name"},
		"no password":                 {account2(), "", "give the password"},
		"a PBX's account without":     {with(func(l *lines.Line) { l.Kind = lines.PBX }), "", "give the password"},
		"a header smuggled in":        {with(func(l *lines.Line) { l.Domain = "a\r\nVia: b" }), secret, "control character"},
		"too wide a network":          {with(func(l *lines.Line) { l.Accepts = []string{"10.0.0.0/8"} }), secret, "too wide"},
		"everybody":                   {with(func(l *lines.Line) { l.Accepts = []string{"0.0.0.0"} }), secret, "neither an IP address nor a network"},
		"no network":                  {with(func(l *lines.Line) { l.Accepts = []string{"provider"} }), secret, "neither an IP address nor a network"},
		"a key that all can read":     {with(func(l *lines.Line) { l.Encrypt = true }), secret, "over TLS"},
		"a certificate that is none":  {with(func(l *lines.Line) { l.Transport, l.Certificate = "tls", "x" }), secret, "no certificate"},
		"a caller ID that is none":    {with(func(l *lines.Line) { l.From = "us" }), secret, "digits"},
		"a number of calls":           {with(func(l *lines.Line) { l.MaxCalls = -1 }), secret, "calls at a time"},
	} {
		if err := b.Add(ctx, tc.line, tc.secret, "ana"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tc := range map[string]struct {
		number lines.Number
		want   string
	}{
		"one of the file":            {lines.Number{Number: "100", Leads: lines.Help}, "the file hotline.yaml says already where 100 leads"},
		"one of the file, otherwise": {lines.Number{Number: "2025550100", Leads: lines.Help}, "the file hotline.yaml says already"},
		"no number":                  {lines.Number{Leads: lines.Help}, "write the number"},
		"with spaces":                {lines.Number{Number: "1 2", Leads: lines.Help}, "without spaces"},
		"nowhere":                    {lines.Number{Number: "300"}, "choose where the number leads"},
		"no such dialogue":           {lines.Number{Number: "300", Leads: lines.Flow, Name: "no"}, "choose the dialogue"},
		"no such queue":              {lines.Number{Number: "300", Leads: lines.Queue, Name: "no"}, "choose the line in which"},
		"a name for nothing":         {lines.Number{Number: "300", Leads: lines.Help, Name: "main"}, "chosen by its name"},
		"no such language":           {lines.Number{Number: "300", Leads: lines.Help, Language: "xx"}, "choose a language"},
	} {
		if err := b.SetNumber(ctx, tc.number, "ana"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r := b.List(); len(r.Lines) != 1 || len(r.Numbers) != 0 {
		t.Errorf("something refused is there: %+v", r)
	}
	if err := b.SetNumber(ctx, lines.Number{Number: "+12025550111", Leads: lines.Help}, "ana"); err != nil {
		t.Fatal(err)
	}
	if err := b.SetNumber(ctx, lines.Number{Number: "2025550111", Leads: lines.Agents}, "ana"); err == nil {
		t.Error("one number in two forms leads to two places")
	}
	if err := b.SetNumber(ctx, lines.Number{Number: "+12025550111", Leads: lines.Agents}, "ana"); err != nil || b.List().Numbers[0].Leads != lines.Agents {
		t.Errorf("a number is led elsewhere: %v", err)
	}
}

func account2() lines.Line {
	l := account()
	l.Name = "second"
	return l
}

// What a bundle does: check, replace in a transaction of its own, refresh.
func TestEverythingIsReplacedInOneTransaction(t *testing.T) {
	ctx := context.Background()
	s := storetest.Open(t)
	b := open(t, s)
	var got followed
	if err := errors.Join(b.Follow(got.apply), b.Add(ctx, account(), secret, "ana"), b.Add(ctx, lines.Line{Name: "old", Kind: lines.FXO, Servers: []string{"192.0.2.9"}}, "", "ana"),
		b.SetNumber(ctx, lines.Number{Number: "300", Leads: lines.Help}, "ana")); err != nil {
		t.Fatal(err)
	}
	next := b.List()
	next.Lines = append([]lines.Line{{Name: "new", Kind: lines.PBX, Servers: []string{"192.0.2.10"}, User: "200"}}, next.Lines[0])
	next.Numbers, next.Dials = []lines.Number{{Number: "301", Leads: lines.Flow, Name: "info"}}, []string{"+1202"}
	next.Out = &lines.CallsOut{Roles: []string{"moon"}, PerHour: 0, Rounds: -1}
	if wrong := b.Check(next, map[string]string{"new": "x"}); len(wrong) != 3 || !wrong[0].Out {
		t.Fatalf("who may call out: %+v", wrong)
	}
	next.Out = &lines.CallsOut{Roles: []string{"agent"}, PerHour: 20}
	if wrong := b.Check(next, nil); len(wrong) != 1 || wrong[0].Line != "new" || !strings.Contains(wrong[0].Sentence, "password") {
		t.Fatalf("without its password: %+v", wrong)
	}
	passwords := map[string]string{"new": "another secret"}
	if wrong := b.Check(next, passwords); len(wrong) != 0 {
		t.Fatal(wrong)
	}
	broken := errors.New("the rest of the bundle cannot be stored")
	if err := s.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(b.Replace(tx, next, passwords, "ana", "bundle"), broken)
	}); !errors.Is(err, broken) || b.Refresh() != nil || len(b.List().Lines) != 2 || b.List().Lines[1].Name != "old" {
		t.Fatalf("half a bundle is there: %+v (%v)", b.List(), err)
	}
	sub := s.Events().Subscribe(100)
	defer sub.Close()
	for range 2 { // the second time nothing changes
		if err := s.Update(ctx, func(tx *store.Tx) error { return b.Replace(tx, next, passwords, "ana", "bundle") }); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Refresh(); err != nil {
		t.Fatal(err)
	}
	next.Lines[0].Password = true
	if r := b.List(); !reflect.DeepEqual(r, next) {
		t.Errorf("stored %+v, want %+v", r, next)
	}
	if len(got.ways) != 2 || got.ways[0].Name != "new" || got.ways[0].Kind != trunk.Register || got.ways[0].Password != "another secret" || got.ways[1].Password != secret {
		t.Errorf("in use: %+v", got.ways)
	}
	var kinds []string
	for len(sub.C) > 0 {
		kinds = append(kinds, (<-sub.C).Kind)
	}
	if want := []string{lines.EventLineRemoved, lines.EventLineAdded, lines.EventNumberAdded, lines.EventNumberRemoved, lines.EventDials, lines.EventOut}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}
