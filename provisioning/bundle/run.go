package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"hotline/appliance/config"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Hotline is its records, and what it is told by its configuration file.
type Hotline struct {
	Store  *store.Store
	Config config.Config // as the file is now
	// Keep keeps a changed configuration and says how to put back the one from
	// before; nil where it is kept already and cannot change.
	Keep func(config.Config) (back func() error, err error)

	// Flows is what flows are checked against; its prompts are added here.
	Flows func(config.Config) (flow.Surroundings, error)
	// Leads says what is wrong with where the numbers lead.
	Leads  func(config.Config, *flow.FlowSet) error
	Topics []string       // that other systems can be told of
	Decode prompts.Decode // of recordings that come from elsewhere
	By     string         // who does it, in the log
	Via    string         // and how: at the console, or in setting up
	Log    *slog.Logger

	// Alone is of a hotline that runs; nil for another one. It runs change while
	// nobody else changes what bundles change, and has the hotline go on with what
	// is stored then; its error is what cannot be used before the next start.
	Alone    func(change func()) error
	Running  config.Config // by which it works until its next start
	Silenced func() bool   // the synthetic voice is switched off there; nil: never
}

// run is one look at a bundle, or one change by it.
type run struct {
	ctx    context.Context
	to     Hotline
	in     *store.Store // all changes are one transaction of it
	bundle *Bundle
	docs   map[string]*doc
	secret Secrets
	slow   *errands

	cfg      config.Config
	routing  triage.Routing
	accounts *roster.Accounts
	studio   *prompts.Studio
	listed   *lists.Keeper
	differ   map[string]lists.Difference // that the file of lists wants
	sounds   map[string]recording        // of the bundle, by file
	prints   map[string]string           // of takes that are stored

	problems    Problems
	changes     []Change
	notes       []Note
	same        int
	rest        int // regular exports that came
	routed      bool
	credentials []provisioning.Credential
}

func newRun(ctx context.Context, to Hotline, in *store.Store, b *Bundle, secret Secrets, slow *errands) (*run, error) {
	r := &run{ctx: ctx, to: to, in: in, bundle: b, secret: secret, slow: slow, docs: map[string]*doc{}, sounds: map[string]recording{}, prints: map[string]string{}, cfg: to.Config}
	var err error
	r.routing, err = triage.ReadRouting(in)
	return r, err
}

// speech is what this hotline says.
func (r *run) speech() (_ *prompts.Studio, err error) {
	if r.studio == nil {
		if r.studio, err = prompts.OpenStudio(r.in, nil, r.to.Log); err == nil {
			r.studio.SpeakBy(r.slow.say)
		}
	}
	return r.studio, err
}

// tongues are the languages in which something can be said.
func (r *run) tongues() ([]string, error) {
	studio, err := r.speech()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(studio.Library().Languages(), func(tag string) bool { return tag == prompts.Neutral }), nil
}

// people are the accounts of this hotline.
func (r *run) people() (_ *roster.Accounts, err error) {
	if r.accounts == nil {
		r.accounts, err = roster.Within(r.in, r.to.Config.DataDir(), r.to.Log, r.slow.hashes)
	}
	return r.accounts, err
}

// everybody are all accounts.
func (r *run) everybody() ([]roster.Account, error) {
	accounts, err := r.people()
	if err != nil {
		return nil, err
	}
	return accounts.List()
}

// lists are the lists of this hotline.
func (r *run) lists() (_ *lists.Keeper, err error) {
	if r.listed == nil {
		r.listed, err = lists.Open(r.in)
	}
	return r.listed, err
}

// problem notes something that is wrong at a place of a file.
func (r *run) problem(file string, line, column int, text string) {
	r.problems = append(r.problems, Problem{File: file, Line: line, Column: column, Text: text})
}

// problemWith notes what is wrong with a thing.
func (r *run) problemWith(about, file string, line, column int, text string) {
	r.problems = append(r.problems, Problem{File: file, Line: line, Column: column, About: about, Text: text})
}

// doc is one file of a bundle, read as far as its names.
type doc struct {
	file  string
	items []item
	at    map[string]item
}

type item struct {
	name         string
	value        ast.Node
	line, column int
}

// secretWords are names of settings that would be secrets.
func secretWords() []string {
	return []string{"password", "pin", "secret", "token", "passphrase", "private_key", "key"}
}

