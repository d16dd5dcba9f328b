package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/triage/erlang"
	"hotline/triage/simulate"
)

// simulateCommand plays a day, or says how many people it takes.
type simulateCommand struct {
	Calls       []float64     `help:"Calls an hour. Several, separated by commas, divide the time evenly: 10,60,30." default:"60"`
	Hours       float64       `help:"How many hours are played." default:"24"`
	Agents      int           `help:"Phone volunteers who are there all the time and speak every language, unless --crew says who is there." default:"8"`
	Crew        []string      `help:"People who work at the same hours: 4, 4:en+es, or 4:en+es:6-14 from hour 6 to hour 14. May be given several times." placeholder:"N:LANGUAGES:HOURS"`
	Languages   []string      `help:"Languages of the callers and their parts: en=70,es=30." placeholder:"LANGUAGE=PART"`
	Handle      time.Duration `help:"How long a call keeps a volunteer, notes included, on average." default:"10m"`
	Spread      float64       `help:"How much that differs: standard deviation as a share of the average." default:"0.6"`
	Patience    time.Duration `help:"How long people wait before they give up, on average. 0: for ever." default:"20m"`
	SelfServed  float64       `help:"Share of callers who need no person: recorded information is enough." default:"0.33"`
	Dialogue    time.Duration `help:"How long callers listen and press keys before they wait." default:"75s"`
	AnyLanguage time.Duration `help:"How long callers wait for somebody who speaks their language before anybody may answer. 0: as long as it takes." default:"30s"`
	Danger      float64       `help:"Share of calls on which somebody is in danger; they go first." default:"0"`
	CallBacks   float64       `help:"Share of callers who take a call-back when they would have to wait." default:"0"`
	Redials     float64       `help:"Share of those who give up that calls again within half an hour." default:"0"`
	Target      time.Duration `help:"How long callers should wait at most." default:"2m"`
	Share       float64       `help:"Share of callers for whom that should be true, with --staff." default:"0.8"`
	Seed        uint64        `help:"Another number plays another day; the same number the same day." default:"1"`
	Staff       bool          `help:"Say how many more volunteers of which language keep waits under --target, and play the day with them."`
	JSON        bool          `help:"Write figures for programs. Times are in nanoseconds." name:"json"`
}

func (c *simulateCommand) Run(s streams) error {
	plan, err := c.plan()
	if err != nil {
		return err
	}
	var needed []hourlyNeed
	if c.Staff {
		if c.Share <= 0 || c.Share >= 1 {
			return fmt.Errorf("--share is more than 0 and less than 1")
		}
		if err := plan.Check(); err != nil {
			return err
		}
		needed = c.needed(&plan)
	}
	result, err := simulate.Run(plan)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(s.out)
		out.SetIndent("", "  ")
		if c.Staff {
			return out.Encode(struct {
				Needed []hourlyNeed    `json:"needed"`
				Played simulate.Result `json:"played"`
			}{needed, result})
		}
		return out.Encode(result)
	}
	if c.Staff {
		tellNeeded(s.out, needed, c)
		fmt.Fprintf(s.out, "\nPlayed with them:\n\n")
	}
	tellDay(s.out, result)
	return nil
}

func (c *simulateCommand) plan() (simulate.Plan, error) {
	p := simulate.Plan{Seed: c.Seed, Length: time.Duration(c.Hours * float64(time.Hour)), PerHour: c.Calls, SelfServed: c.SelfServed, Dialogue: c.Dialogue,
		Handle: simulate.Time{Mean: c.Handle, Spread: c.Spread}, Patience: c.Patience, AnyLanguage: c.AnyLanguage, Danger: c.Danger, CallBacks: c.CallBacks, Redials: c.Redials,
		OfferAfter: simulate.Shipped().OfferAfter, Target: c.Target, Short: simulate.Shipped().Short}
	for _, text := range c.Languages {
		language, part, ok := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(part, 64)
		if !ok || err != nil || n < 0 || language == "" {
			return p, fmt.Errorf("--languages %s: write a language and its part, like es=30", text)
		}
		p.Languages = append(p.Languages, simulate.Share{Language: language, Part: n})
	}
	for _, text := range c.Crew {
		crew, err := parseCrew(text)
		if err != nil {
			return p, err
		}
		p.Crews = append(p.Crews, crew)
	}
	if len(p.Crews) == 0 {
		p.Crews = []simulate.Crew{{Agents: c.Agents}}
	}
	return p, nil
}

// parseCrew reads 4, 4:en+es, 4::6-14 or 4:en+es:6-14.
func parseCrew(text string) (simulate.Crew, error) {
	wrong := fmt.Errorf("--crew %s: write how many, their languages and hours, like 4:en+es:6-14", text)
	parts := strings.Split(text, ":")
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 0 || len(parts) > 3 {
		return simulate.Crew{}, wrong
	}
	crew := simulate.Crew{Agents: n}
	if len(parts) > 1 && parts[1] != "" {
		crew.Languages = strings.Split(parts[1], "+")
	}
	if len(parts) == 3 {
		from, to, ok := strings.Cut(parts[2], "-")
		a, errA := strconv.ParseFloat(from, 64)
		b, errB := strconv.ParseFloat(to, 64)
		if !ok || errA != nil || errB != nil || a < 0 || b <= a || b > 31*24 {
			return crew, wrong
		}
		crew.From, crew.To = time.Duration(a*float64(time.Hour)), time.Duration(b*float64(time.Hour))
	}
	return crew, nil
}

