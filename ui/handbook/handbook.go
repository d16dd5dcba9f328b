// Package handbook is the handbook of the hotline: pages of plain text
// (Markdown), in a folder for each language, and what becomes of them: pages of
// the site, and one file that reads without a hotline.
//
// What it says must be true. So its tests hold it against the program: words
// in **bold** are words of the screen, a link to a page of the hotline is
// called what the menu calls it, commands are commands, and a table below a
// heading {#keys-flow-step} has the keys of that step.
package handbook

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"hotline/docs"
)

//go:embed en/*.md es/*.md
var texts embed.FS

// English is what other languages are shown.
const English = "en"

// Languages are those that the handbook is written in.
func Languages() []string { return []string{English, "es"} }

// In is the language of the handbook for somebody who reads this one, and
// whether it is the same.
func In(tag string) (language string, own bool) {
	if slices.Contains(Languages(), tag) {
		return tag, true
	}
	return English, false
}

// Pages are all pages in the order in which they are read.
func Pages() []string {
	return []string{"quick", "phone", "supervisor", "coordinator", "it", "health", "trouble", "promises"}
}

// Section is a heading that can be gone to.
type Section struct{ ID, Title string }

// Page is one page, drawn.
type Page struct {
	ID, Title string
	HTML      string // with its own heading
	Sections  []Section
}

// Links say where the links of a page lead. What leads nowhere becomes plain
// text.
type Links struct {
	Page    func(page, section string) string // one of them may be empty
	Site    func(path string) string          // a page of the hotline; "": nowhere
	Picture func(name string) string          // "": no pictures
}

// Text is a page as it was written.
func Text(language, page string) (string, error) {
	raw, err := texts.ReadFile(language + "/" + page + ".md")
	if err != nil {
		return "", fmt.Errorf("the handbook has no page %q in %q: %w", page, language, err)
	}
	if page == "promises" {
		// What was measured stands below, with its headings one step lower.
		_, measured, _ := strings.Cut(docs.Promises, "\n## ")
		return string(raw) + "\n## " + measured, nil
	}
	return string(raw), nil
}

// Has reports whether there is such a page.
func Has(page string) bool { return slices.Contains(Pages(), page) }

// Draw draws a page.
func Draw(language, page string, to Links) (Page, error) {
	source, err := Text(language, page)
	if err != nil {
		return Page{}, err
	}
	drawn := Page{ID: page}
	raw := []byte(source)
	markdown := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAttribute(), parser.WithASTTransformers(util.Prioritized(&turn{page: page, to: to, drawn: &drawn}, 100))),
	)
	var html bytes.Buffer
	if err := markdown.Convert(raw, &html); err != nil {
		return Page{}, fmt.Errorf("drawing the page %s of the handbook: %w", page, err)
	}
	drawn.HTML = html.String()
	return drawn, nil
}

// turn leads the links of a page to where they lead here, and notes its
// headings.
type turn struct {
	page  string
	to    Links
	drawn *Page
}

// Transform implements parser.ASTTransformer.
func (t *turn) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	source := reader.Source()
	var links []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			t.heading(n, source)
		case *ast.Link, *ast.Image:
			links = append(links, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range links {
		switch n := n.(type) {
		case *ast.Link:
			to := t.link(string(n.Destination))
			n.Destination = []byte(to)
			if to == "" {
				plain(n)
			}
		case *ast.Image:
			to := t.to.Picture(string(n.Destination))
			if to == "" {
				n.Parent().RemoveChild(n.Parent(), n)
				continue
			}
			n.Destination = []byte(to)
			n.SetAttributeString("loading", []byte("lazy"))
		}
	}
}

func (t *turn) heading(n *ast.Heading, source []byte) {
	title := letters(n, source)
	if n.Level == 1 {
		t.drawn.Title = title
		return
	}
	id, ok := n.AttributeString("id")
	if !ok {
		return
	}
	if n.Level == 2 {
		t.drawn.Sections = append(t.drawn.Sections, Section{ID: string(id.([]byte)), Title: title})
	}
}

// link is where a link of the text leads: /path is a page of the hotline,
// page#section one of the handbook.
func (t *turn) link(to string) string {
	if strings.HasPrefix(to, "/") {
		return t.to.Site(to)
	}
	page, section, _ := strings.Cut(to, "#")
	if page == "" {
		page = t.page
	}
	return t.to.Page(page, section)
}

// plain makes strong words of a link that leads nowhere.
func plain(n *ast.Link) {
	strong := ast.NewEmphasis(2)
	for child := n.FirstChild(); child != nil; {
		next := child.NextSibling()
		strong.AppendChild(strong, child)
		child = next
	}
	n.Parent().ReplaceChild(n.Parent(), n, strong)
}

// letters are what stands below a node.
func letters(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if one, ok := n.(*ast.Text); ok && entering {
			b.Write(one.Value(source))
			if one.SoftLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// Check is the section that says what to do about a check of the health page,
// by the key of its words.
func Check(words string) string { return "check-" + strings.ReplaceAll(words, ".", "-") }
