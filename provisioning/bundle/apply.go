package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/operation"
	"hotline/appliance/store"
)

// EventApplied is emitted when a bundle has changed a hotline.
const EventApplied = "bundle.applied"

var (
	errLook    = errors.New("this was only a look")
	errNothing = errors.New("there is nothing to change")
	// ErrOther means that the hotline has changed since somebody looked.
	ErrOther = errors.New("the hotline was changed meanwhile, so the bundle would change something else than what was looked at; nothing was changed: look again")
)

// mostLooks is how often a bundle is looked at until everything is ready. What a
// look wants is known after two of them.
const mostLooks = 6

// Diff says what a bundle would change, and what is wrong with it: it is applied,
// and then nothing of that is kept. Its error may be Problems.
func Diff(ctx context.Context, to Hotline, b *Bundle, secret Secrets) (Plan, error) {
	plan, err := change(ctx, to, b, secret, wish{look: true})
	for i := range plan.Credentials { // of people that are not there
		plan.Credentials[i].Password, plan.Credentials[i].PIN = "", ""
	}
	return plan, err
}

// Apply changes a hotline into what a bundle says: all of it, or nothing. A bundle
// that changes nothing writes nothing. Its error may be Problems.
func Apply(ctx context.Context, to Hotline, b *Bundle, secret Secrets) (Plan, error) {
	return change(ctx, to, b, secret, wish{})
}

// ApplySeen is Apply when it changes what somebody has looked at, by Plan.Print;
// ErrOther when it is not that any more.
func ApplySeen(ctx context.Context, to Hotline, b *Bundle, secret Secrets, seen string) (Plan, error) {
	return change(ctx, to, b, secret, wish{seen: seen})
}

// wish is what is to be done with a bundle.
type wish struct {
	look bool   // nothing is to be changed
	seen string // the print of the plan that may be carried out; "": any
}

func change(ctx context.Context, to Hotline, b *Bundle, secret Secrets, w wish) (plan Plan, err error) {
	slow := newErrands(to, b)
	for range mostLooks {
		plan, err = Plan{}, nil
		// One that runs is looked at first, so that the owners of what changes wait
		// only for a change that can be made.
		if w.look || to.Alone != nil {
			plan, err = once(ctx, to, b, secret, slow, wish{look: true})
		}
		switch {
		case err != nil || w.look:
		case to.Alone == nil:
			plan, err = once(ctx, to, b, secret, slow, w)
		default:
			notYet := to.Alone(func() { plan, err = once(ctx, to, b, secret, slow, w) })
			if err == nil {
				plan.NotYet = notYet
			}
		}
		if !errors.Is(err, errNotReady) {
			break
		}
		if doing := slow.do(ctx); doing != nil {
			err = doing
			break
		}
	}
	var problems Problems
	if errors.As(err, &problems) { // the store says of which part it was, which the problems say better
		err = problems
	}
	if err != nil {
		plan.Credentials = nil
	}
	return plan, err
}

// once is one reading of a bundle over what is so, and the change that comes of it.
func once(ctx context.Context, to Hotline, b *Bundle, secret Secrets, slow *errands, w wish) (plan Plan, err error) {
	var back func() error
	if w.look {
		to.Keep = nil
	}
	err = to.Store.Together(ctx, func(in *store.Store) error {
		plan = Plan{}
		r, err := newRun(ctx, to, in, b, secret, slow)
		if err != nil {
			return err
		}
		if err := r.take(); err != nil {
			return err
		}
		plan = Plan{Changes: r.changes, Notes: r.notes, Same: r.same, Credentials: r.credentials}
		switch {
		case slow.open():
			return errNotReady
		case len(r.problems) > 0:
			return r.problems
		case w.look:
			return errLook
		case w.seen != "" && w.seen != plan.Print():
			return ErrOther
		case len(r.changes) == 0:
			return errNothing
		}
		if err := r.note(); err != nil {
			return err
		}
		if reflect.DeepEqual(r.cfg, to.Config) {
			return nil
		}
		if to.Keep == nil {
			return errors.New("the configuration of this hotline cannot be changed from here")
		}
		// It is a file beside the records. Between the two lies one moment: who pulls
		// the plug in it applies the bundle again.
		back, err = to.Keep(r.cfg)
		return err
	})
	if err != nil && back != nil {
		err = errors.Join(err, back())
	}
	if errors.Is(err, errLook) || errors.Is(err, errNothing) {
		err = nil
	}
	return plan, err
}

