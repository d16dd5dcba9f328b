package ui

import (
	"crypto/rand"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"hotline/appliance/export"
	redact "hotline/appliance/table"
	"hotline/triage/find"
	"hotline/ui/page"
)

const exportsListed = 20

// exports is the form with which records leave the box, and what was asked for
// lately.
func (s *Server) exports(w http.ResponseWriter, r *http.Request, v visit) {
	form := page.ExportForm{Formats: []string{export.XLSX}, Level: redact.Coordination.String(), Password: longPassword()}
	if wanted := r.URL.Query().Get("set"); wanted != "" {
		form.Sets = []string{wanted}
	}
	if filter := find.ParseFilter(r.URL.Query()); !filter.Empty() {
		form.Filter = filter.Values().Encode()
	}
	s.showExports(w, r, v, http.StatusOK, form, nil)
}

// longPassword is a password that can be read aloud and typed: the box proposes
// it, so that nobody has to invent one in a hurry.
func longPassword() string {
	const letters = 20 // of 5 bits
	var b strings.Builder
	for i, c := range strings.ToLower(rand.Text()[:letters]) {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (s *Server) showExports(w http.ResponseWriter, r *http.Request, v visit, status int, form page.ExportForm, mistake error) {
	f := s.frame(r, v, "export.title")
	content := page.ExportPage{Frame: f, Form: form, Formats: export.Formats(), Me: v.account.ID}
	for _, l := range redact.Levels() {
		content.Levels = append(content.Levels, l.String())
	}
	for _, set := range s.cfg.Exports.Sets() {
		content.Sets = append(content.Sets, page.ExportSet{Name: set.Name, Least: set.Least().String()})
	}
	if mistake != nil {
		content.Trouble = s.exportMistake(f, mistake)
		content.Frame.Title = f.T("problem.title") + ": " + f.Title
	}
	var err error
	if content.Jobs, err = s.cfg.Exports.Jobs(v.account.ID, exportsListed); err != nil {
		s.broken(w, r, v, "listing the exports", err)
		return
	}
	s.show(w, r, status, page.Exports(content))
}

func (s *Server) exportMistake(f page.Frame, err error) string {
	var wrong export.Mistake
	if errors.As(err, &wrong) {
		return f.T("export.wrong." + string(wrong))
	}
	return f.T("export.wrong.since")
}

var errSince = errors.New("this is no date")

// readExportForm reads what was chosen from a form that was parsed.
func readExportForm(r *http.Request) page.ExportForm {
	return page.ExportForm{Sets: r.PostForm["set"], Formats: r.PostForm["format"], Level: r.PostForm.Get("level"), Since: clean(r.PostForm.Get("since"), 10),
		To: clean(r.PostForm.Get("to"), 16), HXL: r.PostForm.Get("hxl") == "yes", Reason: clean(r.PostForm.Get("reason"), reasonMax), Recipient: clean(r.PostForm.Get("recipient"), reasonMax),
		Lock: r.PostForm.Get("lock") == "yes", Password: clean(r.PostForm.Get("password"), 64), Filter: clean(r.PostForm.Get("filter"), 8<<10)}
}

// exportRequest is what a person has asked for with it, without a lock.
func exportRequest(form page.ExportForm, v visit) export.Request {
	request := export.Request{Sets: form.Sets, Formats: form.Formats, HXL: form.HXL, Filter: form.Filter, Reason: form.Reason, Recipient: form.Recipient, To: form.To,
		By: v.account.ID, Name: v.account.Name, Via: "web"}
	request.Level, _ = redact.ParseLevel(form.Level) // none is refused, in words
	return request
}

func (s *Server) exportAsk(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the export form", err)
		return
	}
	form := readExportForm(r)
	request := exportRequest(form, v)
	// Names and numbers never leave without a lock, whatever was ticked.
	if form.Lock || request.Level >= redact.Referral {
		request.Password = form.Password
	}
	var err error
	if form.Since != "" {
		if request.Since, err = time.ParseInLocation(time.DateOnly, form.Since, time.Local); err != nil {
			err = errSince
		}
	}
	var job export.Job
	if err == nil && form.To == "" { // nobody decides that by forgetting it
		err = export.WrongTo
	}
	if err == nil {
		job, err = s.cfg.Exports.Ask(r.Context(), request)
	}
	var wrong export.Mistake
	switch {
	case errors.As(err, &wrong), errors.Is(err, errSince):
		if form.Password == "" {
			form.Password = longPassword()
		}
		s.showExports(w, r, v, http.StatusUnprocessableEntity, form, err)
	case err != nil:
		s.broken(w, r, v, "asking for an export", err)
	default:
		http.Redirect(w, r, "/records/export/"+job.ID, http.StatusSeeOther)
	}
}

// exportJob shows how far an export is.
func (s *Server) exportJob(w http.ResponseWriter, r *http.Request, v visit) {
	s.showExport(w, r, v, http.StatusOK, nil)
}

func (s *Server) showExport(w http.ResponseWriter, r *http.Request, v visit, status int, mistake error) {
	job, progress, err := s.cfg.Exports.Job(r.PathValue("id"), v.account.ID)
	switch {
	case errors.Is(err, export.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	case err != nil:
		s.broken(w, r, v, "reading an export", err)
		return
	}
	content := page.ExportJobPage{Frame: s.frame(r, v, "export.job.title"), Job: job, Progress: progress, Mine: job.Request.By == v.account.ID}
	if mistake != nil {
		content.Trouble = s.exportMistake(content.Frame, mistake)
	}
	s.show(w, r, status, page.ExportJob(content))
}

func (s *Server) exportDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of an export", err)
		return
	}
	var err error
	switch id := r.PathValue("id"); r.PostForm.Get("do") {
	case "approve":
		err = s.cfg.Exports.Approve(r.Context(), id, v.account.ID, v.account.Name)
	case "refuse":
		err = s.cfg.Exports.Refuse(r.Context(), id, v.account.ID, v.account.Name)
	case "cancel":
		err = s.cfg.Exports.Cancel(r.Context(), id, v.account.ID)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	var wrong export.Mistake
	switch {
	case errors.As(err, &wrong):
		s.showExport(w, r, v, http.StatusConflict, err)
	case errors.Is(err, export.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "changing an export", err)
	default:
		http.Redirect(w, r, "/records/export/"+r.PathValue("id"), http.StatusSeeOther)
	}
}

// exportFile lets the file leave the box.
func (s *Server) exportFile(w http.ResponseWriter, r *http.Request, v visit) {
	file, job, err := s.cfg.Exports.Open(r.Context(), r.PathValue("id"), v.account.ID)
	switch {
	case errors.Is(err, export.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	case err != nil:
		s.broken(w, r, v, "opening an export", err)
		return
	}
	defer file.Close()
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeExport)); err != nil {
		s.broken(w, r, v, "preparing an export", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": job.FileName()}))
	http.ServeContent(w, r, "", time.Time{}, file)
}
