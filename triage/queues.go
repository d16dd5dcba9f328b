package triage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hotline/appliance/events"
)

// Lines of one's own (C5, C6): a district, medical advice, shelter. They are
// data of the routing like everything else about a queue, so they change with
// it, at once, and every version of it is kept. A queue is never taken away:
// records, figures and exports go on naming it. One that is not needed any more
// is switched off.

// Event kinds of lines of one's own.
const (
	EventQueueAdded   = "queue.added"
	EventQueueRenamed = "queue.renamed"
	EventQueueOff     = "queue.switched_off"
	EventQueueOn      = "queue.switched_on"

	// EventQueueLost is a caller who was sent to a queue that there is not, and
	// came to the people who help everybody.
	EventQueueLost = "queue.lost"
)

// shippedQueues are all queues that ship with the hotline, in the order of
// forms.
func shippedQueues() []string {
	return []string{QueueLife, QueueHelp, QueueFamily, QueuePrivate, QueueVolunteers}
}

// Own reports a queue that somebody here has added.
func (q Queue) Own() bool { return !slices.Contains(shippedQueues(), q.ID) }

// Called is what people here call the queue in a language of the pages; "" of
// one that is called as the program does.
func (q Queue) Called(language string) string { return cmp.Or(q.Names[language], q.Name) }

// Renames reports whether the queue may be called otherwise: what danger and
// private calls are is not to be mistaken for anything else.
func (q Queue) Renames() bool { return q.ID != QueueLife && q.ID != QueuePrivate }

// Lines are the queues into which callers come, in the order of forms: those
// that ship, then those that were added here.
func (r Routing) Lines() []Queue {
	var out []Queue
	for _, id := range shippedQueues() {
		out = append(out, r.Queue(id))
	}
	for _, q := range r.Queues {
		if q.Own() && !q.Off {
			out = append(out, q)
		}
	}
	return out
}

// LineIDs are their identities.
func (r Routing) LineIDs() []string {
	var out []string
	for _, q := range r.Lines() {
		out = append(out, q.ID)
	}
	return out
}

// Off are the queues that were switched off.
func (r Routing) Off() []Queue {
	return slices.DeleteFunc(slices.Clone(r.Queues), func(q Queue) bool { return !q.Off })
}

// Has reports whether callers come into a queue.
func (r Routing) Has(id string) bool {
	return slices.ContainsFunc(r.Queues, func(q Queue) bool { return q.ID == id && !q.Off })
}

// Texts are the names of queues that people here have given, as entries of the
// texts of the pages in a language.
func (r Routing) Texts(language string) map[string]string {
	own := map[string]string{}
	for _, q := range r.Queues {
		if name := q.Called(language); name != "" {
			own["queue."+q.ID] = name
		}
	}
	return own
}

// AddQueue puts a queue at the end, with an identity made of its name, and says
// which one. Callers who come again soon are treated there like those who need
// help.
func (r *Routing) AddQueue(name string) (id string) {
	id = r.freeID(name)
	r.Queues = append(r.Queues, Queue{ID: id, Name: name, Again: r.Queue(QueueHelp).Again})
	return id
}

// Answer has the people of a profile answer a queue as they answer those who
// need help; last of all where they do not.
func (r *Routing) Answer(queue, profile string) {
	i := slices.IndexFunc(r.Profiles, func(p Profile) bool { return p.ID == profile })
	if i < 0 {
		return
	}
	p := &r.Profiles[i]
	if slices.ContainsFunc(p.Lines, func(l Line) bool { return l.Queue == queue }) {
		return
	}
	line := Line{Queue: queue, Priority: 1}
	for _, l := range p.Lines {
		line.Priority = min(max(line.Priority, l.Priority+1), mostPriority)
	}
	for _, l := range p.Lines {
		if l.Queue == QueueHelp {
			line.Priority, line.Delay = l.Priority, l.Delay
		}
	}
	p.Lines = append(slices.Clone(p.Lines), line)
}

const (
	mostQueues = 40 // more than anybody can keep apart
	maxID      = 32
)

