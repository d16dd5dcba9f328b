package page

import (
	"fmt"
	"net/url"
	"time"

	"hotline/triage"
)

// WorklistPage is the list of what somebody still has to care for.
type WorklistPage struct {
	Frame
	Pick         triage.Pick
	Page         triage.Page
	Me           string // who looks
	Numbers      bool   // sees every number
	Total, Today triage.Balance
	Counted      bool // the figures could be read
	CallsOut     bool // the hotline can call
	MaySet       bool // the quiet hours
	Quiet        triage.Quiet
	Done         string
}

// ItemPage is one item and what can be done about it.
type ItemPage struct {
	Frame
	Item       triage.Item
	Attempts   []triage.Contact
	Me         string
	Numbers    bool
	Supervises bool
	Records    bool // may open the records
	CallsOut   bool
	Trouble    string
	Done       string
	Why        string
	Reveal     bool // the number of a child that is alone, for this look
}

// kinds are the reasons of which there is something on the list.
func (p WorklistPage) kinds() []string {
	var some []string
	for _, kind := range triage.Kinds() {
		if p.Page.Kinds[kind] > 0 || kind == p.Pick.Kind {
			some = append(some, kind)
		}
	}
	return some
}

func (p WorklistPage) pickURL(kind string) string {
	q := url.Values{}
	if kind != "" {
		q.Set("kind", kind)
	}
	if p.Pick.Language != "" {
		q.Set("language", p.Pick.Language)
	}
	if len(q) == 0 {
		return "/worklist"
	}
	return "/worklist?" + q.Encode()
}

func (p ItemPage) mine() bool { return p.Item.Lock.By == p.Me && p.Item.Lock.Until.After(p.Now) }

func (p ItemPage) held() bool { return p.Item.Lock.Held(p.Now, p.Me) }

// callable reports whether this number can be called from here.
func (p ItemPage) callable() bool { return p.CallsOut && !p.Item.NoCall && p.Item.Number.E164() }

// backWords say what the hotline does about an item by itself.
func (f Frame) backWords(i triage.Item) string {
	b := i.Back
	switch {
	case b.Queue == "" || !i.ClosedAt.IsZero():
		return ""
	case b.Dialling != "":
		return f.T("item.back.dialling")
	case b.Stopped != "":
		return f.Or("item.back.stopped."+b.Stopped, f.T("item.back.stopped"))
	case i.NoCall || !i.Number.E164():
		return ""
	case b.NotBefore.After(f.Now):
		return f.F("item.back.at", "when", f.When(b.NotBefore))
	}
	return f.T("item.back.soon")
}

// tomorrow is what the form for an agreed time begins with.
func (f Frame) tomorrow() string {
	return f.Now.Local().AddDate(0, 0, 1).Format("2006-01-02T") + "09:00"
}

func clockField(minutes int) string {
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}

// itemNumber is the number as this person may see it: a phone volunteer sees it
// whole on the item it has taken, and nobody that of a protected caller or of a
// child that is alone.
func (f Frame) itemNumber(i triage.Item, all bool, me string) string {
	switch {
	case i.NoCall:
		return f.T("item.nocall")
	case i.Child:
		return f.T("child.tag")
	case i.Number.Withheld():
		return f.T("js.number.hidden")
	case all || i.Lock.By == me && i.Lock.Until.After(f.Now):
		return string(i.Number)
	}
	return i.Number.String()
}

// number is what the page of an item shows.
func (p ItemPage) number() string {
	if p.Reveal {
		return string(p.Item.Number)
	}
	return p.itemNumber(p.Item, p.Numbers, p.Me)
}

func (f Frame) openWords(kind string) string { return f.Or("open."+kind, f.T("open.other")) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// HearsMessages reports who may hear what a caller left: whoever works on the
// item, and those who see every number.
func HearsMessages(i triage.Item, who string, sees bool) bool {
	return sees || i.Lock.By == who && i.Lock.Until.After(time.Now())
}
