package ui

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"hotline/ui/handbook"
	"hotline/ui/page"
	"hotline/ui/words"
)

// The pictures of the handbook are those that the tests of the pages take.
//
//go:embed gallery/testdata/desk-call.png gallery/testdata/floor.png
var pictures embed.FS

// picture is one of them by the name that the handbook calls it.
func picture(name string) ([]byte, error) {
	return pictures.ReadFile("gallery/testdata/" + name + ".png")
}

// shelf shows the pictures under the names of the handbook.
type shelf struct{}

func (shelf) Open(name string) (fs.File, error) {
	return pictures.Open("gallery/testdata/" + name)
}

// HandbookFile is the whole handbook as one file that reads without a hotline.
func HandbookFile(language string) ([]byte, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, err
	}
	return handbook.File(language, catalogues.Choose("", language).T("handbook.title"), shelf{})
}

// bookLinks are links of the handbook on the site.
var bookLinks = handbook.Links{
	Page: func(page, section string) string {
		if section != "" {
			return "/handbook/" + page + "#" + section
		}
		return "/handbook/" + page
	},
	Site:    func(path string) string { return path },
	Picture: func(name string) string { return "/handbook/picture/" + name },
}

// book is the handbook in the language of whoever looks.
func (s *Server) book(r *http.Request, v visit) page.Book {
	b := page.Book{Frame: s.frame(r, v, "handbook.title")}
	b.Language, b.Own = handbook.In(b.Lang())
	return b
}

func (s *Server) handbook(w http.ResponseWriter, r *http.Request, v visit) {
	contents := page.Contents{Book: s.book(r, v)}
	for _, id := range handbook.Pages() {
		drawn, err := handbook.Draw(contents.Language, id, bookLinks)
		if err != nil {
			s.broken(w, r, v, "drawing the contents of the handbook", err)
			return
		}
		contents.Pages = append(contents.Pages, drawn)
	}
	s.show(w, r, http.StatusOK, page.Handbook(contents))
}

func (s *Server) handbookPage(w http.ResponseWriter, r *http.Request, v visit) {
	id := r.PathValue("page")
	if !handbook.Has(id) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	b := s.book(r, v)
	drawn, err := handbook.Draw(b.Language, id, bookLinks)
	if err != nil {
		s.broken(w, r, v, "drawing a page of the handbook", err)
		return
	}
	b.Frame.Title = drawn.Title
	s.show(w, r, http.StatusOK, page.HandbookPage(b, drawn))
}

// handbookFile is the whole of it, to be kept.
func (s *Server) handbookFile(w http.ResponseWriter, r *http.Request, v visit) {
	language := r.PathValue("language")
	if !slices.Contains(handbook.Languages(), language) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	whole, err := HandbookFile(language)
	if err != nil {
		s.broken(w, r, v, "making the file of the handbook", err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "hotline-handbook-" + language + ".html"}))
	header.Set("Content-Length", strconv.Itoa(len(whole)))
	if _, err := w.Write(whole); err != nil {
		return // the browser has gone
	}
}

func (s *Server) handbookPicture(w http.ResponseWriter, r *http.Request, v visit) {
	raw, err := picture(r.PathValue("name"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if _, err := w.Write(raw); err != nil {
		return // the browser has gone
	}
}
