package bundle

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/versions"
)

// The dialogues are files of their own, in their own language.

// paper checks flows without running any: a hotline reads them when it starts.
type paper struct{ with flow.Surroundings }

func (p paper) Check(set *flow.FlowSet) error   { return flow.Check(set, p.with) }
func (p paper) Publish(set *flow.FlowSet) error { return p.Check(set) }
func (p paper) Resume(set *flow.FlowSet) (flow.Problems, error) {
	return nil, p.Check(set)
}

func (r *run) shelf() (*versions.Shelf, flow.Surroundings, error) {
	with, err := r.to.Flows(r.cfg)
	if err != nil {
		return nil, with, err
	}
	studio, err := r.speech()
	if err != nil {
		return nil, with, err
	}
	with.HasPrompt, with.HasQueue = studio.Has, r.routing.Has
	shelf, err := versions.Open(versions.Config{Store: r.in, Shipped: ivr.ShippedTexts(), Engine: paper{with}, Log: r.to.Log})
	return shelf, with, err
}

// flowTexts are the dialogues of the bundle by name.
func (b *Bundle) flowTexts() map[string]string {
	texts := map[string]string{}
	for file, text := range b.files {
		if name, ok := strings.CutPrefix(file, flowFolder); ok {
			texts[strings.TrimSuffix(name, ".yaml")] = string(text)
		}
	}
	return texts
}

// touchesFlows reports that a bundle has dialogues, or changes what they lean on.
func (b *Bundle) touchesFlows() bool {
	for _, file := range []string{"organisation.yaml", "prompts.yaml", "queues.yaml", "numbers.yaml"} {
		if b.files[file] != nil {
			return true
		}
	}
	return len(b.flowTexts()) > 0
}

// takeFlows publishes the dialogues of the bundle, and looks at where all numbers
// lead then.
func (r *run) takeFlows() error {
	if !r.bundle.touchesFlows() {
		return nil
	}
	shelf, with, err := r.shelf()
	if err != nil {
		return err
	}
	wanted := r.bundle.flowTexts()
	now, err := shelf.Current()
	if err != nil {
		return err
	}
	have, err := shelf.Texts(now.Number)
	if err != nil {
		return err
	}
	all := maps.Clone(have)
	maps.Copy(all, wanted)
	first := len(r.changes)
	set, err := flow.ParseSet(all)
	if err == nil {
		err = flow.Check(set, with)
	}
	if err != nil {
		r.flowProblems(err)
		return nil
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if have[name] == wanted[name] {
			r.same++
			continue
		}
		changed = append(changed, name)
		r.changes = append(r.changes, Change{Kind: Flow, File: "flows", Name: name})
	}
	if len(changed) > 0 {
		if _, err := shelf.PublishTexts(r.ctx, wanted, "from a bundle", versions.Actor{ID: r.to.By, Name: r.to.By, Via: r.to.Via}); err != nil {
			r.flowProblems(err)
		}
		if err := r.fitsNow(set, with, first); err != nil {
			return err
		}
	}
	if err := r.to.Leads(r.cfg, set); err != nil {
		at := item{line: 1, column: 1}
		if d := r.read("numbers.yaml"); d != nil {
			for _, one := range d.items {
				if strings.Contains(err.Error(), one.name+":") {
					at = one
				}
			}
		}
		r.problem("numbers.yaml", at.line, at.column, sentence(err))
	}
	return nil
}

// fitsNow says when dialogues fit only what a running hotline gets with its next
// start.
func (r *run) fitsNow(set *flow.FlowSet, with flow.Surroundings, first int) error {
	if r.to.Alone == nil {
		return nil
	}
	now, err := r.to.Flows(r.to.Running)
	if err != nil {
		return err
	}
	now.HasPrompt, now.HasQueue = with.HasPrompt, with.HasQueue
	if flow.Check(set, now) != nil {
		r.later(first, "*")
		r.notes = append(r.notes, Note{Kind: FlowsLater})
	}
	return nil
}

// flowProblems notes what is wrong with flows, at the files of the bundle.
func (r *run) flowProblems(err error) {
	var problems flow.Problems
	if !errors.As(err, &problems) {
		r.problem(strings.TrimSuffix(flowFolder, "/"), 0, 0, sentence(err))
		return
	}
	for _, p := range problems {
		file := flowFolder + p.File + ".yaml"
		if _, ours := r.bundle.files[file]; !ours { // it does not fit any more
			r.problem("flows", 0, 0, "the flow "+p.File+" of this hotline does not fit what the bundle says: "+p.Error())
			continue
		}
		r.problem(file, p.Pos.Line, p.Pos.Col, p.Text)
	}
}

func (r *run) proveFlows() error {
	if len(r.bundle.flowTexts()) == 0 {
		return nil
	}
	shelf, _, err := r.shelf()
	if err != nil {
		return err
	}
	now, err := shelf.Current()
	if err != nil {
		return err
	}
	have, err := shelf.Texts(now.Number)
	for name, text := range r.bundle.flowTexts() {
		if have[name] != text {
			r.problem(flowFolder+name+".yaml", 0, 0, "this flow was not published as it is here, so nothing was changed")
		}
	}
	return err
}

func (r *run) writeFlows(b *Bundle) error {
	shelf, _, err := r.shelf()
	if err != nil {
		return err
	}
	now, err := shelf.Current()
	for name, text := range now.Files {
		b.files[flowFolder+name+".yaml"] = []byte(text)
	}
	return err
}

// parseFlows looks at the dialogues by themselves, where the rest of the bundle is
// wrong already: what they lean on may be missing for that reason alone.
func (r *run) parseFlows() error {
	for _, name := range r.bundle.Files() {
		if short, ok := strings.CutPrefix(name, flowFolder); ok {
			short = strings.TrimSuffix(short, ".yaml")
			if _, err := flow.ParseSet(map[string]string{short: string(r.bundle.files[name])}); err != nil {
				r.flowProblems(err)
			}
		}
	}
	return nil
}
