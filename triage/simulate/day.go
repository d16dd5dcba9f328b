package simulate

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"hotline/triage"
)

// midnight is when every simulated day begins.
func midnight() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// caller is one person who rings.
type caller struct {
	id       string
	language string
	danger   bool
	waiting  triage.Waiting
	gone     bool // gave up; stays as a ghost to see how long the wait would have been
	taken    bool
	told     bool // had to wait and was told the outlook
	outlook  triage.Outlook
	tries    int
}

// worker is one agent.
type worker struct {
	id     string
	skills []triage.Skill
	since  time.Time // free since
	busy   bool
	here   bool
}

// happening is one event of the day.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].at.Compare(a[j].at), cmp.Compare(a[i].seq, a[j].seq)) < 0
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// day is a day that runs.
type day struct {
	plan     Plan
	whole    bool // the policy sees everybody who waits, not only those who can be first
	r        *rand.Rand
	start    time.Time
	now      time.Time
	agenda   agenda
	seq      int
	profiles map[string]triage.Profile
	rules    map[string]triage.Queue
	skills   map[string]triage.SkillRule
	paces    *triage.Paces
	workers  map[string]*worker
	free     []*worker         // in the order in which they became free
	busy     []triage.Free     // in the order in which they took a call
	rows     map[row][]*caller // who wait, each row in serving order
	order    []row
	callers  map[string]*caller // who wait
	all      []triage.Waiting   // room to list them
	ghosts   map[row][]*caller  // gave up, and nobody behind them has been served yet
	in       int                // callers in the dialogue
	talking  int
	woken    time.Time // when time alone changes the decision
	result   Result
	watch    watch
}

// row is callers who differ in nothing but their age.
type row struct{ queue, skills string }

func (c *caller) row() row { return row{c.waiting.Queue, c.waiting.Skills} }

// Run plays the plan.
func Run(p Plan) (Result, error) { return run(p, false) }

func run(p Plan, whole bool) (Result, error) {
	if err := p.Check(); err != nil {
		return Result{}, err
	}
	d := &day{plan: p, whole: whole, r: rand.New(rand.NewPCG(p.Seed, 0x5EED)), now: midnight(), start: midnight(), paces: triage.NewPaces(),
		workers: map[string]*worker{}, callers: map[string]*caller{}, rows: map[row][]*caller{}, ghosts: map[row][]*caller{}}
	d.profiles, d.rules, d.skills = p.routing()
	d.result = Result{Plan: p}
	end := d.start.Add(p.Length)
	for i, c := range p.Crews {
		to := p.Length
		if c.To > 0 {
			to = min(c.To, to)
		}
		for n := range c.Agents {
			w := &worker{id: fmt.Sprintf("agent %d.%03d", i, n), skills: triage.Speaks(c.Languages)}
			d.at(d.start.Add(c.From), func() { d.comes(w) })
			d.at(d.start.Add(to), func() { d.goes(w) })
		}
	}
	d.arrivals(end)
	d.at(d.start, d.sample)
	for len(d.agenda) > 0 {
		next := heap.Pop(&d.agenda).(happening)
		if next.at.After(end) {
			break
		}
		d.now = next.at
		next.do()
		d.decide()
	}
	d.now = end
	d.finish()
	return d.result, nil
}

func (d *day) at(t time.Time, do func()) {
	d.seq++
	heap.Push(&d.agenda, happening{at: t, seq: d.seq, do: do})
}

func (d *day) after(wait time.Duration, do func()) { d.at(d.now.Add(wait), do) }

// arrivals lets calls come at random at the rate of the hour (thinning of a
// Poisson process).
func (d *day) arrivals(end time.Time) {
	most := slices.Max(d.plan.PerHour)
	if most <= 0 {
		return
	}
	part := d.plan.Length / time.Duration(len(d.plan.PerHour))
	n := 0
	var next func()
	next = func() {
		i := min(int(d.now.Sub(d.start)/max(part, 1)), len(d.plan.PerHour)-1)
		if d.r.Float64() < d.plan.PerHour[i]/most {
			n++
			d.rings(&caller{id: fmt.Sprintf("call %07d", n), language: d.language(), danger: d.r.Float64() < d.plan.Danger})
		}
		if at := d.now.Add(time.Duration(d.r.ExpFloat64() / most * float64(time.Hour))); at.Before(end) {
			d.at(at, next)
		}
	}
	d.after(time.Duration(d.r.ExpFloat64()/most*float64(time.Hour)), next)
}

func (d *day) language() string {
	var all float64
	for _, l := range d.plan.Languages {
		all += l.Part
	}
	x := d.r.Float64() * all
	for _, l := range d.plan.Languages {
		if x -= l.Part; x < 0 {
			return l.Language
		}
	}
	return ""
}

func (d *day) rings(c *caller) {
	d.result.Calls++
	d.in++
	d.after(d.plan.Dialogue, func() {
		d.in--
		if !c.danger && d.r.Float64() < d.plan.SelfServed {
			d.result.SelfServed++
			return
		}
		d.enters(c)
	})
}

// enters gives a caller a place in the queue.
func (d *day) enters(c *caller) {
	c.waiting = triage.Waiting{Contact: c.id, Queue: queueOf(c.danger), Since: d.now, Priority: 5, Skills: triage.Wants(c.language, nil)}
	d.paces.Arrives(c.waiting.Queue, d.now)
	d.result.Offered++
	d.byLanguage(c).Offered++
	outlook, known := triage.Expect(c.waiting, d.snapshot(true), d.paces, d.now)
	c.outlook, c.told = outlook, known && outlook.Mean > 0
	if _, seen := d.rows[c.row()]; !seen {
		d.order = append(d.order, c.row())
	}
	d.rows[c.row()] = append(d.rows[c.row()], c)
	d.callers[c.id] = c
	if known && outlook.Mean >= d.plan.OfferAfter && d.plan.CallBacks > 0 && d.r.Float64() < d.plan.CallBacks {
		c.waiting.Away = true // keeps the place and hangs up
		d.result.Promised++
		return
	}
	if d.plan.Patience > 0 {
		d.after(time.Duration(d.r.ExpFloat64()*float64(d.plan.Patience)), func() { d.givesUp(c) })
	}
}

func (d *day) givesUp(c *caller) {
	if c.taken {
		return
	}
	c.gone = true
	d.rows[c.row()] = slices.DeleteFunc(d.rows[c.row()], func(other *caller) bool { return other == c })
	d.ghosts[c.row()] = append(d.ghosts[c.row()], c)
	delete(d.callers, c.id)
	waited := d.now.Sub(c.waiting.Since)
	d.paces.GaveUp(c.waiting.Queue, waited)
	d.result.Abandoned++
	d.byLanguage(c).Abandoned++
	if waited < d.plan.Short {
		d.result.ShortAbandons++
	}
	d.watch.gaveUp += waited
	if c.tries < mostTries && d.r.Float64() < d.plan.Redials {
		again := &caller{id: fmt.Sprintf("%s again %d", c.id, c.tries+1), language: c.language, danger: c.danger, tries: c.tries + 1}
		d.after(time.Duration(d.r.Float64()*float64(30*time.Minute)), func() { d.rings(again) })
	}
}

// mostTries is how often one caller tries again (domain: about three times in
// half an hour).
const mostTries = 3

func (d *day) comes(w *worker) {
	w.here, w.since = true, d.now
	d.workers[w.id] = w
	d.free = append(d.free, w)
}

func (d *day) goes(w *worker) {
	w.here = false
	d.free = slices.DeleteFunc(d.free, func(other *worker) bool { return other == w })
	if !w.busy {
		d.watch.free += d.now.Sub(w.since)
		delete(d.workers, w.id)
	}
}

// decide asks the policy and does what it says.
func (d *day) decide() {
	if len(d.free) == 0 { // the policy offers free agents only
		return
	}
	s := d.snapshot(d.whole)
	if len(s.Waiting) > 0 {
		decision := triage.Match(s, d.now)
		for _, offer := range decision.Offers {
			d.answers(d.workers[offer.Agent], d.callers[offer.Contact])
		}
		if next := decision.Next; !next.IsZero() && !next.Equal(d.woken) {
			d.woken = next
			d.at(next, func() {})
		}
	}
	d.lay()
}

// lay lets ghosts rest for whom somebody is free: nobody is in front of them.
func (d *day) lay() {
	for _, w := range d.free {
		for at, ghosts := range d.ghosts {
			d.ghosts[at] = slices.DeleteFunc(ghosts, func(ghost *caller) bool {
				age := d.now.Sub(ghost.waiting.Since)
				if !w.speaks(ghost.language) && !ghost.danger && (d.plan.AnyLanguage == 0 || age < d.plan.AnyLanguage) {
					return false
				}
				d.estimated(ghost)
				return true
			})
		}
	}
}

// speaks reports whether the agent has said so, or has said nothing.
func (w *worker) speaks(language string) bool {
	return language == "" || slices.ContainsFunc(w.skills, func(s triage.Skill) bool {
		return s.Name == triage.Language(language) || s.Name == triage.Language("*")
	})
}

