package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"hotline/appliance/audio/foreign"
	"hotline/appliance/config"
	"hotline/appliance/control"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/ivr/flow"
	"hotline/provisioning/bundle"
	"hotline/ui"
	"hotline/ui/api"
	"hotline/ui/page"
)

// bundles is a hotline that runs as files: for its pages, and for commands of the
// same machine. What is in the records counts at once, for the next call and the
// next offer; calls that run keep what they began with. What is in the
// configuration file counts from the next start on.
type bundles struct {
	h   *hotline
	cfg config.Config // by which it runs

	mu      sync.Mutex
	brought brought // for a second look; one at a time, for it can be large
}

// brought is a bundle that somebody has brought on the page.
type brought struct {
	id, by        string
	file, secrets []byte
	forget        *time.Timer
}

// keptFor is how long a bundle waits for the second look.
const keptFor = time.Hour

// eventExported is emitted when somebody has taken the hotline away as files.
const eventExported = "bundle.exported"

// hotline is it for the reader of bundles.
func (b *bundles) hotline(by, via string) (bundle.Hotline, error) {
	h := b.h
	to := bundle.Hotline{Store: h.records, Config: b.cfg, Running: b.cfg, Flows: surroundings, Topics: api.Topics(), Decode: foreign.New().Import, By: by, Via: via, Log: h.log, Alone: b.alone,
		Silenced: func() bool { return h.switches.Off(switches.Synthesis) },
		Leads:    func(cfg config.Config, flows *flow.FlowSet) error { _, err := entries(cfg, flows); return err }}
	if path := b.cfg.Path(); path != "" { // somebody may have changed the file since the start
		cfg, err := config.Load(path)
		if err != nil {
			return to, err
		}
		to.Config, to.Keep = cfg, keepConfig(path)
	}
	return to, nil
}

// alone runs change while nobody changes on the pages what bundles change, and
// then has everybody who keeps some of it in memory use what is stored.
func (b *bundles) alone(change func()) error {
	h := b.h
	var errs []error
	// Read anew in this order: dialogues need prompts and queues, numbers dialogues.
	for _, owner := range []interface{ Renew(func()) error }{h.lists, h.switches, h.disaster, h.studio, h.scripts, h.tapes, h.routes, h.flows, h.lines, h.hooks} {
		before := change
		change = func() { errs = append(errs, owner.Renew(before)) }
	}
	change()
	errs = append(errs, h.accounts.Renew())
	people, err := h.accounts.List()
	for _, a := range people {
		h.desk.Know(ui.PersonOf(a))
	}
	h.desk.Touch()
	return errors.Join(append(errs, err)...)
}

func (b *bundles) look(ctx context.Context, file []byte, secret bundle.Secrets, by, via string) (bundle.Plan, error) {
	to, brought, err := b.read(file, by, via)
	if err != nil {
		return bundle.Plan{}, err
	}
	return bundle.Diff(ctx, to, brought, secret)
}

func (b *bundles) apply(ctx context.Context, file []byte, secret bundle.Secrets, seen, by, via string) (bundle.Plan, error) {
	to, brought, err := b.read(file, by, via)
	if err != nil {
		return bundle.Plan{}, err
	}
	plan, err := bundle.ApplySeen(ctx, to, brought, secret, seen)
	if plan.NotYet != nil {
		b.h.log.Warn("something of a bundle cannot be used before the next start", "error", plan.NotYet)
	}
	return plan, err
}

func (b *bundles) read(file []byte, by, via string) (to bundle.Hotline, brought *bundle.Bundle, err error) {
	if brought, err = bundle.Read(bytes.NewReader(file), int64(len(file))); err == nil {
		to, err = b.hotline(by, via)
	}
	return to, brought, err
}

func (b *bundles) export(ctx context.Context, by, via string) (*bundle.Bundle, bundle.Hotline, error) {
	from, err := b.hotline(by, via)
	if err != nil {
		return nil, from, err
	}
	made, err := bundle.Export(ctx, from)
	if err != nil {
		return nil, from, err
	}
	return made, from, b.h.records.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: eventExported, By: by, Via: via})
		return nil
	})
}

// For the pages.

// Take keeps a bundle for the second look, in place of the one before it.
func (b *bundles) Take(file, secrets []byte, by string) string {
	b.drop("")
	b.mu.Lock()
	defer b.mu.Unlock()
	id := strings.ToLower(rand.Text())
	b.brought = brought{id: id, by: by, file: file, secrets: secrets, forget: time.AfterFunc(keptFor, func() { b.drop(id) })}
	return id
}

// drop forgets a bundle; "" is any.
func (b *bundles) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id != "" && id != b.brought.id {
		return
	}
	if b.brought.forget != nil {
		b.brought.forget.Stop()
	}
	b.brought = brought{}
}

// kept is the bundle of somebody.
func (b *bundles) kept(id, by string) (file []byte, secret bundle.Secrets, err error) {
	b.mu.Lock()
	kept := b.brought
	b.mu.Unlock()
	if id == "" || kept.id != id || kept.by != by {
		return nil, secret, ui.ErrNoBundle
	}
	if len(kept.secrets) > 0 {
		secret, err = bundle.ParseSecrets("secrets.yaml", kept.secrets)
	}
	return kept.file, secret, err
}

// Look says what a bundle would change.
func (b *bundles) Look(ctx context.Context, id, by string) (page.BundlePlan, error) {
	file, secret, err := b.kept(id, by)
	var plan bundle.Plan
	if err == nil {
		plan, err = b.look(ctx, file, secret, by, "web")
	}
	return paged(plan, err)
}

