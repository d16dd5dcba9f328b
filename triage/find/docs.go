package find

import (
	"cmp"
	"slices"
	"strings"

	"hotline/appliance/lists"
	"hotline/appliance/search"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

const keyArea = "area:"

// fieldFrom is the day from which somebody can work, anyDay for who named none.
const (
	fieldFrom = "available_from"
	anyDay    = "-"
)

func facet(field, value string) search.Facet { return search.Facet{Field: field, Value: value} }

func contactDoc(k triage.Contact) (search.Doc, bool) {
	if k.Protected {
		return search.Doc{}, false
	}
	d := search.Doc{ID: k.ID, At: k.ReceivedAt,
		Numbers: []string{string(k.Caller), string(k.CallBack), string(k.Redirected)},
		Facets: []search.Facet{facet("level", string(k.Level)), facet("queue", k.Queue), facet("language", k.Language),
			facet("outcome", string(k.Outcome)), facet("disposition", k.Disposition), facet("open", k.Open),
			facet("direction", k.Direction), facet("agent", k.AgentName)}}
	if k.ChildAlone { // nobody comes across a child by looking for somebody else
		d.Numbers = nil
		return d, true
	}
	if k.Direction == "out" { // somebody's own number
		d.Numbers = append(d.Numbers, k.Dialled)
	}
	for _, said := range k.Attributes {
		d.Texts = append(d.Texts, said)
	}
	return d, true
}

func (x *Finder) caseDoc(c triage.Case) (search.Doc, bool) {
	if c.Protected {
		return search.Doc{}, false
	}
	f, complete := c.Fields, "yes"
	if len(c.Missing(x.cfg.Lists.Now())) > 0 {
		complete = "no"
	}
	d := search.Doc{ID: c.ID, At: c.OpenedAt, Numbers: []string{c.Code, string(c.Caller), f.CallbackNumber},
		Texts: []string{f.Name, f.Place, f.Landmark, f.Notes},
		Facets: []search.Facet{facet("level", string(c.Level)), facet("status", c.Status), facet("language", c.Language),
			facet("may_share", f.MayShare), facet("need", f.TopNeed), facet("complete", complete), facet("legal_basis", f.LegalBasis), facet("share_scope", f.ShareScope)}}
	if f.CallbackNumber == string(c.Caller) {
		d.Numbers = d.Numbers[:2]
	}
	if f.ChildAlone { // it is found by its code, and among all such cases
		d.Numbers, d.Texts, f.PlaceCode = d.Numbers[:1], nil, ""
	}
	for _, need := range f.MoreNeeds {
		d.Facets = append(d.Facets, facet("need", need))
	}
	d.Texts = append(d.Texts, x.areas(f.PlaceCode)...)
	for name, answer := range f.Own {
		q, _ := x.cfg.Lists.Now().Question(name)
		if f.ChildAlone && (triage.FindsChild(name) || q.Kind == lists.Line) {
			continue
		}
		switch answer := answer.(type) {
		case string:
			if q.Kind == lists.One {
				d.Facets = append(d.Facets, facet(name, answer))
			} else if q.Kind == lists.Line {
				d.Texts = append(d.Texts, answer)
			}
		case []string:
			for _, code := range answer {
				d.Facets = append(d.Facets, facet(name, code))
			}
		}
	}
	return d, true
}

// areas are the codes of a place and of what it lies in: who types one finds
// everything there.
func (x *Finder) areas(code string) (codes []string) {
	if code == "" {
		return nil
	}
	codes = []string{code}
	for _, area := range x.cfg.Lists.PlaceChain(code) {
		if area.Code != "" && area.Code != code {
			codes = append(codes, area.Code)
		}
	}
	return codes
}

func (x *Finder) registrantDoc(r volunteers.Registrant) (search.Doc, bool) {
	complete := "yes"
	if r.Incomplete {
		complete = "no"
	}
	d := search.Doc{ID: r.ID, At: r.RegisteredAt, Numbers: []string{r.Code, string(r.Phone), string(r.Phone2)},
		Texts: []string{r.GivenName, r.FamilyName, r.Area, r.SkillNote, r.Equipment, r.Affiliation, r.Notes, r.Email},
		Facets: []search.Facet{facet("status", string(r.Status)), facet("availability", string(r.Availability)),
			facet("willing", string(r.Willing)), facet("transport", string(r.Transport)), facet("age", string(r.Age)), facet("complete", complete), facet("legal_basis", r.LegalBasis), facet("share_scope", r.ShareScope),
			facet(fieldFrom, cmp.Or(r.AvailableFrom, anyDay))}}
	d.Texts = append(append(d.Texts, r.Place), x.areas(r.PlaceCode)...)
	if r.Area != "" {
		d.Keys = []string{keyArea + strings.ToLower(r.Area)}
	}
	for _, s := range r.Skills {
		d.Facets = append(d.Facets, facet("skill", string(s)))
	}
	for _, tag := range slices.Compact(slices.Sorted(slices.Values(r.Languages))) {
		d.Facets = append(d.Facets, facet("language", tag))
	}
	return d, true
}

// cardDoc is what can be found of a card: its questions say by what. What is
// for the few alone cannot be looked for.
func (f *Finder) cardDoc(c cards.Card) (search.Doc, bool) {
	kind, known := f.cfg.Cards.Kind(c.Kind)
	if !known || c.Hidden {
		return search.Doc{}, false
	}
	d := search.Doc{ID: c.ID, At: c.CreatedAt, Numbers: []string{c.Code}}
	for _, q := range kind.Fields {
		for _, v := range c.Values[q.Name] {
			switch q.Find {
			case "text":
				d.Texts = append(d.Texts, v)
			case "number":
				d.Numbers = append(d.Numbers, v)
			case "list":
				d.Facets = append(d.Facets, facet(q.Name, v))
			}
		}
	}
	return d, true
}
