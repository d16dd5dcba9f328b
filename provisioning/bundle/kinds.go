package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"hotline/triage"
)

// This file is the two kinds of parts that a bundle is made of: many things under
// their names, and one thing whose settings are the names.

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
