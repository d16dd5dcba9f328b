package edit

import (
	"slices"

	"hotline/ivr/flow"
)

// Is says what a setting of a step holds.
type Is string

// What settings hold.
const (
	Sentences  Is = "sentences" // what is spoken: prompts, one after the other
	WayOut     Is = "way"       // the step that comes next
	Branches   Is = "branches"  // ways by key or by answer
	AQueue     Is = "queue"
	AFlow      Is = "flow"
	ASchedule  Is = "schedule"
	ABox       Is = "box" // where messages are kept
	AnAction   Is = "action"
	AnAttr     Is = "attribute"
	APrompt    Is = "prompt"
	Seconds    Is = "seconds"
	ACount     Is = "count"
	YesNo      Is = "yesno"
	APhone     Is = "phone"
	AWord      Is = "word"  // a name of the author's own
	AKey       Is = "key"   // * or #
	ATest      Is = "test"  // of an attribute
	Attributes Is = "lists" // attributes and their values
)

// Setting is one thing that the form of a kind of step asks.
type Setting struct {
	Name string
	Is   Is
	Must bool
	More bool // seldom changed
}

func must(name string, is Is) Setting { return Setting{Name: name, Is: is, Must: true} }
func may(name string, is Is) Setting  { return Setting{Name: name, Is: is} }
func more(name string, is Is) Setting { return Setting{Name: name, Is: is, More: true} }

// Kinds are the kinds of steps that can be added with a form, those most used
// first. The others can be written as text.
var Kinds = []flow.Kind{flow.Say, flow.Menu, flow.ToQueue, flow.OpenHours, flow.CallBack, flow.Voicemail, flow.Call, flow.Continue, flow.Hangup,
	flow.Collect, flow.Record, flow.If, flow.Do, flow.Goto, flow.Transfer, flow.Staffing, flow.Bulletins, flow.Music, flow.Wait, flow.Loop, flow.Set, flow.End}

