package page

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"hotline/triage"
	"hotline/triage/reports"
)

// ReportsPage is what happened in a time, and who is missing now.
type ReportsPage struct {
	Frame
	Report  reports.Report
	Scope   triage.Scope   // whose figures are in it
	Gauge   *reports.Gauge // nil while the log is being counted
	Terms   reports.Terms
	Names   map[string]string // of agents
	From    string            // as the form has it: days, the last one included
	Until   string
	Trouble string
}

// ReportSets are the tables that can be carried away.
func ReportSets() []string { return []string{"hours", "days", "queues", "languages", "agents"} }

// percent is a share in words; a figure that there is none of is a dash.
func percent(v float64, known bool) string {
	if !known {
		return "–"
	}
	return strconv.FormatFloat(100*v, 'f', 0, 64) + "\u00a0%"
}

func (f Frame) span(d time.Duration, known bool) string {
	if !known {
		return "–"
	}
	return f.Long(d)
}

// headline is one of the large figures, with what it means.
type headline struct{ key, value string }

func (p ReportsPage) headlines() []headline {
	f := p.Report.Total
	return []headline{
		{"reach", percent(f.Reach())},
		{"attempts", itoa(f.Attempts)},
		{"handled", itoa(f.Handled)},
		{"abandonment", percent(f.Abandonment())},
		{"level", percent(f.ServiceLevel(p.Terms))},
		{"asa", p.span(f.ASA())},
		{"left", p.span(f.AbandonTime())},
		{"aht", p.span(f.AHT())},
		{"occupancy", percent(f.Occupancy())},
		{"containment", percent(f.Containment())},
	}
}

// means explains a figure by its formula, with the numbers of this report.
func (p ReportsPage) means(key string) string {
	f := p.Report.Total
	return p.F("reports."+key+".means", "people", itoa(f.People), "reached", itoa(f.Reached), "rejected", itoa(f.Rejected), "offered", itoa(f.Offered),
		"handled", itoa(f.Handled), "abandoned", itoa(f.Abandoned), "promised", itoa(f.Promised), "short", itoa(f.ShortAbandons(p.Terms)),
		"soon", itoa(f.Waits.Within(p.Terms.Within)), "within", p.Long(p.Terms.Within), "shortly", p.Long(p.Terms.Short),
		"finished", itoa(f.Finished), "self", itoa(f.Self))
}

// table is one breakdown, for the page.
type breakdown struct {
	key  string // of its heading, and the name of the file
	rows []breakdownRow
}

type breakdownRow struct {
	name string
	reports.Figures
}

func (p ReportsPage) breakdowns() []breakdown {
	list := func(key string, rows []reports.Row, name func(string) string) breakdown {
		out := breakdown{key: key}
		for _, row := range rows {
			out.rows = append(out.rows, breakdownRow{name(row.ID), row.Figures})
		}
		return out
	}
	periods := breakdown{key: "hours"}
	for _, period := range p.periods() {
		periods.rows = append(periods.rows, breakdownRow{p.periodName(period), period.Figures})
	}
	if p.byDay() {
		periods.key = "days"
	}
	return []breakdown{
		list("queues", p.Report.Queues, p.Line), list("languages", p.Report.Languages, p.Spoken),
		list("agents", p.Report.Agents, func(id string) string {
			if name := p.Names[id]; name != "" {
				return name
			}
			return id
		}), periods,
	}
}

type gaugeOf = reports.Gauge

// reportColumn is one column of every breakdown.
type reportColumn struct {
	key   string
	value func(ReportsPage, reports.Figures) string
}

func reportColumns() []reportColumn {
	return []reportColumn{
		{"offered", func(_ ReportsPage, f reports.Figures) string { return itoa(f.Offered) }},
		{"handled", func(_ ReportsPage, f reports.Figures) string { return itoa(f.Handled) }},
		{"abandoned", func(_ ReportsPage, f reports.Figures) string { return itoa(f.Abandoned) }},
		{"promised", func(_ ReportsPage, f reports.Figures) string { return itoa(f.Promised) }},
		{"level", func(p ReportsPage, f reports.Figures) string { return percent(f.ServiceLevel(p.Terms)) }},
		{"asa", func(p ReportsPage, f reports.Figures) string { return p.span(f.ASA()) }},
		{"aht", func(p ReportsPage, f reports.Figures) string { return p.span(f.AHT()) }},
		{"occupancy", func(_ ReportsPage, f reports.Figures) string { return percent(f.Occupancy()) }},
	}
}

// file is where a table can be carried away.
func (p ReportsPage) file(set, kind string) templ.SafeURL {
	return templ.SafeURL("/reports/" + set + "." + kind + "?" + url.Values{"from": {p.From}, "until": {p.Until}}.Encode())
}

// byDay says that the time is long: days are shown and not hours.
func (p ReportsPage) byDay() bool { return len(p.Report.Days) > 2 }