func (d *day) answers(w *worker, c *caller) {
	c.taken, w.busy = true, true
	d.rows[c.row()] = slices.DeleteFunc(d.rows[c.row()], func(other *caller) bool { return other == c })
	delete(d.callers, c.id)
	d.free = slices.DeleteFunc(d.free, func(other *worker) bool { return other == w })
	d.busy = append(d.busy, triage.Free{Agent: w.id, Profile: profile, Skills: w.skills})
	d.watch.free += d.now.Sub(w.since)
	d.paces.Begins(w.id, c.waiting, d.now)
	waited := d.now.Sub(c.waiting.Since)
	if c.waiting.Away {
		d.result.CalledBack++
	} else {
		d.result.Handled++
		by := d.byLanguage(c)
		by.Handled++
		by.waits = append(by.waits, waited)
		if w.speaks(c.language) {
			by.understood++
		}
		d.watch.waits = append(d.watch.waits, waited)
		if waited <= d.plan.Target {
			d.watch.soon++
			by.soon++
		}
	}
	// Whoever gave up in front of this caller would have been served by now.
	d.ghosts[c.row()] = slices.DeleteFunc(d.ghosts[c.row()], func(ghost *caller) bool {
		if ghost.waiting.Since.After(c.waiting.Since) {
			return false
		}
		d.estimated(ghost)
		return true
	})
	d.estimated(c)
	d.talking++
	began := d.now
	d.after(d.plan.Handle.draw(d.r), func() {
		d.talking--
		d.result.Ended++
		d.watch.handled += d.now.Sub(began)
		d.watch.busy += d.now.Sub(began)
		w.busy, w.since = false, d.now
		d.busy = slices.DeleteFunc(d.busy, func(other triage.Free) bool { return other.Agent == w.id })
		d.paces.Ends(w.id, triage.Ready, d.now)
		if w.here {
			d.free = append(d.free, w)
		} else {
			delete(d.workers, w.id)
		}
	})
	w.since = d.now
}

// snapshot is what the policy sees. Callers of a row are in serving order, and
// each free agent takes one: those behind cannot be offered to anybody yet and
// are left out unless all are asked for.
func (d *day) snapshot(all bool) triage.Snapshot {
	s := triage.Snapshot{Profiles: d.profiles, Queues: d.rules, Skills: d.skills, Signed: map[string]int{}}
	for _, w := range d.free {
		s.Free = append(s.Free, triage.Free{Agent: w.id, Profile: profile, Since: w.since, Skills: w.skills})
	}
	s.Busy = d.busy
	d.all = d.all[:0]
	for _, at := range d.order { // in one order: shares are added up, and the sum of broken numbers depends on it
		line := d.rows[at]
		if !all {
			line = line[:min(len(line), len(d.free))]
		}
		for _, c := range line {
			d.all = append(d.all, c.waiting)
		}
	}
	s.Waiting = d.all
	return s
}

func (d *day) byLanguage(c *caller) *LanguageResult {
	for i := range d.result.Languages {
		if d.result.Languages[i].Language == c.language {
			return &d.result.Languages[i]
		}
	}
	d.result.Languages = append(d.result.Languages, LanguageResult{Language: c.language})
	return &d.result.Languages[len(d.result.Languages)-1]
}

// finish makes figures of what was seen.
func (d *day) finish() {
	r, w := &d.result, &d.watch
	for _, one := range d.workers {
		if one.busy {
			w.busy += d.now.Sub(one.since)
		} else {
			w.free += d.now.Sub(one.since)
		}
	}
	for _, queue := range d.rows {
		for _, c := range queue {
			if c.waiting.Away {
				r.Held++
			} else {
				r.StillWaiting++
			}
		}
	}
	slices.Sort(w.waits)
	slices.Sort(w.waiting)
	slices.Sort(w.used)
	r.Wait = quantiles(w.waits)
	r.ASA = mean(w.waits)
	if r.Abandoned > 0 {
		r.AbandonTime = w.gaveUp / time.Duration(r.Abandoned)
	}
	if r.Ended > 0 {
		r.AHT = w.handled / time.Duration(r.Ended)
	}
	r.ServiceLevel = share(w.soon, r.Handled+r.Abandoned-r.ShortAbandons)
	r.Abandonment = share(r.Abandoned, r.Offered-r.Promised)
	if all := w.busy + w.free; all > 0 {
		r.Occupancy = float64(w.busy) / float64(all)
	}
	r.Waiting, r.Channels = counts(w.waiting), counts(w.used)
	r.Estimator = judge(w.told)
	for i := range r.Languages {
		l := &r.Languages[i]
		slices.Sort(l.waits)
		l.Wait = quantiles(l.waits)
		l.Abandonment = share(l.Abandoned, l.Offered)
		l.Soon = share(l.soon, l.Handled+l.Abandoned)
		l.Understood = share(l.understood, l.Handled)
	}
	slices.SortFunc(r.Languages, func(a, b LanguageResult) int { return cmp.Compare(a.Language, b.Language) })
}
