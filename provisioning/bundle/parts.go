package bundle

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/appliance/sharing"
	"hotline/appliance/switches"
	"hotline/triage"
	"hotline/triage/privacy"
)

// parts are the files of a bundle, in the order in which they take effect: later
// ones name things of earlier ones.
func parts() []part {
	return []part{promptsPart(), organisationPart(), operationPart(), listsPart(), teamsPart(), skillsPart(), queuesPart(), profilesPart(), servicesPart(),
		numbersPart(), trunksPart(), rulesPart(), scriptsPart(), usersPart(), membersPart(), linesPart()}
}

// partFiles are their names.
func partFiles() (names []string) {
	for _, p := range parts() {
		names = append(names, p.file())
	}
	return names
}

func rulesPart() part {
	return one[Rules]{name: "rules.yaml",
		about: "What may be kept: which lines are recorded, for what purpose and how long; for how many days\nrecords are kept (0: for ever); on what ground, and how far they may go. When nobody is called\nback, and which parts of the hotline are on.",
		now: func(r *run) (Rules, error) {
			var out Rules
			recordings, err := r.recordings()
			if err != nil {
				return out, err
			}
			rules := recordings.Rules()
			out.Recording.Purpose, out.Recording.Days, out.Recording.Queues = rules.Purpose, rules.KeepDays, map[string]string{}
			for queue, policy := range rules.Queues {
				if policy != triage.RecordNever {
					out.Recording.Queues[queue] = string(policy)
				}
			}
			keep, _, err := r.privacy().Rules()
			if err != nil {
				return out, err
			}
			out.Keep = map[string]int{}
			for _, f := range keep.Fields() {
				out.Keep[f.Name] = *f.Days
			}
			shared, err := sharing.Read(r.in)
			if err != nil {
				return out, err
			}
			out.Sharing = map[string]Share{}
			for kind, both := range shared {
				out.Sharing[kind] = Share{both.Basis, both.Scope}
			}
			quiet, err := triage.NewContacts(r.in).QuietHours()
			if err != nil {
				return out, err
			}
			out.Quiet = quietText(quiet)
			panel, err := switches.Open(r.in)
			if err != nil {
				return out, err
			}
			out.Parts = map[string]bool{}
			for _, p := range switches.Parts() {
				out.Parts[string(p)] = !panel.Off(p)
			}
			return out, nil
		},
		tidy: func(r *run, was Rules, is *Rules) error {
			is.Recording.Queues = over(was.Recording.Queues, is.Recording.Queues)
			for queue, policy := range is.Recording.Queues {
				if !contains(r.queues(), queue) {
					return fieldError{"recording", r.noQueue(queue)}
				}
				if policy == string(triage.RecordNever) {
					delete(is.Recording.Queues, queue)
				}
			}
			is.Recording.Purpose = strings.TrimSpace(is.Recording.Purpose)
			is.Keep, is.Sharing, is.Parts = over(was.Keep, is.Keep), over(was.Sharing, is.Sharing), over(was.Parts, is.Parts)
			for name := range is.Keep {
				if _, known := was.Keep[name]; !known {
					return fieldError{"keep_days", fmt.Errorf("there is no kind of records %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(was.Keep)), ", "))}
				}
			}
			for kind := range is.Sharing {
				if !contains(sharing.Kinds(), kind) {
					return fieldError{"sharing", fmt.Errorf("there is no kind of records %q; there are %s", kind, strings.Join(sharing.Kinds(), ", "))}
				}
			}
			for name := range is.Parts {
				if !slices.Contains(switches.Parts(), switches.Part(name)) {
					return fieldError{"parts", fmt.Errorf("there is no part %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(was.Parts)), ", "))}
				}
			}
			return nil
		},
		put: putRules}
}

func putRules(r *run, was, is Rules) error {
	var wrong []error
	fail := func(field string, err error) {
		if err != nil {
			wrong = append(wrong, fieldError{field, err})
		}
	}
	if !same(was.Recording, is.Recording) {
		recordings, err := r.recordings()
		if err != nil {
			return err
		}
		rules := triage.RecordingRules{Purpose: is.Recording.Purpose, KeepDays: is.Recording.Days, Queues: map[string]triage.RecordingPolicy{}}
		for queue, policy := range is.Recording.Queues {
			if !slices.Contains(triage.RecordingPolicies(), triage.RecordingPolicy(policy)) {
				fail("recording", fmt.Errorf("%s: %q is not never, agent or always", queue, policy))
			}
			rules.Queues[queue] = triage.RecordingPolicy(policy)
		}
		if len(wrong) == 0 {
			fail("recording", recordings.SetRules(r.ctx, rules, r.to.By))
		}
	}
	if !same(was.Keep, is.Keep) {
		rules := privacy.Shipped()
		for _, f := range rules.Fields() {
			*f.Days = is.Keep[f.Name]
		}
		fail("keep_days", r.privacy().SetRules(r.ctx, rules, r.to.By))
	}
	if !same(was.Sharing, is.Sharing) {
		set := sharing.Defaults{}
		for kind, both := range is.Sharing {
			if !contains(sharing.Bases(), both.Basis) || !contains(sharing.Scopes(), both.Scope) {
				fail("sharing", fmt.Errorf("%s: the basis is one of %s, and the scope one of %s", kind, strings.Join(sharing.Bases(), ", "), strings.Join(sharing.Scopes(), ", ")))
			}
			set[kind] = sharing.Both{Basis: both.Basis, Scope: both.Scope}
		}
		if len(wrong) == 0 {
			fail("sharing", sharing.Set(r.ctx, r.in, set, r.to.By))
		}
	}
	if was.Quiet != is.Quiet {
		var quiet triage.Quiet
		if is.Quiet != "none" {
			s, err := stretch(is.Quiet)
			if err != nil {
				fail("quiet_hours", fmt.Errorf("%q are no hours: write them like 21:00-08:00, or none", is.Quiet))
			}
			quiet = triage.Quiet(s)
		}
		if len(wrong) == 0 {
			fail("quiet_hours", triage.NewContacts(r.in).SetQuietHours(r.ctx, quiet, r.to.By))
		}
	}
	for _, part := range switches.Parts() {
		if on := is.Parts[string(part)]; on != was.Parts[string(part)] {
			panel, err := switches.Open(r.in)
			if err != nil {
				return err
			}
			fail("parts", panel.Turn(r.ctx, part, on, r.to.By, r.to.By, r.to.Via))
		}
	}
	return errors.Join(wrong...)
}

func same(a, b any) bool { return string(encode(a)) == string(encode(b)) }

// over is what is so with what is wanted over it.
func over[T any](was, is map[string]T) map[string]T {
	all := maps.Clone(was)
	if all == nil {
		all = map[string]T{}
	}
	maps.Copy(all, is)
	return all
}

func (r *run) recordings() (*triage.Recordings, error) {
	panel, err := switches.Open(r.in)
	if err != nil {
		return nil, err
	}
	return triage.OpenRecordings(r.in, panel, r.to.Log)
}

func (r *run) privacy() *privacy.Keeper { return privacy.New(r.in, r.cfg.Operation, r.to.Log) }

// queues are all queues that there are.
func (r *run) queues() []string {
	return r.routing.LineIDs()
}

func (r *run) noQueue(id string) error {
	return fmt.Errorf("there is no queue %q; there are %s", id, strings.Join(r.queues(), ", "))
}

// Script is what whoever answers says first on a line in a language.
type Script struct {
	Lines  []string `yaml:"lines"`
	Remove bool     `yaml:"remove,omitempty"`
}

func (s Script) removed() bool { return s.Remove }

// everyLine is how a bundle names the script of lines that have none of their own.
const everyLine = "all"

func scriptsPart() part {
	split := func(name string) (queue, language string) {
		queue, language, _ = strings.Cut(name, "/")
		if queue == everyLine {
			queue = ""
		}
		return queue, language
	}
	return many[Script]{name: "scripts.yaml",
		about: "What phone volunteers say first, by line and language, like help/es; all/es is for every line\nthat has nothing of its own.",
		now: func(r *run) (list []named[Script], err error) {
			scripts, err := triage.OpenScripts(r.in, r.queues)
			if err != nil {
				return nil, err
			}
			for _, s := range scripts.List() {
				queue := s.Queue
				if queue == "" {
					queue = everyLine
				}
				list = append(list, named[Script]{queue + "/" + s.Language, Script{Lines: s.Lines}})
			}
			return list, nil
		},
		fresh: func(r *run, name string) (s Script, err error) {
			if queue, language := split(name); queue != "" && !contains(r.queues(), queue) {
				return s, r.noQueue(queue)
			} else if language == "" {
				return s, errors.New("write the line and the language, like help/es or all/es")
			}
			return s, nil
		},
		tidy: func(_ *run, _ string, _ Script, is *Script) error {
			is.Lines = slices.DeleteFunc(slices.Clone(is.Lines), func(line string) bool { return strings.TrimSpace(line) == "" })
			if len(is.Lines) == 0 && !is.Remove {
				return fieldError{"lines", errors.New("there are no sentences in it")}
			}
			return nil
		},
		put: func(r *run, name string, _, is Script, _ bool) error {
			scripts, err := triage.OpenScripts(r.in, r.queues)
			if err != nil {
				return err
			}
			queue, language := split(name)
			if is.Remove {
				is.Lines = nil
			}
			return scripts.Set(r.ctx, triage.Script{Queue: queue, Language: language, Lines: is.Lines, By: r.to.By})
		}}
}

func span(d time.Duration) Span { return Span(d) }
