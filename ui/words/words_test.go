package words

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) *Catalogues {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Plural forms that English lacks and other languages have.
var moreForms = regexp.MustCompile(`\.(zero|two|few|many)$`)

// fillIns are the {placeholders} of a text. Where the plural form names the
// number itself ("one call"), the figure may be left out.
func fillIns(text, key string) []string {
	found := regexp.MustCompile(`\{\w+\}`).FindAllString(text, -1)
	if strings.HasSuffix(key, ".one") || moreForms.MatchString(key) {
		found = slices.DeleteFunc(found, func(name string) bool { return name == "{n}" })
	}
	slices.Sort(found)
	return found
}

func TestEveryLanguageHasEveryText(t *testing.T) {
	c := load(t)
	if len(c.Tags()) < 2 {
		t.Fatalf("only %v", c.Tags())
	}
	english := c.Keys(English)
	for _, tag := range c.Tags() {
		texts := c.Keys(tag)
		for key, want := range english {
			got, ok := texts[key]
			if !ok {
				t.Errorf("%s: %q is missing", tag, key)
				continue
			}
			if strings.TrimSpace(got) == "" {
				t.Errorf("%s: %q is empty", tag, key)
			}
			a, b := fillIns(want, key), fillIns(got, key)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %q fills in %v, English fills in %v", tag, key, b, a)
			}
		}
		for key, got := range texts {
			if _, ok := english[key]; ok {
				continue
			}
			want, ok := english[moreForms.ReplaceAllString(key, ".other")]
			if !ok {
				t.Errorf("%s: %q does not exist in English", tag, key)
				continue
			}
			a, b := fillIns(want, key), fillIns(got, key)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %q fills in %v, English fills in %v", tag, key, b, a)
			}
		}
	}
}

// Words that the people who use the pages do not know, or that blame them.
func TestNoForbiddenWords(t *testing.T) {
	c := load(t)
	forbidden := map[string][]string{
		"ar": {"وكيل", "الوكيل", "طابور", "الطابور", "التصرف", "غير صالح", "باطل", "websocket", "ويب سوكيت", "!"},
		"en": {"agent", "queue", "disposition", "rona", "acw", "not-ready", "invalid", "websocket", "ice", "error", "decline", "reject", "you missed", "!"},
		"es": {"agente", "cola", "disposición", "inválido", "websocket", "rechazar", "!"},
		"fr": {"agent", "file", "qualification", "invalide", "websocket", "erreur", "décliner", "rejeter", "!"},
		"pt": {"agente", "fila", "disposição", "inválido", "inválida", "websocket", "erro", "rejeitar", "recusar", "token", "prompt", "backup", "ticket", "!"},
		"id": {"agen", "antrean", "antrian", "disposisi", "invalid", "websocket", "eror", "error", "tolak", "ditolak", "!"},
	}
	// What is wrong with a dialogue or a bundle is said with the settings of its text: "error: <step>", «agent».
	settings := regexp.MustCompile(`\w+:|<[^<>]+>|«\w+»`)
	for tag, list := range forbidden {
		words := regexp.MustCompile(`[\p{L}!-]+`)
		texts := c.Keys(tag)
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			text := strings.ToLower(texts[key])
			if strings.HasPrefix(key, "said.flow.") || strings.HasPrefix(key, "said.bundle.") || strings.HasPrefix(key, piecePrefix) {
				if text = settings.ReplaceAllString(text, ""); tag == English {
					continue // word for word what ivr/flow and provisioning/bundle say to authors of texts
				}
			}
			for _, bad := range list {
				single := slices.Contains(words.FindAllString(text, -1), bad)
				if single || strings.ContainsAny(bad, " !") && strings.Contains(text, bad) {
					t.Errorf("%s: %q says %q: %s", tag, key, bad, texts[key])
				}
			}
		}
	}
}

func TestChoosesTheLanguage(t *testing.T) {
	c := load(t)
	for _, tc := range []struct {
		accept string
		wish   string
		want   string
	}{
		{"es-MX,es;q=0.9,en;q=0.5", "", "es"},
		{"ar-SY,ar;q=0.9,en;q=0.5", "", "ar"},
		{"fr-CA,fr;q=0.9,en;q=0.5", "", "fr"},
		{"pt-BR,pt;q=0.9,en;q=0.5", "", "pt"},
		{"pt-MZ", "", "pt"},
		{"id-ID,id;q=0.9,en;q=0.5", "", "id"},
		{"sw", "", "en"},
		{"", "", "en"},
		{"es", "en", "en"},
		{"en", "xx", "en"},
		{"not a header;;", "", "en"},
	} {
		if got := c.Choose(tc.accept, tc.wish).Lang(); got != tc.want {
			t.Errorf("Choose(%q, %q) = %s, want %s", tc.accept, tc.wish, got, tc.want)
		}
	}
}