// Apply changes what was looked at.
func (b *bundles) Apply(ctx context.Context, id, seen, by string) (page.BundlePlan, error) {
	file, secret, err := b.kept(id, by)
	var plan bundle.Plan
	if err == nil {
		plan, err = b.apply(ctx, file, secret, seen, by, "web")
	}
	if errors.Is(err, bundle.ErrOther) {
		return page.BundlePlan{}, ui.ErrBundleOther
	}
	if err == nil {
		b.drop(id)
	}
	return paged(plan, err)
}

// Write writes what is so now.
func (b *bundles) Write(ctx context.Context, w io.Writer, by string) error {
	made, _, err := b.export(ctx, by, "web")
	if err != nil {
		return err
	}
	return made.Write(w)
}

// paged is a plan for the page. What is wrong with a bundle is told there; other
// errors are ours.
func paged(plan bundle.Plan, err error) (page.BundlePlan, error) {
	out := page.BundlePlan{Same: plan.Same, Print: plan.Print()}
	var problems bundle.Problems
	var file bundle.NoBundle
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			out.Faults = append(out.Faults, page.BundleFault{File: p.File, Line: p.Line, Column: p.Column, About: p.About, Text: p.Text})
		}
		return out, nil
	case errors.As(err, &file):
		out.Faults = append(out.Faults, page.BundleFault{Text: file.Error()})
		return out, nil
	case err != nil:
		return out, err
	}
	for _, c := range plan.Changes {
		out.Changes = append(out.Changes, page.BundleChange{Kind: c.Kind, File: c.File, Name: c.Name, Setting: c.Setting, Was: c.Was, Is: c.Is, Later: c.Later})
	}
	for _, n := range plan.Notes {
		out.Notes = append(out.Notes, page.BundleNote{Kind: n.Kind, Line: n.Line})
	}
	for _, c := range plan.Credentials {
		out.People = append(out.People, page.BundlePerson{Login: c.Login, Name: c.Name, Phone: string(c.Phone), Password: c.Password, PIN: c.PIN})
	}
	if plan.NotYet != nil {
		out.NotYet = plan.NotYet.Error()
	}
	return out, nil
}

// For commands of this machine.

// bundleAsked is what a command asks for with a bundle.
type bundleAsked struct {
	Secrets bool           `json:"secrets,omitempty"` // of the lines are wanted, too
	Given   bundle.Secrets `json:"given,omitzero"`
	File    string         `json:"file,omitempty"` // in which those are
}

// bundleAnswered is what it is told.
type bundleAnswered struct {
	Plan     bundle.Plan     `json:"plan"`
	NotYet   string          `json:"not_yet,omitempty"`
	Problems bundle.Problems `json:"problems,omitempty"`
	Secrets  bundle.Secrets  `json:"secrets,omitzero"`
}

func (b *bundles) onLook(ctx context.Context, by string, asked control.Message) (control.Message, error) {
	return b.answer(asked, func(file []byte, secret bundle.Secrets) (bundle.Plan, error) {
		return b.look(ctx, file, secret, by, "cli")
	})
}

func (b *bundles) onApply(ctx context.Context, by string, asked control.Message) (control.Message, error) {
	return b.answer(asked, func(file []byte, secret bundle.Secrets) (bundle.Plan, error) {
		return b.apply(ctx, file, secret, "", by, "cli")
	})
}

func (b *bundles) answer(asked control.Message, do func([]byte, bundle.Secrets) (bundle.Plan, error)) (out control.Message, err error) {
	var want bundleAsked
	if err := json.Unmarshal(asked.Words, &want); err != nil {
		return out, err
	}
	plan, err := do(asked.File, want.Given.Called(want.File))
	words := bundleAnswered{Plan: plan}
	if plan.NotYet != nil {
		words.NotYet, words.Plan.NotYet = plan.NotYet.Error(), nil
	}
	if err != nil && !errors.As(err, &words.Problems) {
		return out, err
	}
	return control.Say(words, nil)
}

func (b *bundles) onExport(ctx context.Context, by string, asked control.Message) (out control.Message, err error) {
	var want bundleAsked
	if err := json.Unmarshal(asked.Words, &want); err != nil {
		return out, err
	}
	made, from, err := b.export(ctx, by, "cli")
	if err != nil {
		return out, err
	}
	var words bundleAnswered
	if want.Secrets {
		if words.Secrets, err = bundle.SecretsOf(from); err != nil {
			return out, err
		}
	}
	var file bytes.Buffer
	if err := made.Write(&file); err != nil {
		return out, err
	}
	return control.Say(words, file.Bytes())
}

// askRunning asks the hotline that runs, if one does; control.ErrNotRunning says
// that none does.
func askRunning(ctx context.Context, cfg config.Config, what string, brought *bundle.Bundle, want bundleAsked) (got bundleAnswered, file []byte, err error) {
	var zipped bytes.Buffer
	if brought != nil {
		if err := brought.Write(&zipped); err != nil {
			return got, nil, err
		}
	}
	message, err := control.Say(want, zipped.Bytes())
	if err != nil {
		return got, nil, err
	}
	answer, err := control.Ask(ctx, cfg.DataDir(), what, byCommand, message)
	if err != nil {
		return got, nil, err
	}
	if err := json.Unmarshal(answer.Words, &got); err != nil {
		return got, nil, fmt.Errorf("the answer of the hotline cannot be read: %w", err)
	}
	if len(got.Problems) > 0 {
		return got, nil, got.Problems
	}
	return got, answer.File, nil
}