// read reads a file of names with values; nil when the bundle does not have it.
func (r *run) read(file string) *doc {
	text, there := r.bundle.files[file]
	if !there {
		return nil
	}
	if d, known := r.docs[file]; known {
		return d
	}
	r.docs[file] = nil
	tree, err := parse(text)
	if err != nil {
		r.fault(file, item{}, err)
		return nil
	}
	d := &doc{file: file, at: map[string]item{}}
	for n, part := range tree.Docs {
		var values []*ast.MappingValueNode
		switch body := part.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.NullNode:
		case *ast.MappingNode:
			values = body.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{body}
		default:
			at := body.GetToken().Position
			r.problem(file, at.Line, at.Column, "here a name is expected, and after it a colon")
			return nil
		}
		if n > 0 && len(values) > 0 {
			r.problem(file, values[0].Key.GetToken().Position.Line, 1, "this file has two documents: take the line with --- out")
			return nil
		}
		for _, v := range values {
			at := v.Key.GetToken().Position
			one := item{v.Key.GetToken().Value, v.Value, at.Line, at.Column}
			if len(one.name) > 64 {
				r.problem(file, at.Line, at.Column, "this name is longer than 64 letters")
				continue
			}
			if _, twice := d.at[one.name]; twice {
				r.problem(file, at.Line, at.Column, fmt.Sprintf("%s is named twice in this file", one.name))
			}
			d.items = append(d.items, one)
			d.at[one.name] = one
		}
	}
	r.docs[file] = d
	return d
}

// fault notes what the YAML reader says.
func (r *run) fault(file string, at item, err error) {
	line, column, what := config.Fault(err)
	switch {
	case line == 0: // one of ours
		line, column = at.line, at.column
	case !errors.As(err, new(*yaml.UnknownFieldError)) && !errors.As(err, new(*yaml.TypeError)):
		what = "this cannot be read: " + what // in the words of the reader of YAML
	}
	if name, unknown := strings.CutPrefix(what, "there is no setting "); unknown && slices.Contains(secretWords(), strings.Trim(name, `"`)) {
		what = fmt.Sprintf("%s is a secret, and a bundle holds none, because everybody who may see it sees all of it: passwords of telephone lines belong into a file of their own, which is named with --secrets; people get theirs when their account is made", strings.Trim(name, `"`))
	}
	r.problem(file, line, column, what)
}

// parse reads a text as YAML.
func parse(text []byte) (tree *ast.File, err error) {
	defer unreadable(&err)
	return parser.ParseBytes(text, 0)
}

// unreadable makes a fault of a panic: the reader of YAML must not end a hotline,
// whatever it is given.
func unreadable(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("this cannot be read: %v", p)
	}
}

// decode reads a value over what is so already: what is not named stays.
func decode(value ast.Node, into any) (err error) {
	defer unreadable(&err)
	if value == nil || value.Type() == ast.NullType {
		return nil
	}
	return yaml.NodeToValue(value, into, yaml.Strict())
}

// encode writes a value. Equal values give equal texts.
func encode(value any) []byte {
	text, err := yaml.MarshalWithOptions(value, yaml.IndentSequence(true))
	if err != nil { // of our own types: cannot be
		return fmt.Appendf(nil, "%q\n", err)
	}
	return text
}

// said is a value in one line, for a sentence.
func said(value any) string {
	text, err := yaml.MarshalWithOptions(value, yaml.Flow(true))
	if err != nil {
		return fmt.Sprint(value)
	}
	if s := strings.TrimSpace(string(text)); len([]rune(s)) <= 120 {
		return s
	}
	return string([]rune(strings.TrimSpace(string(text)))[:119]) + "…"
}

// fields are the settings of a value by name, in their order.
func fields(value any) yaml.MapSlice {
	var out yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(encode(value), &out, yaml.UseOrderedMap()); err != nil {
		return yaml.MapSlice{{Key: "it", Value: value}}
	}
	return out
}

// differences is what changes in a value.
func differences(file, name string, was, is any) []Change {
	before := map[any]any{}
	for _, f := range fields(was) {
		before[f.Key] = f.Value
	}
	var out []Change
	for _, f := range fields(is) {
		if from, to := said(before[f.Key]), said(f.Value); from != to {
			out = append(out, Change{Kind: Changed, File: short(file), Name: name, Setting: fmt.Sprint(f.Key), Was: from, Is: to})
		}
	}
	return out
}

