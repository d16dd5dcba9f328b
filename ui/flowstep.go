package ui

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hotline/ivr/flow"
	"hotline/ivr/flow/edit"
	"hotline/ivr/versions"
	"hotline/ui/page"
)

const telephoneKeys = "1234567890*#"

// flowStep is one step as a form.
func (s *Server) flowStep(w http.ResponseWriter, r *http.Request, v visit) {
	e := s.openSteps(w, r, v)
	switch {
	case e == nil:
	case e.has(r.PathValue("step")):
		e.form(w, r, http.StatusOK, filling{step: r.PathValue("step")}, nil)
	default:
		s.problem(w, r, v, http.StatusNotFound, "missing")
	}
}

func (e *steps) has(step string) bool {
	if e.doc == nil {
		return false
	}
	_, ok := e.doc.Step(step)
	return ok
}

// flowAdd asks what kind of step comes below another, and is its form then.
// The addresses have no questions in them: pages with much to choose from are
// packed for the way only without.
func (s *Server) flowAdd(w http.ResponseWriter, r *http.Request, v visit) {
	e := s.openSteps(w, r, v)
	if e == nil {
		return
	}
	kind := flow.Kind(r.PathValue("kind"))
	switch {
	case !e.has(r.PathValue("step")) || kind != "" && !slices.Contains(edit.Kinds, kind):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case kind == "":
		above, _ := e.doc.Step(r.PathValue("step"))
		e.askKind(w, r, above)
	default:
		e.form(w, r, http.StatusOK, filling{new: &edit.New{Kind: kind, After: r.PathValue("step"), By: strings.TrimPrefix(r.PathValue("by"), "-")}}, nil)
	}
}

