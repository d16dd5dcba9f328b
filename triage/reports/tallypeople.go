package reports

import "time"

// This file is what is counted of people, who may try more than once: on which days
// they tried, and whether they were reached.

// person is somebody who tried, as long as that counts.
type person struct {
	Days    map[string]string `json:"days"` // days of the attempts → hour of the first one
	Reached map[string]bool   `json:"reached,omitempty"`
	Seen    time.Time         `json:"seen"`
}

// peopleKept is how long somebody who tried may still be reached for it.
const peopleKept = 8 * 24 * time.Hour

// tries: a person made an attempt.
func (t *tally) tries(id string, at time.Time) {
	if id == "" {
		return
	}
	p := t.People[id]
	if p == nil {
		p = &person{Days: map[string]string{}, Reached: map[string]bool{}}
		t.People[id] = p
	}
	p.Seen = at
	day := t.day(at)
	if _, known := p.Days[day]; known {
		return
	}
	p.Days[day] = t.keyOf(at)
	t.each(p.Days[day], func(f *Figures) { f.People++ }, scopeAll)
	if len(t.People)%1000 == 0 { // now and then, not each time
		for other, q := range t.People {
			if at.Sub(q.Seen) > peopleKept {
				delete(t.People, other)
			}
		}
	}
}

// reached: a person talked with somebody. That counts for the days on which
// this person has tried.
func (t *tally) reached(id string, at time.Time) {
	p := t.People[id]
	if p == nil {
		return
	}
	p.Seen = at
	for day, key := range p.Days {
		if !p.Reached[day] {
			if p.Reached == nil {
				p.Reached = map[string]bool{}
			}
			p.Reached[day] = true
			t.each(key, func(f *Figures) { f.Reached++ }, scopeAll)
		}
	}
}