// unlike is differences in one sentence.
func unlike(was, is any) string {
	var all []string
	for _, c := range differences("now", "", was, is) {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// named is a thing with its name.
type named[T any] struct {
	name  string
	value T
}

// part is one file of a bundle and what it is about.
type part interface {
	file() string
	take(*run) error           // has the hotline become as the file says
	proof(*run) error          // that it has
	write(*run, *Bundle) error // what is so now
}

// many is a part in which every name stands for a thing.
type many[T any] struct {
	name, about string
	now         func(*run) ([]named[T], error)
	fresh       func(r *run, name string) (T, error) // with what a new one begins; nil: there are no new ones
	tidy        func(r *run, name string, was T, is *T) error
	plain       func(T) any // as it is compared and told; nil: as it is written
	put         func(r *run, name string, was, is T, isNew bool) error
	end         func(*run) error
	files       func(r *run, name string, one T, b *Bundle) (T, error)
}

func (m many[T]) file() string { return m.name }

func (m many[T]) told(v T) any {
	if m.plain != nil {
		return m.plain(v)
	}
	return v
}

func (m many[T]) equal(a, b T) bool { return bytes.Equal(encode(m.told(a)), encode(m.told(b))) }

// wanted is a thing as the file wants it.
func (m many[T]) wanted(r *run, at item, have []named[T]) (was, is T, isNew, ok bool) {
	i := slices.IndexFunc(have, func(n named[T]) bool { return n.name == at.name })
	isNew = i < 0 || gone(have[i].value)
	switch {
	case !isNew:
		was = have[i].value
	case m.fresh == nil:
		var names []string
		for _, n := range have {
			names = append(names, n.name)
		}
		r.problem(m.name, at.line, at.column, fmt.Sprintf("there is no %q; there are %s", at.name, strings.Join(names, ", ")))
		return was, is, false, false
	default:
		var err error
		if was, err = m.fresh(r, at.name); err != nil {
			r.problem(m.name, at.line, at.column, sentence(err))
			return was, is, false, false
		}
	}
	is = was
	if err := decode(at.value, &is); err != nil {
		r.fault(m.name, at, err)
		return was, is, false, false
	}
	if m.tidy != nil {
		if err := m.tidy(r, at.name, was, &is); err != nil {
			r.wrong(m.name, at, err)
			return was, is, false, false
		}
	}
	return was, is, isNew, true
}

// wrong notes why a thing is refused, at the setting that it is about where that
// can be known.
func (r *run) wrong(file string, at item, err error) {
	line, column := at.line, at.column
	var field triage.FieldError
	var inside fieldError
	name := ""
	switch {
	case errors.As(err, &inside):
		name = inside.field
	case errors.As(err, &field):
		name = field.Field
	}
	if found, ok := inner(at.value, name); ok {
		line, column = found.line, found.column
	}
	r.problems = append(r.problems, Problem{File: file, Line: line, Column: column, Text: sentence(err), err: err})
}

// fieldError is a refusal of one setting of a thing.
type fieldError struct {
	field string
	err   error
}

func (e fieldError) Error() string { return e.err.Error() }
func (e fieldError) Unwrap() error { return e.err }

func inner(value ast.Node, name string) (item, bool) {
	mapping, ok := value.(*ast.MappingNode)
	if !ok || name == "" {
		return item{}, false
	}
	for _, v := range mapping.Values {
		if at := v.Key.GetToken().Position; v.Key.GetToken().Value == name {
			return item{name: name, line: at.Line, column: at.Column}, true
		}
	}
	return item{}, false
}

func (m many[T]) take(r *run) error {
	d := r.read(m.name)
	if d == nil {
		return nil
	}
	have, err := m.now(r)
	if err != nil {
		return err
	}
	for _, at := range d.items {
		was, is, isNew, ok := m.wanted(r, at, have)
		switch {
		case !ok:
			continue
		case isNew && gone(is), !isNew && m.equal(was, is):
			r.same++
			continue
		}
		if err := m.put(r, at.name, was, is, isNew); err != nil {
			r.wrong(m.name, at, err)
			continue
		}
		switch {
		case isNew:
			r.changes = append(r.changes, Change{Kind: New, File: short(m.name), Name: at.name, Is: said(m.told(is))})
		case gone(is):
			r.changes = append(r.changes, Change{Kind: Gone, File: short(m.name), Name: at.name, Was: said(m.told(was))})
		default:
			r.changes = append(r.changes, differences(m.name, at.name, m.told(was), m.told(is))...)
		}
		if have, err = m.now(r); err != nil {
			return err
		}
	}
	if m.end != nil {
		if err := m.end(r); err != nil {
			r.problem(m.name, 0, 0, sentence(err))
		}
	}
	return nil
}

func (m many[T]) proof(r *run) error {
	d := r.read(m.name)
	if d == nil {
		return nil
	}
	have, err := m.now(r)
	if err != nil {
		return err
	}
	for _, at := range d.items {
		was, is, isNew, ok := m.wanted(r, at, have)
		if ok && (isNew && !gone(is) || !isNew && !m.equal(was, is)) {
			r.problem(m.name, at.line, at.column, fmt.Sprintf("%s did not become as this file says, so nothing was changed: %s", at.name, unlike(m.told(was), m.told(is))))
		}
	}
	return nil
}

func (m many[T]) write(r *run, b *Bundle) error {
	have, err := m.now(r)
	if err != nil || len(have) == 0 {
		return err
	}
	var out yaml.MapSlice
	for _, n := range have {
		one := n.value
		if m.files != nil {
			if one, err = m.files(r, n.name, one, b); err != nil {
				return err
			}
		}
		out = append(out, yaml.MapItem{Key: n.name, Value: one})
	}
	b.files[m.name] = slices.Concat(comment(m.about), encode(out))
	return nil
}

// one is a part that is one thing, whose settings are the names of the file.
type one[T any] struct {
	name, about string
	now         func(*run) (T, error)
	tidy        func(r *run, was T, is *T) error
	put         func(r *run, was, is T) error
	later       []string // settings that count from the next start on; "*" are all
}

func (o one[T]) file() string { return o.name }

func (o one[T]) wanted(r *run) (was, is T, ok bool, err error) {
	d := r.read(o.name)
	if d == nil {
		return was, is, false, nil
	}
	if was, err = o.now(r); err != nil {
		return was, is, false, err
	}
	is = was
	ok = true
	if len(d.items) == 0 {
		return was, is, true, nil
	}
	tree, err := parse(r.bundle.files[o.name])
	if err != nil {
		return was, is, false, err // read before: cannot be
	}
	if err := decode(tree.Docs[0].Body, &is); err != nil {
		r.fault(o.name, d.items[0], err)
		return was, is, false, nil
	}
	if o.tidy != nil {
		if err := o.tidy(r, was, &is); err != nil {
			o.wrong(r, d, err)
			return was, is, false, nil
		}
	}
	return was, is, ok, nil
}

// wrong notes a refusal at the setting that it names.
func (o one[T]) wrong(r *run, d *doc, err error) {
	for _, line := range refusals(err) {
		at := item{line: 0}
		var inside fieldError
		if errors.As(line, &inside) {
			at = d.at[inside.field]
		} else {
			for _, one := range d.items {
				if strings.Contains(line.Error(), one.name+":") || strings.Contains(line.Error(), one.name+" ") {
					at = one
					break
				}
			}
		}
		if at.line == 0 && len(d.items) > 0 {
			at = d.items[0]
		}
		r.problems = append(r.problems, Problem{File: o.name, Line: at.line, Column: at.column, Text: sentence(line), err: line})
	}
}

func (o one[T]) take(r *run) error {
	problems := len(r.problems)
	was, is, ok, err := o.wanted(r)
	if err != nil || !ok {
		return err
	}
	told := differences(o.name, "", was, is)
	if len(told) == 0 {
		r.same++
		return nil
	}
	if err := o.put(r, was, is); err != nil {
		o.wrong(r, r.read(o.name), err)
	}
	if len(r.problems) == problems {
		first := len(r.changes)
		r.changes = append(r.changes, told...)
		r.later(first, o.later...)
	}
	return nil
}

func (o one[T]) proof(r *run) error {
	was, is, ok, err := o.wanted(r)
	if err != nil || !ok {
		return err
	}
	if !bytes.Equal(encode(was), encode(is)) {
		r.problem(o.name, 1, 1, "the hotline did not become as this file says, so nothing was changed: "+unlike(was, is))
	}
	return nil
}

func (o one[T]) write(r *run, b *Bundle) error {
	now, err := o.now(r)
	if err != nil {
		return err
	}
	b.files[o.name] = slices.Concat(comment(o.about), encode(now))
	return nil
}

// comment is a text as comment lines.
func comment(text string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		b.WriteString("# " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.Bytes()
}

// refusals are the errors of a joined one.
func refusals(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, one := range many.Unwrap() {
			out = append(out, refusals(one)...)
		}
		return out
	}
	return []error{err}
}

// removable is a thing that a bundle can take away.
type removable interface{ removed() bool }

func gone(v any) bool {
	r, ok := v.(removable)
	return ok && r.removed()
}