// take has the records, and r.cfg, become what the bundle says.
func (r *run) take() error {
	r.manifest()
	if err := r.takeLanguages(); err != nil {
		return err
	}
	for _, p := range parts() {
		if err := p.take(r); err != nil {
			return err
		}
	}
	if err := r.keepSecrets(); err != nil {
		return err
	}
	if len(r.problems) == 0 {
		if err := r.takeFlows(); err != nil {
			return err
		}
	} else if err := r.parseFlows(); err != nil {
		return err
	}
	if len(r.problems) > 0 {
		return nil
	}
	for _, p := range parts() {
		if err := p.proof(r); err != nil {
			return err
		}
	}
	return r.proveFlows()
}

// Manifest is bundle.yaml.
type Manifest struct {
	Format int    `yaml:"format"`
	About  string `yaml:"about"`
}

func (r *run) manifest() {
	d := r.read(manifestName)
	if d == nil {
		return
	}
	m := Manifest{}
	for _, at := range d.items {
		var err error
		switch at.name {
		case "format":
			err = decode(at.value, &m.Format)
		case "about":
			err = decode(at.value, &m.About)
		default:
			r.problem(manifestName, at.line, at.column, fmt.Sprintf("there is no setting %q", at.name))
		}
		if err != nil {
			r.fault(manifestName, at, err)
			return
		}
	}
	if m.Format != format {
		r.problem(manifestName, max(1, d.at["format"].line), max(1, d.at["format"].column), fmt.Sprintf("this program reads bundles that say format: %d", format))
	}
}

func (r *run) note() error {
	sum := sha256.New()
	for _, name := range r.bundle.Files() {
		fmt.Fprintf(sum, "%s %d\n", name, len(r.bundle.files[name]))
		sum.Write(r.bundle.files[name])
	}
	return r.in.Update(r.ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventApplied, By: r.to.By, Via: r.to.Via, Data: map[string]string{"changes": strconv.Itoa(len(r.changes)), "new_accounts": strconv.Itoa(len(r.credentials)),
			"sha256": hex.EncodeToString(sum.Sum(nil))}})
		return nil
	})
}

// Export is what is so now, as a bundle.
func Export(ctx context.Context, from Hotline) (b *Bundle, err error) {
	b = &Bundle{files: map[string][]byte{}}
	b.files[manifestName] = append(comment("A hotline as files. What a file does not name stays as it is where the bundle is applied;\nwhat is wanted besides can be added. hotline bundle check, diff, apply."), encode(Manifest{Format: format, About: from.Config.Name})...)
	err = from.Store.Together(ctx, func(in *store.Store) error {
		r, err := newRun(ctx, from, in, b, Secrets{}, newErrands(from, b))
		if err != nil {
			return err
		}
		for _, p := range parts() {
			if err := p.write(r, b); err != nil {
				return err
			}
		}
		return errors.Join(r.writeLanguages(b), r.writeFlows(b), errLook)
	})
	if errors.Is(err, errLook) {
		err = nil
	}
	return b, err
}

// sentence is an error in words for whoever wrote the bundle.
func sentence(err error) string {
	var list lists.Mistake
	var fact operation.Mistake
	switch {
	case errors.As(err, &list):
		if text, known := listMistakes()[list]; known {
			return text
		}
	case errors.As(err, &fact):
		switch fact {
		case operation.WrongGlide:
			return "this is no GLIDE number: it looks like EQ-2010-000009-HTI"
		case operation.WrongCountry:
			return "this is no country: write its code of two or three letters, like HT or HTI"
		case operation.WrongName:
			return "the name of the organisation is longer than 120 letters"
		}
	}
	return strings.ToValidUTF8(strings.TrimSpace(err.Error()), "")
}

func listMistakes() map[lists.Mistake]string {
	return map[lists.Mistake]string{
		lists.WrongName: "there is nothing of this name", lists.WrongKeep: "this cannot be switched off: rules of the hotline hang on it",
		lists.WrongFixed: "the four questions of urgency stay as they are", lists.WrongEmpty: "it has no words in any language",
		lists.WrongText: fmt.Sprintf("a text is longer than %d letters", lists.MaxText), lists.WrongSame: "another choice of this list has the same words",
		lists.WrongCode: "a code has small letters, digits and underscores, and begins with a letter", lists.WrongTaken: "this code means something else already",
		lists.WrongTag: "this is no language: write its tag, like es or pt-BR", lists.WrongKind: "there is no such kind of question",
		lists.WrongChoices: "a list has two choices at least", lists.WrongMany: "these are more than fit",
	}
}
