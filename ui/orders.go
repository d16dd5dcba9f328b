package ui

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/place"
	redact "hotline/appliance/table"
	"hotline/triage/find"
	"hotline/ui/page"
)

// orders are the exports that are made again and again.
func (s *Server) orders(w http.ResponseWriter, r *http.Request, v visit) {
	content := page.OrdersPage{Every: string(export.Daily), At: "06:00", Keep: "14", Lock: "password",
		Form: page.ExportForm{Formats: []string{export.XLSX}, Level: redact.Coordination.String(), Password: longPassword()},
		Done: known(r.URL.Query().Get("done"), []string{"made", "stop", "resume", "now", "delete"})}
	if filter := find.ParseFilter(r.URL.Query()); !filter.Empty() {
		content.Form.Filter = filter.Values().Encode()
	}
	s.showOrders(w, r, v, http.StatusOK, content)
}

func (s *Server) showOrders(w http.ResponseWriter, r *http.Request, v visit, status int, content page.OrdersPage) {
	content.Frame, content.Now, content.Disks, content.Formats = s.frame(r, v, "order.title"), time.Now(), s.disks(), export.Formats()
	if content.Trouble != "" {
		content.Title = content.T("problem.title") + ": " + content.Title
	}
	for _, l := range redact.Levels() {
		if l < redact.Full { // everything takes a second person each time
			content.Levels = append(content.Levels, l.String())
		}
	}
	for _, set := range s.cfg.Exports.Sets() {
		if set.Least() < redact.Full {
			content.Sets = append(content.Sets, page.ExportSet{Name: set.Name, Least: set.Least().String()})
		}
	}
	var err error
	if content.Orders, err = s.cfg.Exports.Orders(); err != nil {
		s.broken(w, r, v, "listing the regular exports", err)
		return
	}
	s.show(w, r, status, page.Orders(content))
}

func (s *Server) orderMake(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a regular export", err)
		return
	}
	form := readExportForm(r)
	content := page.OrdersPage{Form: form, Every: r.PostForm.Get("every"), At: clean(r.PostForm.Get("at"), 5), Keep: clean(r.PostForm.Get("keep"), 3),
		Lock: r.PostForm.Get("lock"), Key: clean(r.PostForm.Get("key"), 100), Changed: r.PostForm.Get("changed") == "yes"}
	var to place.Place
	content.Place, to = placeOf(r)
	ord := export.Order{Request: exportRequest(form, v), Place: to, Every: export.Daily, At: content.At, Changed: content.Changed}
	ord.Keep, _ = strconv.Atoi(content.Keep) // none is refused, in words
	if day, err := strconv.Atoi(content.Every); err == nil {
		ord.Every, ord.Day = export.Weekly, time.Weekday(day)
	} else if content.Every != string(export.Daily) {
		ord.Every = ""
	}
	switch content.Lock {
	case "key":
		ord.Age = content.Key
	case "none":
	default:
		ord.Request.Password = form.Password
	}
	f := s.frame(r, v, "order.title")
	refuse := func(trouble string) {
		content.Trouble = trouble
		s.showOrders(w, r, v, http.StatusUnprocessableEntity, content)
	}
	if content.Lock == "key" && content.Key == "" {
		refuse(f.T("export.wrong.age"))
		return
	}
	if !named(to) {
		refuse(f.T("order.wrong.place"))
		return
	}
	_, err := s.cfg.Exports.Order(r.Context(), ord)
	var wrong export.Mistake
	var fresh *place.NewServer
	switch {
	case errors.As(err, &fresh):
		content.Place.HostKey, content.Place.Fingerprint = fresh.Place.HostKey, fresh.Place.Fingerprint()
		s.showOrders(w, r, v, http.StatusOK, content)
	case errors.As(err, &wrong):
		refuse(f.T("export.wrong." + string(wrong)))
	case err != nil:
		refuse(f.F("backup.wrong.refused", "why", f.Said(err.Error())))
	default:
		http.Redirect(w, r, "/records/export/orders?done=made", http.StatusSeeOther)
	}
}

func (s *Server) orderDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a regular export", err)
		return
	}
	id, do := r.PathValue("id"), r.PostForm.Get("do")
	var err error
	switch do {
	case "now":
		err = s.cfg.Exports.OrderNow(r.Context(), id)
	case "stop":
		err = s.cfg.Exports.StopOrder(r.Context(), id, v.account.ID)
	case "resume":
		err = s.cfg.Exports.ResumeOrder(r.Context(), id, v.account.ID, v.account.Name)
	case "delete":
		err = s.cfg.Exports.DeleteOrder(r.Context(), id, v.account.ID)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	var wrong export.Mistake
	switch {
	case errors.Is(err, export.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case do == "resume" && err != nil && !errors.Is(err, export.WrongState): // one that came from another hotline
		f := s.frame(r, v, "order.title")
		trouble := f.F("backup.wrong.refused", "why", f.Said(err.Error()))
		if errors.As(err, &wrong) {
			trouble = f.T("export.wrong." + string(wrong))
		}
		s.showOrders(w, r, v, http.StatusUnprocessableEntity, page.OrdersPage{Every: string(export.Daily), At: "06:00", Keep: "14", Lock: "password",
			Form: page.ExportForm{Formats: []string{export.XLSX}, Level: redact.Coordination.String(), Password: longPassword()}, Trouble: trouble})
	case errors.As(err, &wrong): // somebody else was faster: the list says how it stands
		http.Redirect(w, r, "/records/export/orders", http.StatusSeeOther)
	case err != nil:
		s.broken(w, r, v, "changing a regular export", err)
	default:
		http.Redirect(w, r, "/records/export/orders?done="+do, http.StatusSeeOther)
	}
}
