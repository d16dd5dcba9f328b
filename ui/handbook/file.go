package handbook

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
)

//go:embed file.css
var style string

// File is the whole handbook as one HTML file that needs nothing else: no
// hotline, no network. It is read in an e-mail, on a memory stick, or on paper.
// The pictures are PNG files by the names that the texts call them.
func File(language, title string, pictures fs.FS) ([]byte, error) {
	var trouble error
	to := Links{
		Page: func(page, section string) string {
			if section != "" {
				return "#" + section
			}
			return "#page-" + page
		},
		Site: func(string) string { return "" },
		Picture: func(name string) string {
			raw, err := fs.ReadFile(pictures, name+".png")
			if err != nil {
				trouble = fmt.Errorf("a picture of the handbook: %w", err)
				return ""
			}
			return "data:image/png;base64," + base64.StdEncoding.EncodeToString(raw)
		},
	}
	var out, contents, body bytes.Buffer
	for _, id := range Pages() {
		page, err := Draw(language, id, to)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&contents, "<li><a href=\"#page-%s\">%s</a><ul>", id, html.EscapeString(page.Title))
		for _, section := range page.Sections {
			fmt.Fprintf(&contents, "<li><a href=\"#%s\">%s</a></li>", section.ID, html.EscapeString(section.Title))
		}
		contents.WriteString("</ul></li>\n")
		fmt.Fprintf(&body, "<section id=\"page-%s\">\n%s</section>\n", id, page.HTML)
	}
	title = html.EscapeString(title)
	fmt.Fprintf(&out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>%s</h1>\n<nav><ol>\n%s</ol></nav>\n%s</body>\n</html>\n",
		language, title, style, title, contents.String(), body.String())
	return out.Bytes(), trouble
}
