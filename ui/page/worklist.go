package page

import (
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
	Trouble    string
	Done       string
	Why        string
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

// itemNumber is the number as this person may see it: a phone volunteer sees it
// whole on the item it has taken, and nobody that of a protected caller.
func (f Frame) itemNumber(i triage.Item, all bool, me string) string {
	switch {
	case i.NoCall:
		return f.T("item.nocall")
	case i.Number.Withheld():
		return f.T("js.number.hidden")
	case all || i.Lock.By == me && i.Lock.Until.After(f.Now):
		return string(i.Number)
	}
	return i.Number.String()
}

func (f Frame) openWords(kind string) string { return f.Or("open."+kind, f.T("open.other")) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
