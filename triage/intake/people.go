package intake

import (
	"errors"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/lists"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/volunteers"
)

// People is the target of registered volunteers. Languages that are not in the
// list are read by their tags.
func People(l *lists.Keeper) Target {
	codes := func(name string) func() []string {
		return func() (all []string) {
			for _, c := range l.Now().List(name).Choices {
				all = append(all, c.Code)
			}
			return all
		}
	}
	fields := map[string]Field{
		"phone":        {Kind: Phone, Heads: []string{"mobile phone", "mobile", "cell", "cellphone", "phone number", "tel", "number", "whatsapp", "teléfono", "celular", "móvil", "número", "téléphone", "portable", "telefone", "telemóvel", "telepon", "nomor telepon", "no hp", "هاتف", "الهاتف", "جوال"}},
		"phone_2":      {Kind: Phone, Heads: []string{"home phone", "second phone", "other phone"}},
		"given_name":   {Kind: Text, Heads: []string{"first name", "name", "full name", "nombre", "nombres", "nombre completo", "prénom", "nom complet", "nome", "nome completo", "primeiro nome", "nama", "nama lengkap", "nama depan", "الاسم", "الاسم الكامل", "الاسم الأول"}},
		"family_name":  {Kind: Text, Heads: []string{"last name", "surname", "apellido", "apellidos", "nom", "nom de famille", "sobrenome", "apelido", "nama belakang", "nama keluarga", "اسم العائلة", "اللقب"}},
		"email":        {Kind: Text, Heads: []string{"e-mail", "mail", "email address", "correo", "correo electrónico", "courriel", "البريد الإلكتروني"}},
		"age":          {Kind: Text, Heads: []string{"adult", "edad", "âge", "idade", "umur", "usia", "العمر"}},
		"languages":    {Kind: Several, Any: true, Offer: codes(lists.Languages), Heads: []string{"language", "idioma", "idiomas", "langue", "langues", "bahasa", "اللغة", "اللغات"}},
		"place":        {Kind: Text, Heads: []string{"town", "city", "address", "home address", "lugar", "ciudad", "población", "lieu", "ville", "cidade", "tempat", "kota", "المكان", "المدينة"}},
		"legal_basis":  {Kind: One, Choices: sharing.Bases()},
		"share_scope":  {Kind: One, Choices: sharing.Scopes()},
		"area":         {Kind: Text, Heads: []string{"postcode", "postal code", "zip", "zip code", "home postcode", "código postal", "code postal", "cep", "kode pos", "الرمز البريدي"}},
		"willing":      {Kind: One, Choices: names(volunteers.Willings())},
		"availability": {Kind: One, Choices: names(volunteers.Availabilities()), Heads: []string{"available", "disponibilidad", "disponibilité", "disponibilidade"}},

		"available_from":     {Kind: Day, Heads: []string{"start date"}},
		"hours_day":          {Kind: Count},
		"skills":             {Kind: Several, Offer: codes(lists.Skills), Heads: []string{"skill", "job title", "habilidades", "compétences", "habilidades", "keahlian", "keterampilan", "المهارات"}},
		"skill_note":         {Kind: Text},
		"transport":          {Kind: One, Choices: names(volunteers.Transports())},
		"equipment":          {Kind: Text},
		"affiliation":        {Kind: Text, Heads: []string{"organisation", "organization", "employer", "organización", "organização", "organisasi", "المنظمة"}},
		"emergency_name":     {Kind: Text, Heads: []string{"emergency contact name", "emergency contact"}},
		"emergency_relation": {Kind: Text, Heads: []string{"emergency contact relation", "emergency contact relationship"}},
		"emergency_phone":    {Kind: Phone, Heads: []string{"emergency contact phone"}},
		"limits":             {Kind: Text},
		"guardian_name":      {Kind: Text, Heads: []string{"minor_guardian"}},
		"guardian_phone":     {Kind: Phone, Heads: []string{"minor_guardian_phone"}},
		"guardian_consent":   {Kind: Tick, Heads: []string{"minor_guardian_consent"}},
		"check":              {Kind: One, Choices: volunteers.Checks(), Heads: []string{"check_status"}},
		"check_until":        {Kind: Day},
		"check_at":           {Kind: Day, Heads: []string{"check_date"}},
		"certificate":        {Kind: Text, Heads: []string{"licence", "license"}},
		"certificate_issuer": {Kind: Text, Heads: []string{"issuer"}},
		"certificate_until":  {Kind: Day, Heads: []string{"certificate_expiry", "expiry"}},

		"certificate_verified": {Kind: Tick, Heads: []string{"verified"}},
		"trained":              {Kind: Several, Choices: volunteers.Trainings(), Heads: []string{"trained_on"}},
		"notes":                {Kind: Text, Heads: []string{"note", "comment", "comments", "nota", "notas", "remarque", "catatan", "ملاحظات"}},
	}
	t := Target{Name: "volunteers", Table: volunteers.TableRegistrants, People: true, Read: readPeople(l), Add: addPerson(l),
		Changed: volunteers.ChangedSinceImport, Remove: func(tx *store.Tx, id string) (bool, error) { return false, volunteers.Unimport(tx, id) }}
	for _, name := range volunteers.ImportFields() {
		f := fields[name]
		f.Name = name
		t.Fields = append(t.Fields, f)
	}
	t.Fields = append(t.Fields,
		Field{Name: "volunteer_id", Kind: Text},
		Field{Name: "code", Kind: Text},
		Field{Name: "consent_data", Kind: Tick},
		Field{Name: "registered_at", Kind: Moment})
	return t
}

