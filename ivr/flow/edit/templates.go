package edit

import "embed"

//go:embed templates/*.yaml
var written embed.FS

// Templates are the beginnings of new flows, by name.
var Templates = []string{"people", "language", "needs", "closed", "information"}

// Template is the text of one of them; "" when there is none of that name.
func Template(name string) string {
	text, err := written.ReadFile("templates/" + name + ".yaml")
	if err != nil {
		return ""
	}
	return string(text)
}
