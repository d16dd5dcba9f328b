package bundle

import (
	"errors"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"hotline/appliance/lines"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/versions"
)

// Telephony is lines.yaml: the lines and numbers that are changed on the pages,
// while the hotline runs. Those of hotline.yaml are in trunks.yaml and
// numbers.yaml.
type Telephony struct {
	Lines   []StoredLine   `yaml:"lines"`
	Numbers []lines.Number `yaml:"numbers"`
	Dials   []string       `yaml:"dials"`

	Out lines.CallsOut `yaml:"outgoing"`
}

// StoredLine is lines.Line without what says that it has a password.
type StoredLine struct {
	Name        string     `yaml:"name"`
	Kind        lines.Kind `yaml:"kind"`
	Servers     []string   `yaml:"servers"`
	Accepts     []string   `yaml:"accepts,omitempty"`
	User        string     `yaml:"user,omitempty"`
	AuthUser    string     `yaml:"auth_user,omitempty"`
	Domain      string     `yaml:"domain,omitempty"`
	Transport   string     `yaml:"transport,omitempty"`
	Encrypt     bool       `yaml:"encrypted_sound,omitempty"`
	Certificate string     `yaml:"certificate,omitempty"`
	From        string     `yaml:"from,omitempty"`
	Plus        string     `yaml:"plus,omitempty"`
	MaxCalls    int        `yaml:"max_calls,omitempty"`
	Off         bool       `yaml:"off,omitempty"`
}

func storedLine(l lines.Line) StoredLine {
	return StoredLine{l.Name, l.Kind, l.Servers, l.Accepts, l.User, l.AuthUser, l.Domain, l.Transport, l.Encrypt, l.Certificate, l.From, l.Plus, l.MaxCalls, l.Off}
}

func (l StoredLine) line() lines.Line {
	return lines.Line{Name: l.Name, Kind: l.Kind, Servers: l.Servers, Accepts: l.Accepts, User: l.User, AuthUser: l.AuthUser, Domain: l.Domain, Transport: l.Transport,
		Encrypt: l.Encrypt, Certificate: l.Certificate, From: l.From, Plus: l.Plus, MaxCalls: l.MaxCalls, Off: l.Off}
}

// registers reports a line that signs in at the other side.
func (l StoredLine) registers() bool {
	return l.Kind == lines.Account || l.Kind == lines.PBX && l.User != ""
}

const storedLines = "lines.yaml"

func linesPart() part {
	return one[Telephony]{name: storedLines,
		about: "Lines and numbers that are changed on the pages while the hotline runs. kind is account (a provider\nwith user name and password), address (one that knows our address), gsm, fxo or pbx; leads is help,\nsupervisor, agents, flow, queue or flash. dials are the beginnings of\nnumbers that may be called, outgoing who may call out (agent, supervisor, coordinator, own_phone, flow)\nand how often; it takes the place of what trunks.yaml says of that. All lists are whole: what is not in them is taken away.\nPasswords are in a file that is named with --secrets; a line that lacks its own comes switched off.",
		now: func(r *run) (Telephony, error) {
			book, err := r.book()
			if err != nil {
				return Telephony{}, err
			}
			out := Telephony{Lines: []StoredLine{}, Numbers: []lines.Number{}, Dials: []string{}}
			for _, l := range book.List().Lines {
				out.Lines = append(out.Lines, storedLine(l))
			}
			out.Numbers = append(out.Numbers, book.List().Numbers...)
			out.Dials = append(out.Dials, book.Dials()...)
			out.Out = lines.CallsOut{Roles: r.cfg.SIP.Outgoing.Roles, PerHour: r.cfg.SIP.Outgoing.PerHour, Rounds: r.cfg.SIP.Outgoing.Rounds}
			if said, is := book.Out(); is {
				out.Out = said
			}
			out.Out.Tidy()
			return out, nil
		},
		tidy: func(r *run, _ Telephony, is *Telephony) error {
			is.Out.Tidy()
			book, err := r.book()
			if err != nil {
				return err
			}
			is.Lines = slices.Clone(is.Lines)
			for i, l := range is.Lines {
				had, _ := book.List().Line(l.Name)
				if _, comes := r.secret.Trunks[l.Name]; l.registers() && !had.Password && !comes {
					is.Lines[i].Off = true
				}
			}
			// As it is kept: by number.
			is.Numbers = slices.SortedStableFunc(slices.Values(is.Numbers), func(a, b lines.Number) int {
				switch {
				case a.Number < b.Number:
					return -1
				case a.Number > b.Number:
					return 1
				}
				return 0
			})
			return nil
		},
		put: putLines}
}

