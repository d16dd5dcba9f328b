package ui

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
	"hotline/ui/page"
	"hotline/volunteers"
)

const (
	listed    = 50      // rows of a list
	counted   = 10_000  // beyond it a list says "more than"
	searched  = 200_000 // records that one search looks at
	reasonMin = 5
	reasonMax = 200
)

// recordLists are shown on the page; exportSets and exportFormats are what can
// be downloaded.
func recordLists() []string   { return []string{"contacts", "cases", "registrants"} }
func exportSets() []string    { return append(recordLists(), "shift_hours") }
func exportFormats() []string { return []string{"xlsx", "csv"} }

func (s *Server) records(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRecords(w, r, v, http.StatusOK, page.ExportForm{Set: "contacts", Format: "xlsx"}, "")
}

func (s *Server) showRecords(w http.ResponseWriter, r *http.Request, v visit, status int, form page.ExportForm, trouble string) {
	f := s.frame(r, v, "records.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	content := page.RecordsPage{Frame: f, Query: clean(r.URL.Query().Get("q"), 64), Tab: r.URL.Query().Get("tab"), Form: form, Trouble: trouble,
		Lists: recordLists(), Sets: exportSets(), Formats: exportFormats()}
	if !slices.Contains(content.Lists, content.Tab) {
		content.Tab = "contacts"
	}
	if err := s.fill(&content); err != nil {
		s.broken(w, r, v, "reading the records", err)
		return
	}
	s.show(w, r, status, page.Records(content))
}

// fill reads one list: the newest records that match, and how many there are.
func (s *Server) fill(p *page.RecordsPage) error {
	looking, digits := strings.ToLower(p.Query), onlyDigits(p.Query)
	match := func(number string, texts ...string) bool {
		if looking == "" || len(digits) >= 3 && strings.Contains(onlyDigits(number), digits) {
			return true
		}
		return slices.ContainsFunc(texts, func(text string) bool { return text != "" && strings.Contains(strings.ToLower(text), looking) })
	}
	seen := 0
	more := func(found bool) (list, goOn bool) {
		seen++
		if found {
			p.Count++
		}
		p.Shown = min(p.Count, listed)
		p.More = p.Count > counted || seen >= searched
		return found && p.Count <= listed, !p.More
	}
	switch p.Tab {
	case "contacts":
		return s.cfg.Contacts.Each(func(k triage.Contact) bool {
			list, goOn := more(match(string(k.Caller), k.ID, k.AgentName))
			if list {
				p.Contacts = append(p.Contacts, k)
			}
			return goOn
		})
	case "cases":
		return s.cfg.Cases.Each(func(c triage.Case) bool {
			list, goOn := more(match(string(cmp.Or(c.Fields.CallbackNumber, string(c.Caller))), c.Code, c.ID, c.Fields.Name, c.Fields.Place, c.Fields.Landmark))
			if list {
				p.Cases = append(p.Cases, c)
			}
			return goOn
		})
	}
	var all []volunteers.Registrant
	err := s.cfg.Registrants.Each(func(g volunteers.Registrant) error {
		found := match(string(g.Phone), g.Code, g.GivenName, g.FamilyName, g.Area)
		_, goOn := more(found)
		if found {
			all = append(all, g)
			if len(all) > listed { // oldest first: keep the newest
				all = all[1:]
			}
		}
		if !goOn {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	slices.Reverse(all)
	p.Registrants = all
	return err
}

var errEnough = errors.New("enough records were read")

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// export sends a whole table. Why it leaves the box is written down first: a
// download that could not be noted does not happen.
func (s *Server) export(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the export form", err)
		return
	}
	form := page.ExportForm{Set: r.PostForm.Get("set"), Format: r.PostForm.Get("format"), Reason: clean(r.PostForm.Get("reason"), reasonMax)}
	f := s.frame(r, v, "records.title")
	if !slices.Contains(exportSets(), form.Set) || !slices.Contains(exportFormats(), form.Format) {
		s.showRecords(w, r, v, http.StatusUnprocessableEntity, form, f.T("export.wrong.set"))
		return
	}
	if len([]rune(form.Reason)) < reasonMin {
		s.showRecords(w, r, v, http.StatusUnprocessableEntity, form, f.T("export.wrong.reason"))
		return
	}
	note := func(kind string) error {
		return s.cfg.Journal.Note(r.Context(), events.Event{Kind: kind, Operation: s.cfg.Operation, By: v.account.ID, Via: "web",
			Data: map[string]string{"name": v.account.Name, "set": form.Set, "format": form.Format, "reason": form.Reason}})
	}
	if err := note("export.made"); err != nil {
		s.broken(w, r, v, "noting an export", err)
		return
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeExport)); err != nil {
		s.broken(w, r, v, "preparing an export", err)
		return
	}
	kind := "text/csv; charset=utf-8"
	if form.Format == "xlsx" {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	name := fmt.Sprintf("%s-%s.%s", form.Set, time.Now().Format("2006-01-02-1504"), form.Format)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	out := &startedWriter{ResponseWriter: w}
	if err := s.cfg.Exports.Export(r.Context(), out, form.Set, form.Format); err != nil {
		if noteErr := note("export.failed"); noteErr != nil {
			err = errors.Join(err, noteErr)
		}
		if out.started {
			s.cfg.Log.Error("an export broke off; the file that was being downloaded is not complete", "set", form.Set, "error", err)
			panic(http.ErrAbortHandler) // the browser must see that the file is broken
		}
		w.Header().Del("Content-Disposition")
		s.broken(w, r, v, "exporting", err)
	}
}