// Settings are what the form of a kind asks, in its order.
func Settings(kind flow.Kind) []Setting {
	var all []Setting
	switch kind {
	case flow.Say:
		all = []Setting{must("say", Sentences), must("next", WayOut), more("barge_in", YesNo)}
	case flow.Menu:
		all = []Setting{must("say", Sentences), must("menu", Branches), may("default", WayOut), more("silence", WayOut), more("invalid", WayOut), more("invalid_say", Sentences),
			more("silence_say", Sentences), more("timeout", Seconds), more("retries", ACount), more("silent_retries", ACount), more("fresh", YesNo), more("sensitive", YesNo)}
	case flow.Collect:
		all = []Setting{must("say", Sentences), must("collect", AnAttr), may("min", ACount), may("max", ACount), must("next", WayOut), more("terminator", AKey), more("confirm", Sentences), more("invalid_say", Sentences),
			more("silence", WayOut), more("first", Seconds), more("between", Seconds), more("retries", ACount), more("fresh", YesNo), more("sensitive", YesNo)}
	case flow.Record:
		all = []Setting{must("say", Sentences), must("record", AWord), must("next", WayOut), more("max", Seconds), more("min", Seconds), more("short_say", Sentences), more("retries", ACount), more("silence", WayOut)}
	case flow.OpenHours:
		all = []Setting{must("hours", ASchedule), must(flow.WayOpen, WayOut), must(flow.WayClosed, WayOut), may(flow.WayHoliday, WayOut)}
	case flow.Staffing:
		all = []Setting{must("staffing", AQueue), must(flow.WayAvailable, WayOut), must(flow.WayBusy, WayOut), must(flow.WayNobody, WayOut), may(flow.WayLong, WayOut), may("long_wait", Seconds), more("error", WayOut)}
	case flow.ToQueue:
		all = []Setting{must("queue", AQueue), may("say", Sentences), more("priority", ACount), more("treatment", AFlow)}
	case flow.Goto:
		all = []Setting{must("goto", WayOut)}
	case flow.If:
		all = []Setting{must("if", ATest), must("then", WayOut), must("else", WayOut)}
	case flow.Call:
		all = []Setting{must("flow", AFlow), may("on", Branches), may("next", WayOut)}
	case flow.Continue:
		all = []Setting{must("continue", AFlow)}
	case flow.Voicemail:
		all = []Setting{must("say", Sentences), must("voicemail", ABox), must("next", WayOut), more("max", Seconds), more("min", Seconds), more("short_say", Sentences), more("retries", ACount), more("silence", WayOut), more("error", WayOut)}
	case flow.CallBack:
		all = []Setting{must("callback", AQueue), must("say", Sentences), must("next", WayOut), more("ask", Sentences), more("confirm", Sentences), more("invalid_say", Sentences), more("priority", ACount), more("min", ACount), more("max", ACount),
			more("terminator", AKey), more("silence", WayOut), more("error", WayOut)}
	case flow.Transfer:
		all = []Setting{must("transfer", APhone), may("say", Sentences), must("next", WayOut), must(flow.WayFailed, WayOut), more("ring", Seconds)}
	case flow.Do:
		all = []Setting{must("do", AnAction), must("on", Branches), may("else", WayOut), more("error", WayOut), more("timeout", Seconds)}
	case flow.Bulletins:
		all = []Setting{may("say", Sentences), may("keys", Branches), must("next", WayOut), more(flow.WayNone, WayOut), more("error", WayOut)}
	case flow.Music:
		all = []Setting{must("music", APrompt), must("next", WayOut)}
	case flow.Wait:
		all = []Setting{must("wait", Seconds), may("keys", Branches), must("next", WayOut)}
	case flow.Loop:
		all = []Setting{must("loop", ACount), must(flow.WayAgain, WayOut), must(flow.WayDone, WayOut)}
	case flow.Set:
		all = []Setting{must("set", Attributes), must("next", WayOut)}
	case flow.Hangup:
		all = []Setting{may("say", Sentences), must("hangup", AWord)}
	case flow.End:
		all = []Setting{may("say", Sentences), must("end", AWord)}
	case flow.Lookup:
		all = []Setting{must("next", WayOut), must(flow.WayMissing, WayOut)}
	case flow.HTTP:
		all = []Setting{must("next", WayOut), must("error", WayOut)}
	case flow.Forget:
		all = []Setting{must("next", WayOut)}
	case flow.When:
		all = []Setting{must("else", WayOut)}
	default:
		return nil
	}
	return append(all, more("path", AWord))
}

// Unknown are the settings of a step that its form cannot show: they stay as
// they are, and its text is where they are changed.
func (s Step) Unknown() []string {
	asked := Settings(s.Kind)
	var unknown []string
	for _, it := range s.tree.items {
		name := it.name()
		i := slices.IndexFunc(asked, func(one Setting) bool { return one.Name == name })
		if i < 0 || !s.shows(asked[i]) {
			if s.Kind == flow.Bulletins && name == "bulletins" {
				continue // there is one list
			}
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// shows reports that the form can show what stands there.
func (s Step) shows(one Setting) bool {
	raw, ok := s.tree.get(one.Name)
	if !ok || s.blank(one.Name) {
		return true
	}
	switch one.Is {
	case Sentences, Branches:
		return true
	case WayOut:
		return slices.ContainsFunc(s.Ways(), func(w Way) bool { return w.Path[0] == one.Name })
	case ATest:
		_, ok := s.Test()
		return ok
	case Attributes:
		_, ok := s.Values()
		return ok
	case Seconds:
		_, ok := s.Seconds(one.Name)
		return ok
	}
	_, ok = word(raw)
	return ok
}

// blank reports that a setting has not been filled in yet.
func (s Step) blank(setting string) bool { return s.Written(setting) == `""` }