func names[T ~string](list []T) []string {
	var out []string
	for _, one := range list {
		out = append(out, string(one))
	}
	return out
}

// person is what is added of a line.
type person struct {
	volunteers.Registrant
	registered time.Time
}

func readPeople(l *lists.Keeper) func() (func(*store.Tx, Row) (Line, error), error) {
	return func() (func(*store.Tx, Row) (Line, error), error) {
		ids, people, numbers := map[string]int{}, map[string]int{}, map[call.Number]int{}
		return func(tx *store.Tx, row Row) (Line, error) {
			r, wrong := registrant(l, row)
			name := strings.TrimSpace(r.GivenName + " " + r.FamilyName)
			if name == "" {
				name = string(r.Phone)
			}
			same, others, err := volunteers.Alike(tx, r)
			switch {
			case errors.Is(err, volunteers.ErrErased):
				return refused(name, Note{Key: "erased"}), nil
			case err != nil:
				return Line{}, err
			case same.ID != "":
				return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same", ID: same.ID, Code: same.Code}}}, nil
			}
			who := string(r.Phone) + "\x00" + r.Called()
			if line := ids[r.ID]; r.ID != "" && line > 0 {
				return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same_line", Line: line}}}, nil
			}
			if line := people[who]; !r.Phone.Withheld() && line > 0 {
				return Line{What: SameLine, Name: name, Notes: []Note{{Key: "same_line", Line: line}}}, nil
			}
			if len(wrong) > 0 {
				return refused(name, wrong...), nil
			}
			out := Line{What: NewLine, Name: name}
			for _, other := range others {
				out.Notes = append(out.Notes, Note{Key: "shares", ID: other.ID, Code: other.Code})
			}
			if line := numbers[r.Phone]; !r.Phone.Withheld() && line > 0 {
				out.Notes = append(out.Notes, Note{Key: "shares_line", Line: line})
			}
			ids[r.ID], people[who] = row.Line, row.Line
			if numbers[r.Phone] == 0 {
				numbers[r.Phone] = row.Line
			}
			registered, _ := row.Values["registered_at"].(time.Time)
			out.Value = person{r, registered}
			return out, nil
		}, nil
	}
}

// registrant is the person of a row, and what is wrong with it.
func registrant(lists *lists.Keeper, row Row) (volunteers.Registrant, []Note) {
	wrong := row.Wrong
	fields := map[string]any{}
	for name, v := range row.Values {
		switch name {
		case "volunteer_id", "code", "consent_data", "registered_at":
		case "age":
			band, note := age(v.(string))
			if note.Key != "" {
				wrong = append(wrong, note)
				continue
			}
			fields[name] = band
		default:
			fields[name] = v
		}
	}
	r, err := volunteers.Registrant{}.With(fields)
	if err == nil {
		err = r.Valid(lists)
	}
	var mistake volunteers.FieldError
	switch {
	case errors.As(err, &mistake) && mistake.Field == "":
		wrong = append(wrong, Note{Key: "long"})
	case errors.As(err, &mistake):
		wrong = append(wrong, Note{Key: "choice", Field: mistake.Field, Value: short(row.Text(mistake.Field))})
	}
	if yes, said := row.Values["consent_data"].(bool); said && !yes {
		wrong = append(wrong, Note{Key: "consent"})
	}
	if r.Called() == "" && r.Phone.Withheld() && r.Email == "" && len(wrong) == 0 {
		wrong = append(wrong, Note{Key: "nobody"})
	}
	r.ID, r.Code = row.Text("volunteer_id"), row.Text("code")
	return r, wrong
}

func addPerson(known *lists.Keeper) func(tx *store.Tx, i Import, l Line) (string, error) {
	return func(tx *store.Tx, i Import, l Line) (string, error) {
		p := l.Value.(person)
		r, err := volunteers.Import(tx, known, p.Registrant, i.By, i.why(), p.registered)
		return r.ID, err
	}
}
