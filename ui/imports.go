package ui

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/store"
	sheets "hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/intake"
	"hotline/ui/page"
	"hotline/ui/words"
)

// Imports take files in; *intake.Office.
type Imports interface {
	Targets() []intake.Target
	Take(ctx context.Context, target, name string, file []byte, by, byName string) (*intake.Upload, error)
	Upload(id, by string, now time.Time) (*intake.Upload, error)
	Drop(id, by string)
	SetColumns(u *intake.Upload, columns []string) error
	Check(u *intake.Upload) (intake.Check, error)
	Start(ctx context.Context, u *intake.Upload, order intake.Order) (intake.Import, error)
	Undo(ctx context.Context, id, by, byName string) (intake.Import, error)
	Import(id string) (intake.Import, error)
	Lines(id string) int
	List(most int) ([]intake.Import, error)
}

const (
	importsListed = 50
	linesShown    = 200
)

// mayImport says which kinds of records somebody brings in: lists of people to
// call are for those who make rounds.
func (s *Server) mayImport(v visit) (names []string) {
	for _, t := range s.cfg.Imports.Targets() {
		if t.Named && v.role != coordinator {
			continue
		}
		names = append(names, t.Name)
	}
	return names
}

func (s *Server) imports(w http.ResponseWriter, r *http.Request, v visit) {
	s.showImports(w, r, v, http.StatusOK, r.URL.Query().Get("target"), "")
}

func (s *Server) showImports(w http.ResponseWriter, r *http.Request, v visit, status int, target, trouble string) {
	content := page.ImportsPage{Frame: s.frame(r, v, "import.title"), Targets: s.mayImport(v), Target: target, Trouble: trouble}
	if trouble != "" {
		content.Title = content.T("problem.title") + ": " + content.Title
	}
	var err error
	if content.List, err = s.cfg.Imports.List(importsListed); err != nil {
		s.broken(w, r, v, "reading the imports", err)
		return
	}
	s.show(w, r, status, page.Imports(content))
}

// importTake reads a file and shows what would happen.
func (s *Server) importTake(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "import.title")
	target, name, file, err := readUpload(r)
	var u *intake.Upload
	if err == nil && !slices.Contains(s.mayImport(v), target) {
		err = intake.WrongTarget
	}
	if err == nil {
		u, err = s.cfg.Imports.Take(r.Context(), target, name, file, v.account.ID, v.account.Name)
	}
	var sheet sheets.SheetError
	var mistake intake.Mistake
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		http.Redirect(w, r, "/import/check/"+url.PathEscape(u.ID), http.StatusSeeOther)
	case errors.As(err, &tooLarge):
		s.showImports(w, r, v, http.StatusUnprocessableEntity, target, f.Said(string(sheets.ErrSheetTooLarge)))
	case errors.As(err, &sheet):
		s.showImports(w, r, v, http.StatusUnprocessableEntity, target, f.Said(string(sheet)))
	case errors.Is(err, errNoFile):
		s.showImports(w, r, v, http.StatusUnprocessableEntity, target, f.T("import.wrong.file"))
	case errors.As(err, &mistake):
		s.showImports(w, r, v, http.StatusUnprocessableEntity, target, f.T("import.wrong."+string(mistake)))
	default:
		s.broken(w, r, v, "reading a file", err)
	}
}

var errNoFile = errors.New("no file was sent")

func readUpload(r *http.Request) (target, name string, raw []byte, err error) {
	if err := r.ParseMultipartForm(sheets.MaxSheetFile + maxForm); err != nil {
		if errors.Is(err, http.ErrNotMultipart) {
			err = errNoFile
		}
		return "", "", nil, err
	}
	defer func() { err = errors.Join(err, r.MultipartForm.RemoveAll()) }()
	target = clean(r.PostForm.Get("target"), 40)
	file, header, err := r.FormFile("file")
	if err != nil {
		return target, "", nil, errNoFile
	}
	raw, err = io.ReadAll(io.LimitReader(file, sheets.MaxSheetFile+1))
	if err = errors.Join(err, file.Close()); err == nil && len(raw) == 0 {
		err = errNoFile
	}
	return target, header.Filename, raw, err
}