// freeID makes an identity of a name that no queue has or had: what is left of
// it in plain small letters, and a number where that is nothing.
func (r Routing) freeID(name string) string {
	var b strings.Builder
	for _, c := range norm.NFD.String(strings.ToLower(name)) {
		switch {
		case c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			b.WriteRune(c)
		case unicode.IsSpace(c) || c == '-' || c == '_':
			if text := b.String(); text != "" && !strings.HasSuffix(text, "-") {
				b.WriteByte('-')
			}
		}
	}
	base := b.String()
	base = strings.Trim(base[:min(len(base), maxID-4)], "-")
	if base == "" || !unicode.IsLetter(rune(base[0])) {
		base = strings.Trim("line-"+base, "-")
	}
	id := base
	for n := 2; id == OverflowPromise || slices.ContainsFunc(r.Queues, func(q Queue) bool { return q.ID == id }); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

// validID reports an identity that flows and addresses can carry.
func validID(id string) bool {
	return id != "" && len(id) <= maxID && id != OverflowPromise && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// checkNames refuses queues that cannot be told apart, and that ships may not be
// missing.
func (r Routing) checkNames(refuse func(string, ...any) error) error {
	own, names := 0, map[string]bool{}
	for _, id := range shippedQueues() {
		if !r.Has(id) {
			return refuse("The lines that come with the hotline stay: they cannot be switched off.")
		}
	}
	for _, q := range r.Queues {
		if q.Own() {
			own++
		}
		switch {
		case !validID(q.ID):
			return refuse("The identity of a line has small letters, digits and dashes alone, and %d of them at most.", maxID)
		case q.Own() && strings.TrimSpace(q.Name) == "":
			return refuse("A line needs a name.")
		case !q.Renames() && (q.Name != "" || len(q.Names) > 0 || q.Prompt != ""):
			return refuse("The lines for danger and for private calls keep their names: nobody may take them for anything else.")
		}
		for _, name := range append(slices.Collect(maps.Values(q.Names)), q.Name) {
			if len([]rune(name)) > maxNameRunes {
				return refuse("Give a name of up to %d letters.", maxNameRunes)
			}
		}
		if name := strings.ToLower(strings.TrimSpace(q.Name)); name != "" && !q.Off {
			if names[name] {
				return refuse("There is a line with this name already.")
			}
			names[name] = true
		}
	}
	if own > mostQueues {
		return refuse("There can be %d lines of your own at most.", mostQueues)
	}
	return nil
}

// keeps gives an older routing the lines as they are now: how they are called
// and whether they are on is no setting of a moment. What it says about lines
// that are off is dropped.
func (r Routing) keeps(now Routing) Routing {
	r = r.clone()
	for _, q := range now.Queues {
		if i := slices.IndexFunc(r.Queues, func(other Queue) bool { return other.ID == q.ID }); i < 0 {
			r.Queues = append(r.Queues, q)
		} else {
			r.Queues[i].Name, r.Queues[i].Names, r.Queues[i].Prompt, r.Queues[i].Off = q.Name, q.Names, q.Prompt, q.Off
		}
	}
	for i := range r.Profiles {
		r.Profiles[i].Lines = slices.DeleteFunc(r.Profiles[i].Lines, func(l Line) bool { return !r.Has(l.Queue) })
	}
	for i := range r.Queues {
		if over := r.Queues[i].Over.To; over != "" && over != OverflowPromise && !r.Has(over) {
			r.Queues[i].Over = Overflow{}
		}
	}
	return r
}

// with gives a routing from elsewhere the lines that it does not know, switched
// off.
func (r Routing) with(now Routing) Routing {
	r = r.clone()
	for _, q := range now.Queues {
		if q.Own() && !slices.ContainsFunc(r.Queues, func(other Queue) bool { return other.ID == q.ID }) {
			q.Off = true
			r.Queues = append(r.Queues, q)
		}
	}
	return r.complete()
}

// queueEvents tell what has become of the lines.
func queueEvents(was, is Routing) (list []events.Event) {
	for _, q := range is.Queues {
		i := slices.IndexFunc(was.Queues, func(other Queue) bool { return other.ID == q.ID })
		switch {
		case i < 0 && !q.Own():
			continue
		case i < 0:
			list = append(list, events.Event{Kind: EventQueueAdded, Queue: q.ID})
			if !q.Off {
				continue
			}
			list = append(list, events.Event{Kind: EventQueueOff, Queue: q.ID})
			continue
		}
		old := was.Queues[i]
		if old.Name != q.Name || !maps.Equal(old.Names, q.Names) || old.Prompt != q.Prompt {
			list = append(list, events.Event{Kind: EventQueueRenamed, Queue: q.ID})
		}
		switch {
		case q.Off && !old.Off:
			list = append(list, events.Event{Kind: EventQueueOff, Queue: q.ID})
		case old.Off && !q.Off:
			list = append(list, events.Event{Kind: EventQueueOn, Queue: q.ID})
		}
	}
	return list
}

// emptied refuses to switch lines off in which somebody waits, or is to be
// called.
func (r *Routes) emptied(was, is Routing) error {
	_, waiting := r.dispatch.View()
	for _, q := range is.Off() {
		n := 0
		for _, w := range waiting {
			if w.Queue == q.ID {
				n++
			}
		}
		if n > 0 && was.Has(q.ID) {
			return FieldError{Text: fmt.Sprintf("%d people wait in this line or are to be called back. Switch it off when nobody does, or put them into another line first.", n)}
		}
	}
	return nil
}
