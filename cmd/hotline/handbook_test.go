package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"hotline/ui/handbook"
)

// Every command that the handbook quotes is one of this program, with its
// flags.
func TestQuotedCommandsExist(t *testing.T) {
	quoted := regexp.MustCompile("(?m)`(hotline [^`]+)`|^(hotline .+)$|`(--[a-z-]+)`")
	n := 0
	for _, language := range handbook.Languages() {
		for _, page := range handbook.Pages() {
			text, err := handbook.Text(language, page)
			if err != nil {
				t.Fatal(err)
			}
			var last []string // a flag alone belongs to the command before it
			for _, m := range quoted.FindAllStringSubmatch(text, -1) {
				n++
				args := strings.Fields(strings.TrimPrefix(m[1]+m[2], "hotline"))
				if m[3] != "" {
					args = append(last[:len(last):len(last)], m[3])
				} else {
					last = args
				}
				if at := strings.Index(strings.Join(args, " "), ">"); at >= 0 { // into a file
					args = strings.Fields(strings.Join(args, " ")[:at])
				}
				if wrong := misread(t, args); wrong != "" {
					t.Errorf("%s/%s: hotline %s: %s", language, page, strings.Join(args, " "), wrong)
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d commands were looked at", n)
	}
	if misread(t, []string{"serve", "--nothing"}) == "" || misread(t, []string{"nothing"}) == "" {
		t.Error("anything is taken for a command")
	}
}

// misread is what is wrong with a command line, apart from what is left out.
func misread(t *testing.T, args []string) string {
	t.Helper()
	var c commands
	parser, err := kong.New(&c, kong.Name("hotline"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil && !regexp.MustCompile(`^(missing flags|expected (one of |"<)|--[a-z-]+: (missing value|expected .* value))`).MatchString(err.Error()) {
		return err.Error()
	}
	return ""
}

// The handbook can be written without a hotline.
func TestTheHandbookIsWritten(t *testing.T) {
	if status, out, errs := hotlineCommand(t.Context(), "handbook", "--language", "es"); status != 0 || !strings.Contains(out, "</html>") || !strings.Contains(out, "Guía rápida") {
		t.Errorf("status %d, %d bytes, %s", status, len(out), errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "handbook", "--language", "fr"); status == 0 {
		t.Errorf("a language that it is not written in: %s", errs)
	}
}