// upload is the file of the address, if it is still there and theirs.
func (s *Server) upload(w http.ResponseWriter, r *http.Request, v visit) (*intake.Upload, bool) {
	u, err := s.cfg.Imports.Upload(r.PathValue("id"), v.account.ID, time.Now())
	if err != nil {
		s.showImports(w, r, v, http.StatusNotFound, "", s.textFor(r).T("import.wrong.gone"))
		return nil, false
	}
	return u, true
}

func (s *Server) importCheck(w http.ResponseWriter, r *http.Request, v visit) {
	if u, there := s.upload(w, r, v); there {
		s.showCheck(w, r, v, http.StatusOK, u, page.ImportForm{Queue: triage.QueueHelp}, "")
	}
}

func (s *Server) showCheck(w http.ResponseWriter, r *http.Request, v visit, status int, u *intake.Upload, form page.ImportForm, trouble string) {
	p := page.ImportCheckPage{Frame: s.frame(r, v, "import.check.title"), Upload: u, Columns: u.Columns(), Form: form, Trouble: trouble, Target: s.importTarget(u.Target)}
	if trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	for _, queue := range s.queues() {
		if queue != triage.QueueLife {
			p.Queues = append(p.Queues, queue)
		}
	}
	var err error
	if p.Check, err = s.cfg.Imports.Check(u); err != nil {
		s.broken(w, r, v, "checking a file", err)
		return
	}
	p.Show = "all"
	if p.Check.Refused > 0 {
		p.Show = intake.RefusedLine
	}
	if show := known(r.URL.Query().Get("show"), append(page.ImportShows(), "all")); show != "" {
		p.Show = show
	}
	for _, l := range p.Check.Lines {
		if p.Show != "all" && p.Show != page.ImportWhat(l) {
			continue
		}
		if p.More = len(p.Lines) == linesShown; p.More {
			break
		}
		p.Lines = append(p.Lines, l)
	}
	s.show(w, r, status, page.ImportCheck(p))
}

func (s *Server) importTarget(name string) intake.Target {
	for _, t := range s.cfg.Imports.Targets() {
		if t.Name == name {
			return t
		}
	}
	return intake.Target{}
}

// importCheckDo changes what the columns are, brings the file in, or throws it
// away.
func (s *Server) importCheckDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a file", err)
		return
	}
	u, there := s.upload(w, r, v)
	if !there {
		return
	}
	form := page.ImportForm{Basis: clean(r.PostForm.Get("basis"), reasonMax), Title: clean(r.PostForm.Get("title"), 80), Queue: known(r.PostForm.Get("queue"), s.queues()), Without: r.PostForm.Get("without") == "yes"}
	if form.Queue == "" || form.Queue == triage.QueueLife {
		form.Queue = triage.QueueHelp
	}
	var err error
	back := "/import/check/" + url.PathEscape(u.ID)
	switch r.PostForm.Get("do") {
	case "columns":
		err = s.cfg.Imports.SetColumns(u, r.PostForm["column"])
	case "drop":
		s.cfg.Imports.Drop(u.ID, v.account.ID)
		back = "/import"
	case "import":
		var i intake.Import
		i, err = s.cfg.Imports.Start(r.Context(), u, intake.Order{By: v.account.ID, ByName: v.account.Name, Basis: form.Basis, Title: form.Title, Queue: form.Queue, Without: form.Without})
		back = "/import/" + i.ID
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	var mistake intake.Mistake
	switch {
	case err == nil:
		http.Redirect(w, r, back, http.StatusSeeOther)
	case errors.As(err, &mistake):
		s.showCheck(w, r, v, http.StatusUnprocessableEntity, u, form, s.textFor(r).T("import.wrong."+string(mistake)))
	default:
		s.broken(w, r, v, "beginning an import", err)
	}
}