func TestPluralsAndGaps(t *testing.T) {
	c, err := New(map[string]map[string]string{
		"en": {"n.one": "{n} call", "n.other": "{n} calls", "only": "English"},
		"ar": {"dir": "rtl", "n.two": "مكالمتان", "n.few": "{n} مكالمات", "n.other": "{n} مكالمة"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ar, en := c.Choose("", "ar"), c.Choose("", "en")
	for _, tc := range []struct{ got, want string }{
		{en.N("n", 1), "1 call"}, {en.N("n", 0), "0 calls"}, {ar.N("n", 2), "مكالمتان"}, {ar.N("n", 3), "3 مكالمات"}, {ar.N("n", 11), "11 مكالمة"},
		{ar.Script("n.")["n.few"], "{n} مكالمات"}, {en.Script("n.")["n.few"], ""},
		{ar.T("only"), "English"}, {ar.T("nowhere"), "nowhere"}, {ar.Dir(), "rtl"}, {en.Dir(), "ltr"}, {en.Or("nowhere", "plain"), "plain"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestSentencesOfTheProgramAreTranslated(t *testing.T) {
	c := load(t)
	es, en := c.Choose("", "es"), c.Choose("", "en")
	for english, want := range map[string]string{
		"The number is busy.":                                    "El número está ocupado.",
		"The number is busy. The caller is still with you.":      "El número está ocupado. Quien llama sigue con usted.",
		"Dr. Rosa did not answer. The caller is still with you.": "Dr. Rosa no contestó. Quien llama sigue con usted.",
		"Beatriz did not answer. The caller is still with you.":  "Beatriz no contestó. Quien llama sigue con usted.",
		"Calls to +1••••••0199 are not allowed for this role; an administrator can allow the number or its country in the settings": "Su cuenta no puede llamar a +1••••••0199. Un administrador puede permitir el número o su país en los ajustes.",
		"This call is over.":             "Esta llamada ya terminó.",
		"A new reason. Nobody knows it.": "A new reason. Nobody knows it.",
		"":                               "",
	} {
		if got := es.Said(english); got != want {
			t.Errorf("%q became %q, want %q", english, got, want)
		}
		if got := en.Said(english); strings.TrimSuffix(got, ".") != strings.TrimSuffix(english, ".") {
			t.Errorf("English: %q became %q", english, got)
		}
	}
}

// Each sentence finds its own translation, whatever stands in its places, and no
// other sentence takes it.
func TestNoSentenceIsTakenForAnother(t *testing.T) {
	c := load(t)
	es, tried := c.Choose("", "es"), 0
	bare := func(text string) string { return small(strings.TrimSuffix(text, ".")) }
	written := map[string]int{} // some are said in two places
	for key, text := range c.Keys(English) {
		if strings.HasPrefix(key, saidPrefix) {
			written[bare(text)]++
		}
	}
	for key, text := range c.Keys(English) {
		if written[bare(text)] != 1 || !strings.HasPrefix(key, saidPrefix) {
			continue
		}
		tried++
		for _, value := range []string{"{step} is a menu: 12", ""} {
			var pairs []string
			sentence, places := text, regexp.MustCompile(`\{([a-z_]+)\}`).FindAllStringSubmatch(text, -1)
			if value == "" && (len(places) != 1 || !strings.Contains(text, `"{`)) {
				continue
			}
			for _, place := range places {
				pairs = append(pairs, place[1], value)
			}
			sentence = es.fill(text, pairs)
			for _, language := range []Text{es} {
				got, ok := language.fitting(sentence, strings.HasPrefix(key, piecePrefix))
				if want := language.fill(language.T(key), pairs); !ok || got != want {
					t.Errorf("%s: %q became %q, and should be %q", key, sentence, got, want)
				}
			}
			if len(places) == 0 {
				break
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d sentences were tried", tried)
	}
}

func TestSentencesWithSeveralPlaces(t *testing.T) {
	c := load(t)
	es, ar, fr := c.Choose("", "es"), c.Choose("", "ar"), c.Choose("", "fr")
	for _, tc := range []struct{ got, want string }{
		{es.Said(`step "hello" leads to "nowhere", which does not exist`), "el paso «hello» lleva a «nowhere», que no existe"},
		{es.Said(`step "a" is a loop and does not say what comes when it is "done": add done: <step>`), "el paso «a» es de tipo loop y no dice qué viene cuando sale «done»: añada done: <paso>"},
		{es.Said(`step "a" is a when and does not say what it tests`), "el paso «a» es de tipo when y no dice qué comprueba"},
		{es.Said(`step "a" does not say what comes after it: add next: <step>`), "el paso «a» no dice qué viene después: añada next: <paso>"},
		{es.Said("step hello must be a mapping (key: value)"), "paso hello: aquí hacen falta nombres con su valor (nombre: valor)"},
		{es.Said(`this cannot be computed: the operator "??" cannot be used`), "esto no se puede calcular: el signo «??» no se puede usar"},
		{es.Said("this cannot be computed: something of a library"), "esto no se puede calcular: something of a library"},
		{es.Said(`step "" must be 1 to 64 letters, digits, dots, dashes or underscores`), "paso «»: tiene que tener de 1 a 64 letras de la a a la z, cifras, puntos, guiones o guiones bajos"},
		{es.Said("pick and each need of: {value: prompt}, and nothing else has it"), "pick y each necesitan of: {valor: mensaje}, y nada más lo lleva"},
		{es.Said("step hello"), "step hello"}, // a piece is no sentence
		{fr.Said(`menu "a" has no keys`), "le menu «\u00a0a\u00a0» n’a pas de touches"},
		{ar.Said(`menu "a" has no keys`), "القائمة «\u2068a\u2069» ليس فيها أزرار"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