// flowAddKind leads to the form of the kind that was chosen.
func (s *Server) flowAddKind(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	to := "/admin/flow/" + url.PathEscape(r.PathValue("id")) + "/add"
	for _, part := range []string{"after", "kind", "by"} {
		to += "/" + url.PathEscape(cmp.Or(r.PostForm.Get(part), "-"))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// askKind asks what the new step does, and which way leads to it.
func (e *steps) askKind(w http.ResponseWriter, r *http.Request, above edit.Step) {
	e.f.Title = e.f.T("step.add") + ": " + e.f.Title
	p := page.StepNew{Frame: e.f, Flow: e.name, After: above.Name}
	for _, way := range above.Ways() {
		p.Ways = append(p.Ways, page.Option{Value: way.PathOf(), Label: e.f.F("step.new.between", "way", e.way(way), "to", way.To)})
	}
	for _, setting := range []string{"menu", "keys"} {
		if !above.Has(setting) {
			continue
		}
		for _, key := range free(above, setting) {
			p.Ways = append(p.Ways, page.Option{Value: setting + "|" + key, Label: e.f.F("step.new.key", "key", key)})
		}
	}
	e.s.show(w, r, http.StatusOK, page.FlowStepNew(p))
}

func (e *steps) way(way edit.Way) string {
	name := ""
	if len(way.Path) > 1 {
		name = way.Path[1]
	}
	return e.f.WayWords(way.Path[0], name)
}

// free are the keys of the telephone that a step does not use yet.
func free(s edit.Step, setting string) []string {
	keys := []string{}
	for _, key := range strings.Split(telephoneKeys, "") {
		if !slices.ContainsFunc(s.Branches(setting), func(b edit.Branch) bool { return b.Name == key }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// filling is the form of a step that is there, or of a new one.
type filling struct {
	step   string
	new    *edit.New
	filled edit.Filled
	rename string
}

// apply changes the dialogue as the form says; step is the name by then.
func (e *steps) apply(f filling) (step string, err error) {
	if f.new != nil {
		return e.doc.Add(*f.new, f.filled)
	}
	if err := e.doc.Apply(f.step, f.filled); err != nil {
		return f.step, err
	}
	if f.rename != "" && f.rename != f.step {
		if err := e.doc.Rename(f.step, f.rename); err != nil {
			return f.step, err
		}
		return f.rename, nil
	}
	return f.step, nil
}

// form shows a step as it would be with what has been filled in so far.
func (e *steps) form(w http.ResponseWriter, r *http.Request, status int, f filling, mistake error) {
	step, err := e.apply(f)
	s, ok := e.doc.Step(step)
	if err != nil && mistake == nil {
		mistake, status = err, http.StatusUnprocessableEntity
	}
	if !ok {
		e.refuse(w, r, cmp.Or(mistake, error(edit.ErrNoStep)))
		return
	}
	e.f.Title = e.f.KindWords(s.Kind) + ": " + e.f.Title
	p := page.StepForm{Frame: e.f, Flow: e.name, Name: s.Name, Seen: e.seen, Kind: s.Kind, New: f.new != nil, Unknown: s.Unknown(), Source: e.doc.Source(s.Name),
		Trouble: e.mistake(mistake), Done: r.URL.Query().Get("done")}
	if p.Trouble != "" {
		p.Title = e.f.T("problem.title") + ": " + p.Title
	}
	if f.new != nil {
		p.After, p.By = f.new.After, cmp.Or(f.new.By, "-")
		if above, ok := e.doc.Step(f.new.After); ok {
			for _, way := range above.Ways() {
				if way.To == s.Name {
					p.ByWords = e.f.F("step.new.led", "step", above.Name, "way", e.way(way))
				}
			}
		}
	} else {
		e.look(e.doc.Text())
		p.Problems = e.faults(s.Name)
	}
	options := e.options()
	sound := e.sounds(s)
	for _, one := range edit.Settings(s.Kind) {
		if slices.Contains(p.Unknown, one.Name) {
			continue
		}
		field := e.field(s, one, options, sound)
		if one.More {
			p.More = append(p.More, field)
			// What was changed from what is usual is in view.
			p.Open = p.Open || one.Is == edit.WayOut && field.Value != "" && !e.doc.Kept(edit.Way{Step: s.Name, Path: []string{one.Name}, To: field.Value})
		} else {
			p.Main = append(p.Main, field)
		}
	}
	p.Open = p.Open || mistake != nil && f.rename != "" && f.rename != f.step
	p.Known = e.known()
	e.s.show(w, r, status, page.FlowStep(p))
}

func (e *steps) field(s edit.Step, one edit.Setting, targets, sound []page.StepOptions) page.StepField {
	field := page.StepField{Setting: one, Value: s.Word(one.Name), Path: one.Name}
	list := func(values []string, label func(string) string) {
		var all []page.Option
		for _, value := range values {
			all = append(all, page.Option{Value: value, Label: label(value)})
		}
		if field.Value != "" && !slices.Contains(values, field.Value) {
			all = append(all, page.Option{Value: field.Value, Label: field.Value})
		}
		field.Options = []page.StepOptions{{Options: all}}
	}
	same := func(value string) string { return value }
	switch one.Is {
	case edit.Sentences:
		field.Sound = sound
		for i, part := range s.Parts(one.Name) {
			said := page.StepSaid{Value: part.Prompt}
			if part.Prompt == "" {
				said = page.StepSaid{Value: "=" + strconv.Itoa(i), Text: e.said(part)}
			}
			field.Said = append(field.Said, said)
		}
	case edit.WayOut:
		field.Options = targets
		for _, way := range s.Ways() {
			if way.Path[0] == one.Name {
				field.Value, field.Path = way.To, way.PathOf()
			}
		}
	case edit.Branches:
		field.Options = targets
		if one.Name != "on" {
			field.Free = free(s, one.Name)
		}
		all := s.Branches(one.Name)
		for i, b := range all {
			field.Branches = append(field.Branches, page.StepBranch{Branch: b, Path: strings.Join(b.Path, "|"), First: i == 0, Last: i == len(all)-1})
		}
	case edit.ATest:
		field.Test, _ = s.Test()
	case edit.Attributes:
		field.Values, _ = s.Values()
		if len(field.Values) == 1 && field.Values[0].Attribute == "" {
			field.Values = nil
		}
	case edit.Seconds:
		field.Value, _ = s.Seconds(one.Name)
	case edit.AQueue:
		list(e.s.queues(), e.f.Line)
	case edit.AFlow:
		list(e.flows(), e.flowLabel)
	case edit.ASchedule:
		list(e.known()[string(edit.ASchedule)], same)
	case edit.APrompt:
		field.Options = sound
	case edit.AKey:
		list([]string{"#", "*"}, same)
	}
	return field
}

// flows are the dialogues that callers can hear.
func (e *steps) flows() []string {
	var names []string
	for _, f := range e.parse() {
		if !f.Data() {
			names = append(names, f.Name)
		}
	}
	return names
}

func (e *steps) flowLabel(name string) string {
	for _, f := range e.parse() {
		if f.Name == name && f.About != "" {
			return name + " · " + firstWords(f.About, 50)
		}
	}
	return name
}

func (e *steps) parse() []*flow.Flow {
	if e.parsed == nil {
		for _, name := range slices.Sorted(maps.Keys(e.texts)) {
			if f, err := flow.Parse(name, []byte(e.texts[name])); err == nil {
				e.parsed = append(e.parsed, f)
			}
		}
	}
	return e.parsed
}

// options are where a way can lead: the steps of this dialogue, a line, another
// dialogue.
func (e *steps) options() []page.StepOptions {
	here := page.StepOptions{Label: e.f.T("step.to.here")}
	for _, s := range e.doc.Steps() {
		here.Options = append(here.Options, page.Option{Value: s.Name, Label: e.label(s)})
	}
	lines := page.StepOptions{Label: e.f.T("step.to.line")}
	for _, queue := range e.s.queues() {
		lines.Options = append(lines.Options, page.Option{Value: edit.ToLine + queue, Label: e.f.Line(queue)})
	}
	others := page.StepOptions{Label: e.f.T("step.to.flow")}
	for _, name := range e.flows() {
		if name != e.name {
			others.Options = append(others.Options, page.Option{Value: edit.ToOther + name, Label: e.flowLabel(name)})
		}
	}
	return []page.StepOptions{here, lines, others}
}

// sounds are the prompts that a step can say, each with its words.
func (e *steps) sounds(s edit.Step) []page.StepOptions {
	var all []page.Option
	listed := map[string]bool{}
	language := e.f.Lang()
	if spoken := e.s.cfg.Prompts.Languages(); !slices.Contains(spoken, language) && len(spoken) > 0 {
		language = spoken[0]
	}
	for _, p := range e.s.cfg.Prompts.Prompts(language) {
		if p.Internal || p.Text == "" || strings.HasPrefix(p.ID, "number.") || strings.HasPrefix(p.ID, "date.") || strings.HasPrefix(p.ID, "clock.") {
			continue
		}
		listed[p.ID] = true
		all = append(all, page.Option{Value: p.ID, Label: firstWords(p.Text, 70) + " · " + p.ID})
	}
	for _, one := range edit.Settings(s.Kind) {
		if one.Is != edit.Sentences && one.Is != edit.APrompt {
			continue
		}
		for _, part := range s.Parts(one.Name) {
			if part.Prompt != "" && !listed[part.Prompt] {
				listed[part.Prompt] = true
				all = append(all, page.Option{Value: part.Prompt, Label: part.Prompt})
			}
		}
	}
	return []page.StepOptions{{Options: all}}
}

// known are names that dialogues use already, by what they name.
func (e *steps) known() map[string][]string {
	all := map[string][]string{}
	note := func(what edit.Is, name string) {
		if name != "" && !slices.Contains(all[string(what)], name) {
			all[string(what)] = append(all[string(what)], name)
		}
	}
	for _, f := range e.parse() {
		for name := range f.Schedules {
			note(edit.ASchedule, name)
		}
		for name := range f.Attributes {
			note(edit.AnAttr, name)
		}
		for _, s := range f.Steps {
			for _, a := range s.Set {
				note(edit.AnAttr, a.Attribute)
			}
			switch {
			case s.If != nil:
				note(edit.AnAttr, s.If.Attribute)
			case s.Collect != nil:
				note(edit.AnAttr, s.Collect.Attribute)
			case s.Do != nil:
				note(edit.AnAction, s.Do.Action)
			case s.Voicemail != nil:
				note(edit.ABox, s.Voicemail.Box)
			}
		}
	}
	for what := range all {
		slices.Sort(all[what])
	}
	return all
}

// flowStepSave takes the form of a step.
func (s *Server) flowStepSave(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form", err)
		return
	}
	e := s.openSteps(w, r, v)
	if e == nil {
		return
	}
	if e.doc == nil {
		e.refuse(w, r, edit.ErrText)
		return
	}
	f := filling{step: r.PostForm.Get("step"), filled: fill(r.PostForm), rename: nameOf(r.PostForm.Get("name"))}
	if f.step == "" {
		f.new = &edit.New{Kind: flow.Kind(r.PostForm.Get("kind")), After: r.PostForm.Get("after"), By: strings.TrimPrefix(r.PostForm.Get("by"), "-"), Name: f.rename}
		if !slices.Contains(edit.Kinds, f.new.Kind) {
			s.problem(w, r, v, http.StatusBadRequest, "method")
			return
		}
	}
	do, path, _ := strings.Cut(r.PostForm.Get("do"), "|")
	if r.PostForm.Get("seen") != e.seen {
		if do == "source" {
			e.refuse(w, r, versions.ErrChanged)
			return
		}
		e.form(w, r, http.StatusUnprocessableEntity, f, versions.ErrChanged)
		return
	}
	var step string
	var err error
	if do == "source" {
		step, err = e.doc.SetSource(f.step, strings.ReplaceAll(r.PostForm.Get("source"), "\r\n", "\n"))
	} else {
		step, err = e.apply(f)
	}
	if err == nil && path != "" {
		err = e.branch(do, step, path)
	}
	if err == nil {
		err = e.save(r)
	}
	if err != nil {
		again := s.openSteps(w, r, v)
		if again == nil {
			return
		}
		if do == "source" {
			f.filled = edit.Filled{}
		}
		f.rename = ""
		if f.new != nil {
			f.new.Name = ""
		}
		again.form(w, r, http.StatusUnprocessableEntity, f, err)
		return
	}
	if path != "" {
		http.Redirect(w, r, "/admin/flow/"+e.name+"/step/"+url.PathEscape(step)+"?done=saved", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, "/admin/flow/"+e.name+"?done=step#change-"+url.PathEscape(step), http.StatusSeeOther)
}

// branch does something to one key or answer of a step.
func (e *steps) branch(do, step, path string) error {
	setting, key, _ := strings.Cut(path, "|")
	s, _ := e.doc.Step(step)
	switch do {
	case "up", "down":
		return e.doc.Shift(step, setting, key, do == "up")
	case "again":
		keys := free(s, setting)
		if len(keys) == 0 {
			return edit.ErrEdge
		}
		return e.doc.Again(step, setting, key, keys[0])
	case "drop":
		for _, b := range s.Branches(setting) {
			if b.Name == key {
				return e.doc.Apply(step, edit.Filled{Ways: map[string]string{strings.Join(b.Path, "|"): ""}})
			}
		}
		return edit.ErrNoStep
	}
	return errUnknown
}

// nameOf makes a name of a step of what somebody typed.
func nameOf(typed string) string {
	return strings.Join(strings.Fields(clean(typed, 64)), "_")
}

// fill reads the form of a step.
func fill(form url.Values) edit.Filled {
	f := edit.Filled{Words: map[string]string{}, Said: map[string][]string{}, Ways: map[string]string{}, Branches: map[string][]edit.Branch{}, Keys: map[string]string{}}
	for name := range form {
		kind, rest, _ := strings.Cut(name, ".")
		value := clean(form.Get(name), 500)
		switch kind {
		case "word":
			f.Words[rest] = value
		case "way":
			f.Ways[rest] = value
		case "key":
			f.Keys[rest] = value
		case "new":
			if to := form.Get("to." + rest); value != "" && to != "" {
				f.Branches[rest] = append(f.Branches[rest], edit.Branch{Name: value, To: to})
			}
		case "asked":
			switch value {
			case "said":
				f.Said[rest] = slices.DeleteFunc(slices.Clone(form["said."+rest]), func(one string) bool { return one == "" })
			case "yesno":
				if !form.Has("word." + rest) {
					f.Words[rest] = "false"
				}
			}
		}
	}
	if form.Has("test.attribute") {
		f.Test = &edit.Test{Attribute: clean(form.Get("test.attribute"), 64), How: known(form.Get("test.how"), edit.TestWays), Value: clean(form.Get("test.value"), 200)}
	}
	if form.Has("set.attribute") {
		f.Values = []edit.Value{}
		values := form["set.value"]
		for i, attribute := range form["set.attribute"] {
			if attribute = clean(attribute, 64); attribute != "" && i < len(values) {
				f.Values = append(f.Values, edit.Value{Attribute: attribute, Value: clean(values[i], 200)})
			}
		}
	}
	return f
}