// periods are what the charts show: hours or days, without hours of which
// nothing is known before the first and after the last one.
func (p ReportsPage) periods() []reports.Period {
	if p.byDay() {
		return p.Report.Days
	}
	empty := func(one reports.Period) bool { return one.Figures == reports.Figures{} }
	list := p.Report.Hours
	for len(list) > 0 && empty(list[0]) {
		list = list[1:]
	}
	for len(list) > 0 && empty(list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	return slices.Clone(list)
}

func (p ReportsPage) periodName(one reports.Period) string {
	if p.byDay() {
		return one.Begin.Local().Format(time.DateOnly)
	}
	if len(p.Report.Days) > 1 {
		return one.Begin.Local().Format("01-02 15:04")
	}
	return one.Begin.Local().Format("15:04")
}

// chart is a picture of bars in parts, drawn here and not in the browser. The
// table below it says the same.
type chart struct {
	key    string
	parts  []string // keys of the legend, the lowest first
	bars   []bar
	lines  []gridLine
	labels []chartLabel
}

type bar struct {
	x, width float64
	parts    []barPart
	words    string
}

type barPart struct {
	class     string
	y, height float64
}

type gridLine struct {
	y    float64
	text string
}

type chartLabel struct {
	x    float64
	text string
}

// Measures of a chart, in units of its own.
const (
	chartWidth  = 720.0
	chartHeight = 200.0
	chartLeft   = 44.0
	chartTop    = 12.0
	chartBottom = 24.0
	mostLabels  = 12
)

// charts are calls by what became of them, and the average wait.
func (p ReportsPage) charts() []chart {
	periods := p.periods()
	if len(periods) == 0 {
		return nil
	}
	calls := p.bars("calls", periods, []string{"handled", "promised", "abandoned"}, func(f reports.Figures) []float64 {
		return []float64{float64(f.Handled), float64(f.Promised), float64(f.Abandoned)}
	}, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) })
	waits := p.bars("waits", periods, []string{"asa"}, func(f reports.Figures) []float64 {
		wait, _ := f.ASA()
		return []float64{wait.Seconds()}
	}, func(v float64) string { return p.Long(time.Duration(v * float64(time.Second))) })
	return []chart{calls, waits}
}

func (p ReportsPage) bars(key string, periods []reports.Period, parts []string, values func(reports.Figures) []float64, say func(float64) string) chart {
	c := chart{key: key, parts: parts}
	most := 0.0
	for _, one := range periods {
		sum := 0.0
		for _, v := range values(one.Figures) {
			sum += v
		}
		most = max(most, sum)
	}
	top := roundUp(most)
	room := chartHeight - chartTop - chartBottom
	y := func(v float64) float64 { return chartTop + room*(1-v/top) }
	for _, v := range []float64{0, top / 2, top} {
		c.lines = append(c.lines, gridLine{y(v), say(v)})
	}
	step := (chartWidth - chartLeft) / float64(len(periods))
	every := (len(periods) + mostLabels - 1) / mostLabels
	for i, one := range periods {
		b := bar{x: chartLeft + float64(i)*step + step*0.1, width: step * 0.8, words: p.periodName(one) + ":"}
		sum := 0.0
		for n, v := range values(one.Figures) {
			b.parts = append(b.parts, barPart{"part-" + parts[n], y(sum + v), y(sum) - y(sum+v)})
			b.words += " " + p.T("reports."+parts[n]) + " " + say(v)
			sum += v
		}
		c.bars = append(c.bars, b)
		if i%every == 0 {
			c.labels = append(c.labels, chartLabel{b.x + b.width/2, p.periodName(one)})
		}
	}
	return c
}

// roundUp is the next number of the kind 1, 2, 5, 10, 20 … that is even in half.
func roundUp(v float64) float64 {
	for step := 1.0; ; step *= 10 {
		for _, n := range []float64{2, 4, 6, 10} {
			if n*step >= v {
				return n * step
			}
		}
	}
}

func unit(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// missing says in sentences who is missing, one for each language.
func (f Frame) missing(g reports.Gauge) []string {
	minutes := itoa(int(g.Target.Within / time.Minute))
	var out []string
	for _, language := range g.Languages() {
		if language == "" {
			out = append(out, f.N("gauge.more", g.More[language], "minutes", minutes))
			continue
		}
		out = append(out, f.N("gauge.more.language", g.More[language], "language", f.Spoken(language), "minutes", minutes))
	}
	return out
}

// basis says what the gauge looks at.
func (f Frame) basis(g reports.Gauge) string {
	return f.F("gauge.basis", "calls", strconv.FormatFloat(g.PerHour, 'f', 0, 64), "handle", f.Long(g.Handle), "agents", itoa(g.Agents),
		"minutes", itoa(int(g.Target.Within/time.Minute)))
}
