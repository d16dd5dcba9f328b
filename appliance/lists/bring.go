package lists

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"

	sheets "hotline/appliance/table"
)

// wordsHead is a column of words: "es", "text_es", "label::Español (es)".
var wordsHead = regexp.MustCompile(`^(?:(?:text|name|words|label)[_ ]?)?([a-z]{2,3}(?:-[a-z0-9]+)?)$|^label::.*\(([a-z]{2,3}(?:-[a-z0-9]+)?)\)$`)

// BringChoices takes choices of a list from a table with the columns code, group
// and one for the words of each language. Codes that are there already get other
// words; nothing is switched off or on. Nothing is taken when one line is wrong,
// and with dry nothing is taken at all.
func (k *Keeper) BringChoices(ctx context.Context, list string, sheet sheets.Sheet, dry bool, by Actor) (out Brought, err error) {
	code, group, tags := -1, -1, map[int]string{}
	for i, head := range sheet.Header {
		switch head = strings.ToLower(strings.TrimSpace(head)); {
		case head == "code":
			code = i
		case head == "group" || head == "cluster":
			group = i
		default:
			if m := wordsHead.FindStringSubmatch(head); m != nil {
				if tag, err := language.Parse(cmp.Or(m[1], m[2])); err == nil {
					tags[i] = tag.String()
				}
			}
		}
	}
	if code < 0 || len(tags) == 0 {
		out.note(1, LineColumns, strings.Join(sheet.Header, ", "))
		return out, nil
	}
	lines := map[string]int{}
	take := func(now *Set, c *changes) error {
		l, there := now.lists[list]
		if !there {
			return WrongName
		}
		was, made := cloneItems(c.Items), map[string]bool{}
		for _, row := range sheet.Rows {
			words := Words{}
			for i, tag := range tags {
				if text := tidy(row.Cells[i]); text != "" {
					words[tag] = text
				}
			}
			key, err := codeOf(list, row.Cells[code], words)
			tidied, wrong := tidyWords(words)
			switch {
			case row.Cells[code] == "":
				out.note(row.Line, LineNoCode, words.In(english))
				continue
			case err != nil, slices.Contains(l.Reserved, key):
				out.note(row.Line, LineBadCode, row.Cells[code])
				continue
			case wrong != nil:
				out.note(row.Line, LineText, key)
				continue
			case len(words) == 0:
				out.note(row.Line, LineNoName, key)
				continue
			case lines[key] != 0:
				out.note(row.Line, LineTwice, key)
				continue
			}
			lines[key] = row.Line
			one, i := c.Items[key], l.index(key)
			switch {
			case one.Undone && one.Off: // brought, taken back, and brought again
				out.Added++
				one.Words, one.Off, one.Undone = tidied, false, false
				made[key] = true
			case i < 0:
				made[key] = true
				out.Added++
				c.Added++
				one = item{Nr: c.Added, Words: tidied}
				if group >= 0 {
					one.Group = tidy(row.Cells[group])
				}
			case slices.ContainsFunc(slices.Collect(maps.Keys(tidied)), func(tag string) bool { return l.Choices[i].Words[tag] != tidied[tag] }):
				made[key] = true
				out.Changed++
				one.Words = one.Words.over(tidied)
			default:
				out.Same++
				continue
			}
			c.Items[key] = one
		}
		if len(l.Choices)+out.Added > maxChoices {
			return WrongMany
		}
		if len(out.Findings) > 0 || dry || out.Added+out.Changed == 0 {
			return errNothing
		}
		c.brought(was, made)
		return nil
	}
	if err = k.change(ctx, list, "brought", "", by, take); err == errNothing {
		err = nil
	}
	return out, err
}

// errNothing ends a change that is not to be made.
const errNothing = Mistake("nothing")
