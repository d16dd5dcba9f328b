package intake

import (
	"errors"

	"hotline/appliance/store"
	"hotline/triage/cards"
)

// Directory is the target of who offers what. Its fields are the questions of
// the cards; the names of HSDS 3 (services, organisations, phones in one table)
// are among the headings.
func Directory(c *cards.Cards) Target {
	heads := map[string][]string{
		"organization_name":       {"organization", "organisation", "organisation name", "agency", "organización", "organização", "organisasi", "المنظمة"},
		"service_name":            {"service", "name", "program", "servicio", "serviço", "layanan", "الخدمة"},
		"service_description":     {"description", "descripción", "descrição", "deskripsi", "الوصف"},
		"service_status":          {"status"},
		"phone_number":            {"phone", "number", "telephone", "tel", "teléfono", "téléphone", "telefone", "telepon", "هاتف"},
		"email":                   {"mail", "e-mail", "correo", "courriel"},
		"url":                     {"website", "web", "web address", "sitio web"},
		"address_1":               {"address", "street", "dirección", "adresse", "endereço", "alamat", "العنوان"},
		"city":                    {"town", "ciudad", "ville", "cidade", "kota", "المدينة"},
		"state_province":          {"state", "province", "region"},
		"postal_code":             {"postcode", "zip", "zip code", "código postal", "code postal", "cep", "kode pos"},
		"country":                 {"país", "pays", "negara"},
		"schedule":                {"hours", "opening hours", "horario", "horaires", "horário"},
		"eligibility_description": {"eligibility"},
		"fees_description":        {"fees", "fee", "cost"},
		"required_document":       {"documents", "required documents"},
		"languages":               {"language", "idiomas", "langues"},
	}
	kind, _ := c.Kind(cards.Directory)
	t := Target{Name: cards.Directory, Table: cards.Table,
		Read: func() (func(*store.Tx, Row) (Line, error), error) { return readDirectory(c) }, Add: addService,
		Changed: cards.ChangedSinceImport, Remove: func(tx *store.Tx, id string) (bool, error) { return false, cards.Unimport(tx, id) }}
	for _, q := range kind.Fields {
		f := Field{Name: q.Name, Kind: Text, Must: q.Must, Heads: heads[q.Name], Choices: q.Choices}
		switch q.Kind {
		case cards.Phone:
			f.Kind, f.Loose = Phone, true // short numbers, and two in one cell
		case cards.One:
			f.Kind = One
		case cards.Several:
			f.Kind = Several
		case cards.Day:
			f.Kind = Day
		case cards.Tick:
			f.Kind = Tick
		}
		t.Fields = append(t.Fields, f)
	}
	t.Fields = append(t.Fields, Field{Name: "service_id", Kind: Text})
	return t
}

// readAtOnce is how many services of the directory are read in one transaction.
const readAtOnce = 500

func readDirectory(c *cards.Cards) (func(*store.Tx, Row) (Line, error), error) {
	type there struct{ id, code string }
	same, numbers := map[string]there{}, map[string]there{}
	for after := ""; ; {
		list, next, err := c.After(after, readAtOnce)
		if err != nil {
			return nil, err
		}
		for _, card := range list {
			if card.Kind != cards.Directory {
				continue
			}
			one := there{card.ID, card.Code}
			same[card.Same()] = one
			if number := card.Value("phone_number"); number != "" {
				numbers[number] = one
			}
		}
		if after = next; after == "" {
			break
		}
	}
	lines := map[string]int{}
	return func(tx *store.Tx, row Row) (Line, error) {
		fields := map[string]any{}
		for name, v := range row.Values {
			if name != "service_id" {
				fields[name] = v
			}
		}
		name := row.Text("service_name")
		if id := row.Text("service_id"); id != "" {
			card, err := cards.ByID(tx, id)
			if err == nil && card.Kind == cards.Directory {
				return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same", ID: card.ID, Code: card.Code}}}, nil
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return Line{}, err
			}
		}
		if len(row.Wrong) > 0 {
			return refused(name, row.Wrong...), nil
		}
		card, err := c.Read(cards.Directory, fields)
		var mistake cards.FieldError
		if errors.As(err, &mistake) {
			return refused(name, Note{Key: "field", Field: mistake.Field, Value: short(row.Text(mistake.Field))}), nil
		}
		if err != nil {
			return Line{}, err
		}
		key := card.Same()
		if one, is := same[key]; is {
			return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same", ID: one.id, Code: one.code}}}, nil
		}
		if line := lines[key]; line > 0 {
			return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same_line", Line: line}}}, nil
		}
		lines[key] = row.Line
		l := Line{What: NewLine, Name: name, Value: card}
		if one, is := numbers[card.Value("phone_number")]; is {
			l.Notes = append(l.Notes, Note{Key: "shares", ID: one.id, Code: one.code})
		}
		return l, nil
	}, nil
}

func addService(tx *store.Tx, i Import, l Line) (string, error) {
	card, err := cards.Import(tx, l.Value.(cards.Card), i.By, i.why())
	return card.ID, err
}