// importReport is the check as a file, in the language of the page. It says of
// records that are there no more than their codes.
func (s *Server) importReport(w http.ResponseWriter, r *http.Request, v visit) {
	u, there := s.upload(w, r, v)
	if !there {
		return
	}
	check, err := s.cfg.Imports.Check(u)
	if err != nil {
		s.broken(w, r, v, "checking a file", err)
		return
	}
	f := s.frame(r, v, "import.check.title")
	report := sheets.Table{Name: "report", Columns: []sheets.Column{
		{Name: f.T("import.line"), Kind: sheets.Int}, {Name: f.T("import.happens"), Kind: sheets.Text}, {Name: f.T("import.who"), Kind: sheets.Text}, {Name: f.T("import.why"), Kind: sheets.Text}},
		Rows: func(yield func([]any, error) bool) {
			for _, l := range check.Lines {
				var notes []string
				for _, n := range l.Notes {
					notes = append(notes, f.ImportNote(u.Target, n))
				}
				if !yield([]any{l.Line, f.T("import.what." + page.ImportWhat(l)), l.Name, strings.Join(notes, " ")}, nil) {
					return
				}
			}
		}}
	write, kind, format := sheets.WriteCSV, "text/csv; charset=utf-8", "csv"
	if r.URL.Query().Get("format") == "xlsx" {
		write, format = func(w io.Writer, t sheets.Table) error { return sheets.WriteXLSX(w, t, nil) }, "xlsx"
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "import-report." + format}))
	if err := write(w, report); err != nil {
		s.cfg.Log.Error("the report about a file could not be written to its end", "error", err)
		panic(http.ErrAbortHandler) // the browser must see that the file is broken
	}
}

func (s *Server) importOne(w http.ResponseWriter, r *http.Request, v visit) {
	s.showImport(w, r, v, http.StatusOK, "")
}

func (s *Server) showImport(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	i, err := s.cfg.Imports.Import(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "reading an import", err)
		return
	}
	s.show(w, r, status, page.OneImport(page.ImportPage{Frame: s.frame(r, v, "import.one.title"), Import: i, Lines: s.cfg.Imports.Lines(i.ID), Trouble: trouble}))
}

// importUndo takes an import back.
func (s *Server) importUndo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of an import", err)
		return
	}
	i, err := s.cfg.Imports.Import(r.PathValue("id"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	case err == nil && !slices.Contains(s.mayImport(v), i.Target):
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	case err == nil && r.PostForm.Get("do") != "undo":
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	case err == nil:
		_, err = s.cfg.Imports.Undo(r.Context(), i.ID, v.account.ID, v.account.Name)
	}
	var mistake intake.Mistake
	switch {
	case err == nil:
		http.Redirect(w, r, "/import/"+url.PathEscape(i.ID), http.StatusSeeOther)
	case errors.As(err, &mistake):
		s.showImport(w, r, v, http.StatusConflict, s.textFor(r).T("import.wrong."+string(mistake)))
	default:
		s.broken(w, r, v, "taking an import back", err)
	}
}

// ImportWords are the words under which columns and their choices are known, in
// every language of the pages.
func ImportWords(l *lists.Keeper) (labels func(target, field string) []string, choices func(target, field, value string) []string, err error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, nil, err
	}
	each := func(word func(texts map[string]string) string) (said []string) {
		for _, tag := range catalogues.Tags() {
			for _, texts := range []map[string]string{catalogues.Keys(tag), l.Now().Texts(tag)} {
				if text := word(texts); text != "" && !slices.Contains(said, text) {
					said = append(said, text)
				}
			}
		}
		return said
	}
	labels = func(target, field string) []string {
		return each(func(texts map[string]string) string { return page.ImportLabel(texts, target, field) })
	}
	choices = func(target, field, value string) []string {
		return each(func(texts map[string]string) string { return page.ImportChoice(texts, target, field, value) })
	}
	return labels, choices, nil
}