func putLines(r *run, was, is Telephony) error {
	book, err := r.book()
	if err != nil {
		return err
	}
	record := lines.Record{Numbers: is.Numbers, Dials: is.Dials, Out: book.List().Out}
	if !is.Out.Equal(was.Out) {
		record.Out = &is.Out
	}
	for _, l := range is.Lines {
		record.Lines = append(record.Lines, l.line())
	}
	wrong := book.Check(record, r.secret.Trunks)
	for _, p := range wrong {
		at := r.read(storedLines).within(p)
		r.problemWith(p.Line+p.Number, storedLines, at.line, at.column, p.Sentence)
	}
	if len(wrong) > 0 {
		return nil
	}
	return r.putBook(book, record)
}

func (r *run) putBook(book *lines.Book, record lines.Record) error {
	passwords := map[string]string{}
	for name, password := range r.secret.Trunks {
		if _, ours := record.Line(name); ours {
			passwords[name] = password
		}
	}
	err := r.in.Update(r.ctx, func(tx *store.Tx) error { return book.Replace(tx, record, passwords, r.to.By, r.to.Via) })
	return errors.Join(err, book.Refresh())
}

// within is where a file names what is wrong.
func (d *doc) within(p lines.Problem) item {
	list, name := "lines", p.Line
	switch {
	case p.Number != "":
		list, name = "numbers", p.Number
	case p.Dials != "":
		list = "dials"
	case p.Out:
		list = "outgoing"
	}
	at := d.at[list]
	if sequence, ok := at.value.(*ast.SequenceNode); ok {
		for _, one := range sequence.Values {
			for _, key := range []string{"name", "number"} {
				if found, ok := inner(one, key); ok && textOf(one, key) == name {
					return found
				}
			}
		}
	}
	if at.line == 0 {
		return item{line: 1, column: 1}
	}
	return at
}

// textOf is the value of a name of a mapping, as text.
func textOf(value ast.Node, name string) string {
	mapping, ok := value.(*ast.MappingNode)
	if !ok {
		return ""
	}
	for _, v := range mapping.Values {
		if v.Key.GetToken().Value == name {
			return v.Value.GetToken().Value
		}
	}
	return ""
}

// book is the lines and numbers that are stored, held against what the files of
// the bundle before it have made of the rest.
func (r *run) book() (*lines.Book, error) {
	names := slices.Collect(maps.Keys(ivr.ShippedTexts()))
	shelf, err := versions.Open(versions.Config{Store: r.in, Shipped: ivr.ShippedTexts(), Engine: nobody{}, Log: r.to.Log})
	if err != nil {
		return nil, err
	}
	now, err := shelf.Current()
	if err != nil {
		return nil, err
	}
	names = append(slices.AppendSeq(names, maps.Keys(now.Files)), slices.Collect(maps.Keys(r.bundle.flowTexts()))...)
	rules := lines.Rules{Region: r.cfg.Region, Languages: r.cfg.Languages, Flows: func() []string { return names }, Queues: r.queues}
	for _, l := range r.cfg.SIP.Lines {
		rules.Lines = append(rules.Lines, l.Name)
	}
	s := r.cfg.SIP
	rules.Numbers = slices.Concat(s.Help, s.Supervisor, s.Agents)
	for _, e := range s.Entries {
		rules.Numbers = append(rules.Numbers, e.Numbers...)
	}
	return lines.Open(r.in, rules)
}

// nobody takes flows of which only the names are wanted.
type nobody struct{}

func (nobody) Check(*flow.FlowSet) error   { return nil }
func (nobody) Publish(*flow.FlowSet) error { return nil }
func (nobody) Resume(*flow.FlowSet) (flow.Problems, error) {
	return nil, nil
}

// storedSecrets gives lines that are stored other passwords, and notes which of
// them there are.
func (r *run) storedSecrets(known map[string]bool) error {
	if len(r.secret.Trunks) == 0 && r.bundle.files[storedLines] == nil {
		return nil
	}
	book, err := r.book()
	if err != nil {
		return err
	}
	had, err := storedPasswords(book)
	if err != nil {
		return err
	}
	record, change := book.List(), false
	for i, l := range record.Lines {
		known[l.Name] = true
		password, given := r.secret.Trunks[l.Name]
		if given && password != had[l.Name] {
			change = true
			r.changes = append(r.changes, Change{Kind: Secret, File: "lines", Name: l.Name})
		}
		if storedLine(l).registers() && !l.Password && !given {
			r.notes = append(r.notes, Note{LineOff, l.Name})
		}
		record.Lines[i].Password = false
	}
	if !change {
		return nil
	}
	return r.putBook(book, record)
}

// storedPasswords are those of the lines in use.
func storedPasswords(book *lines.Book) (map[string]string, error) {
	out := map[string]string{}
	err := book.Follow(func(ways []trunk.Line, _ []lines.Number) error {
		for _, w := range ways {
			out[w.Name] = w.Password
		}
		return nil
	})
	return out, err
}