// hourlyNeed is who is missing in one part of the day.
type hourlyNeed struct {
	From    time.Duration  `json:"from"`
	To      time.Duration  `json:"to"`
	PerHour float64        `json:"calls_per_hour"` // that need a person
	More    map[string]int `json:"more"`           // by language; "" where everybody speaks all
}

// needed computes who is missing in each part of the day, and adds them to the
// plan as crews of that part.
func (c *simulateCommand) needed(p *simulate.Plan) []hourlyNeed {
	languages := p.Languages
	if len(languages) == 0 {
		languages = []simulate.Share{{Language: "", Part: 1}}
	}
	var parts float64
	var all []string
	for _, l := range languages {
		parts += l.Part
		all = append(all, l.Language)
	}
	crews, part := p.Crews, p.Length/time.Duration(len(p.PerHour))
	var out []hourlyNeed
	for i, perHour := range p.PerHour {
		need := hourlyNeed{From: time.Duration(i) * part, To: time.Duration(i+1) * part, PerHour: perHour * (1 - p.SelfServed)}
		calls := map[string]erlang.Line{}
		for _, l := range languages {
			calls[l.Language] = erlang.Line{PerHour: need.PerHour * l.Part / parts, Handle: p.Handle.Mean, Patience: p.Patience}
		}
		var there []erlang.Speakers
		for _, crew := range crews {
			if crew.From > need.From || crew.To != 0 && crew.To < need.To { // not there all the time
				continue
			}
			speak := crew.Languages
			if len(speak) == 0 {
				speak = all
			}
			there = append(there, erlang.Speakers{Languages: speak, Agents: crew.Agents})
		}
		need.More = erlang.More(calls, there, erlang.Target{Within: c.Target, Share: c.Share})
		for _, language := range slices.Sorted(maps.Keys(need.More)) {
			crew := simulate.Crew{Agents: need.More[language], From: need.From, To: need.To}
			if language != "" {
				crew.Languages = []string{language}
			}
			p.Crews = append(p.Crews, crew)
		}
		out = append(out, need)
	}
	return out
}

func tellNeeded(w io.Writer, needed []hourlyNeed, c *simulateCommand) {
	fmt.Fprintf(w, "So that %.0f of 100 callers reach a person within %s:\n", 100*c.Share, plainTime(c.Target))
	for _, need := range needed {
		hours := fmt.Sprintf("  hours %s to %s, %.0f calls an hour for a person: ", plainHour(need.From), plainHour(need.To), need.PerHour)
		if len(need.More) == 0 {
			fmt.Fprintln(w, hours+"nobody is missing")
			continue
		}
		var more []string
		for _, language := range slices.Sorted(maps.Keys(need.More)) {
			text := fmt.Sprintf("%d more phone volunteers", need.More[language])
			if need.More[language] == 1 {
				text = "1 more phone volunteer"
			}
			if language != "" {
				text += " for callers in " + language
			}
			more = append(more, text)
		}
		fmt.Fprintln(w, hours+strings.Join(more, ", "))
	}
}

func tellDay(w io.Writer, r simulate.Result) {
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("Played with the lines that ship, help and danger: lines, profiles and hours that a hotline has set for itself are not read.")
	line("%s hours, %d calls. %d needed no person, %d waited for one.", plainHour(r.Plan.Length), r.Calls, r.SelfServed, r.Offered)
	line("  answered          %d", r.Handled)
	line("  gave up           %d (%s of those who waited), after %s on average; %d within %s", r.Abandoned, percent(r.Abandonment), plainTime(r.AbandonTime), r.ShortAbandons, plainTime(r.Plan.Short))
	if r.Promised > 0 {
		line("  call-backs        %d promised, %d made, %d left at the end", r.Promised, r.CalledBack, r.Held)
	}
	line("  still waiting     %d", r.StillWaiting)
	line("Waits of those answered: half under %s, nine of ten under %s, the longest %s; %s on average.", plainTime(r.Wait.P50), plainTime(r.Wait.P90), plainTime(r.Wait.Max), plainTime(r.ASA))
	line("Service level: %s were answered within %s.", percent(r.ServiceLevel), plainTime(r.Plan.Target))
	line("Volunteers were busy %s of their time; a call took them %s.", percent(r.Occupancy), plainTime(r.AHT))
	line("Callers waiting at a moment: usually %d, in 1 of 20 moments more than %d.", r.Waiting.P50, r.Waiting.P95)
	line("Channels in use: in 1 of 20 moments more than %d, in 1 of 100 more than %d.", r.Channels.P95, r.Channels.P99)
	if len(r.Languages) > 1 {
		line("By language:")
		for _, l := range r.Languages {
			line("  %-6s %d waited for a person, %s gave up, nine of ten answered within %s, %s by somebody who speaks it", l.Language, l.Offered, percent(l.Abandonment), plainTime(l.Wait.P90), percent(l.Understood))
		}
	}
	if e := r.Estimator; e.Told > 0 {
		direction := "too much"
		if e.Bias < 0 {
			direction = "too little"
		}
		line("What %d callers were told about the wait: %s %s on average; half off by less than %s, nine of ten by less than %s.", e.Told, plainTime(e.Bias.Abs()), direction, plainTime(e.P50), plainTime(e.P90))
		line("The range they heard, %s wide on average, was right for %s.", plainTime(e.Width), percent(e.Covered))
	}
}

// plainTime is a time as people say it.
func plainTime(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

func plainHour(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }
