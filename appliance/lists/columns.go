package lists

import (
	sheets "hotline/appliance/table"
)

// Table is the export of all lists: what the codes in the other tables mean, in
// every language, choices that are offered no more among them.
func Table(k *Keeper) sheets.Table {
	column := func(name, description string, kind sheets.Kind) sheets.Column {
		return sheets.Column{Name: name, Kind: kind, Description: description, Level: sheets.Aggregate}
	}
	columns := []sheets.Column{column("list", "Name of the list, or of the question that chooses from it", sheets.ID), column("code", "As it stands in the other tables; never used for anything else", sheets.ID),
		column("group", "Of a need: the cluster", sheets.ID), column("offered", "1: can be chosen", sheets.Bool), column("added", "1: by this hotline; 0: it comes with the program", sheets.Bool)}
	for _, tag := range Tags() {
		columns = append(columns, column("text_"+tag, "Words in this language (BCP 47)", sheets.Text))
	}
	now := k.Now()
	return sheets.Table{Name: "code_lists", Columns: columns, Rows: func(yield func([]any, error) bool) {
		all := []List{}
		for _, name := range Names() {
			all = append(all, now.List(name))
		}
		for _, q := range now.Questions {
			if q.Kind == One || q.Kind == Several {
				if l := now.ListOf(q); l.Name == q.Name {
					all = append(all, l)
				}
			}
		}
		for _, l := range all {
			for _, c := range l.Choices {
				row := []any{l.Name, c.Code, c.Group, !c.Off, c.Added}
				for _, tag := range Tags() {
					row = append(row, c.Words.In(tag))
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}}
}
