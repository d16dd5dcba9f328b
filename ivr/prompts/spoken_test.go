package prompts_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

// said is the words of prompts, one after another.
func said(t *testing.T, c prompts.Catalogue, ids []string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = c.Prompts[id]
	}
	return strings.Join(words, " ")
}

func TestNothingThatCanBeCountedIsMissing(t *testing.T) {
	for _, c := range catalogues(t) {
		for _, problem := range c.CheckSpoken() {
			t.Error(problem)
		}
	}
}

func TestNumbersFollowTheLanguage(t *testing.T) {
	all := catalogues(t)
	for language, examples := range map[string]map[int]string{
		"en": {0: "zero", 7: "seven", 20: "twenty", 21: "twenty one", 100: "one hundred", 101: "one hundred one", 342: "three hundred forty two", 999: "nine hundred ninety nine"},
		"es": {0: "cero", 1: "uno", 21: "veintiuno", 30: "treinta", 37: "treinta y siete", 100: "cien", 101: "ciento uno", 131: "ciento treinta y uno", 500: "quinientos", 999: "novecientos noventa y nueve"},
		"fr": {17: "dix-sept", 21: "vingt et un", 22: "vingt deux", 60: "soixante", 61: "soixante et un", 70: "soixante dix", 71: "soixante et onze", 79: "soixante dix-neuf", 80: "quatre-vingts",
			81: "quatre-vingt un", 91: "quatre-vingt onze", 99: "quatre-vingt dix-neuf", 100: "cent", 101: "cent un", 200: "deux cents", 280: "deux cent quatre-vingts", 999: "neuf cent quatre-vingt dix-neuf"},
		"pt": {14: "quatorze", 21: "vinte e um", 100: "cem", 101: "cento e um", 200: "duzentos", 342: "trezentos e quarenta e dois"},
		"id": {0: "nol", 10: "sepuluh", 11: "sebelas", 12: "dua belas", 20: "dua puluh", 21: "dua puluh satu", 100: "seratus", 101: "seratus satu", 342: "tiga ratus empat puluh dua"},
		"ar": {0: "صِفْر", 3: "ثَلَاثَة", 11: "أَحَدَ عَشَر", 20: "عِشْرِين", 21: "وَاحِد وَعِشْرِين", 45: "خَمْسَة وَأَرْبَعِين", 100: "مِئَة", 105: "مِئَة وَ خَمْسَة", 200: "مِئَتَيْن", 342: "ثَلَاثُمِئَة وَ اِثْنَيْن وَأَرْبَعِين"},
	} {
		for n, want := range examples {
			ids, err := all[language].Number(prompts.Cardinal, n)
			if got := said(t, all[language], ids, err); got != want {
				t.Errorf("%s %d: %q, want %q", language, n, got, want)
			}
		}
	}
}

func TestWaitsFollowTheLanguage(t *testing.T) {
	all := catalogues(t)
	type wait struct {
		name string
		n, m int
	}
	for language, examples := range map[string]map[wait]string{
		"en": {{"about", 1, 0}: "about one minute", {"about", 10, 0}: "about ten minutes", {"between", 5, 10}: "between five and ten minutes", {"more", 30, 0}: "more than thirty minutes", {"hours", 1, 0}: "one hour", {"hours", 12, 0}: "twelve hours"},
		"es": {{"about", 1, 0}: "aproximadamente un minuto", {"between", 5, 10}: "entre cinco y diez minutos", {"between", 1, 5}: "entre un y cinco minutos", {"about", 21, 0}: "aproximadamente veintiún minutos",
			{"about", 31, 0}: "aproximadamente treinta y un minutos", {"hours", 21, 0}: "veintiuna horas", {"hours", 1, 0}: "una hora"},
		"fr": {{"about", 0, 0}: "environ zéro minute", {"about", 1, 0}: "environ une minute", {"about", 21, 0}: "environ vingt et une minutes", {"about", 71, 0}: "environ soixante et onze minutes", {"between", 5, 10}: "entre cinq et dix minutes"},
		"pt": {{"about", 1, 0}: "cerca de um minuto", {"about", 22, 0}: "cerca de vinte e dois minutos", {"hours", 2, 0}: "duas horas", {"hours", 21, 0}: "vinte e uma horas", {"between", 5, 10}: "entre cinco e dez minutos"},
		"id": {{"about", 1, 0}: "kira-kira satu menit", {"between", 5, 10}: "antara lima dan sepuluh menit"},
		// One, two, few and many are four different things in Arabic.
		"ar": {{"about", 1, 0}: "حَوَالَيْ دَقِيقَةٍ وَاحِدَة", {"about", 2, 0}: "حَوَالَيْ دَقِيقَتَيْن", {"about", 3, 0}: "حَوَالَيْ ثَلَاث دَقَائِق", {"about", 10, 0}: "حَوَالَيْ عَشْر دَقَائِق",
			{"about", 11, 0}: "حَوَالَيْ إِحْدَى عَشْرَة دَقِيقَة", {"about", 25, 0}: "حَوَالَيْ خَمْس وَعِشْرِين دَقِيقَة", {"between", 5, 10}: "بَيْنَ خَمْس دَقَائِق وَ عَشْر دَقَائِق", {"hours", 2, 0}: "سَاعَتَيْن"},
	} {
		for w, want := range examples {
			ids, err := all[language].Phrase(w.name, map[string]int{"n": w.n, "m": w.m})
			if got := said(t, all[language], ids, err); got != want {
				t.Errorf("%s %v: %q, want %q", language, w, got, want)
			}
		}
	}
}

func TestTimesAndDatesFollowTheLanguage(t *testing.T) {
	all := catalogues(t)
	type when struct{ hour, minute int }
	for language, examples := range map[string]map[when]string{
		"en": {{0, 0}: "twelve A.M.", {9, 5}: "nine oh five A.M.", {15, 20}: "three twenty P.M.", {12, 30}: "twelve thirty P.M."},
		"es": {{1, 0}: "la una en punto de la madrugada", {15, 20}: "las tres y veinte de la tarde", {8, 30}: "las ocho y treinta de la mañana", {22, 0}: "las diez en punto de la noche"},
		"fr": {{0, 0}: "zéro heure", {1, 1}: "une heure une", {14, 30}: "quatorze heures trente", {21, 0}: "vingt et une heures"},
		"pt": {{14, 30}: "quatorze horas e trinta minutos", {1, 1}: "uma hora e um minuto"},
		"id": {{14, 30}: "pukul empat belas lewat tiga puluh menit", {8, 0}: "pukul delapan"},
		"ar": {{15, 2}: "السَّاعَةُ الثَّالِثَة وَ دَقِيقَتَيْن مَسَاءً", {8, 0}: "السَّاعَةُ الثَّامِنَة صَبَاحًا"},
	} {
		for w, want := range examples {
			ids, err := all[language].Phrase(prompts.PhraseTime, map[string]int{"hour": w.hour, "hour12": (w.hour+11)%12 + 1, "minute": w.minute})
			if got := said(t, all[language], ids, err); got != want {
				t.Errorf("%s %v: %q, want %q", language, w, got, want)
			}
		}
	}
	for language, want := range map[string][2]string{
		"en": {"Thursday November twenty sixth", "Sunday March first"},
		"es": {"jueves veintiséis de noviembre", "domingo primero de marzo"},
		"fr": {"jeudi vingt six novembre", "dimanche premier mars"},
		"pt": {"quinta-feira vinte e seis de novembro", "domingo primeiro de março"},
		"id": {"Kamis dua puluh enam November", "Minggu satu Maret"},
		"ar": {"الخَمِيس السَّادِس وَالعِشْرِين مِنْ نُوفَمْبِر", "الأَحَد الأَوَّل مِنْ مَارِس"},
	} {
		for i, v := range []map[string]int{{"weekday": 4, "day": 26, "month": 11}, {"weekday": 0, "day": 1, "month": 3}} {
			ids, err := all[language].Phrase(prompts.PhraseDate, v)
			if got := said(t, all[language], ids, err); got != want[i] {
				t.Errorf("%s: %q, want %q", language, got, want[i])
			}
		}
	}
}

// heard is the sound of prompts with pauses between them.
func heard(t *testing.T, l *prompts.Library, language string, gap time.Duration, ids ...string) []byte {
	t.Helper()
	var clips []*audio.Clip
	for i, id := range ids {
		if i > 0 {
			clips = append(clips, audio.Silence(gap))
		}
		c, err := l.Clip(language, id)
		if err != nil {
			t.Fatal(err)
		}
		clips = append(clips, c)
	}
	return audio.Concat(clips...).MuLaw()
}

func TestTheLibrarySpeaksByTheRules(t *testing.T) {
	l := library(t)
	const inNumber, inPhrase = 30 * time.Millisecond, 60 * time.Millisecond
	day := time.Date(2026, time.November, 26, 15, 20, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		speak func() (*audio.Clip, error)
		want  []byte
	}{
		"37":           {func() (*audio.Clip, error) { return l.Number("es", 37) }, heard(t, l, "es", inNumber, "number.30.and", "number.7")},
		"7":            {func() (*audio.Clip, error) { return l.Number("es", 7) }, heard(t, l, "es", 0, "number.7")},
		"too many":     {func() (*audio.Clip, error) { return l.Number("es", 4000) }, heard(t, l, "es", inNumber, "number.more", "number.900")},
		"one wait":     {func() (*audio.Clip, error) { return l.Wait("ar", 2, 0) }, heard(t, l, "ar", inPhrase, "spoken.about", "unit.minute.two")},
		"between":      {func() (*audio.Clip, error) { return l.Wait("fr", 5, 10) }, heard(t, l, "fr", inPhrase, "spoken.between", "number.5", "spoken.and", "number.10", "unit.minutes")},
		"time":         {func() (*audio.Clip, error) { return l.Time("en", day) }, heard(t, l, "en", inPhrase, "number.3", "number.20", "clock.pm")},
		"date":         {func() (*audio.Clip, error) { return l.Date("pt", day) }, heard(t, l, "pt", inPhrase, "date.weekday.4", "number.20.and", "number.6", "date.month.11")},
		"no such rule": {func() (*audio.Clip, error) { return l.Number("en", 0) }, heard(t, l, "en", 0, "number.0")},
	} {
		if clip, err := c.speak(); err != nil || !bytes.Equal(clip.MuLaw(), c.want) {
			t.Errorf("%s does not sound as it should (%v)", name, err)
		}
	}
	for _, bad := range []struct {
		language string
		n        int
	}{{"es", -1}, {"xx", 5}, {"xx", 555}} {
		if _, err := l.Number(bad.language, bad.n); !errors.Is(err, prompts.ErrMissing) {
			t.Errorf("%s %d: %v", bad.language, bad.n, err)
		}
	}
}

func TestTelephoneNumbersAreReadInGroups(t *testing.T) {
	l := library(t)
	pause := func(number string) int {
		c, err := l.Phone("en", number)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(c.MuLaw(), audio.Silence(380*time.Millisecond).MuLaw())
	}
	// 555 010: one pause. 5550147: the last digit stays with the three before.
	for number, want := range map[string]int{"+555 010": 1, "5550147": 1, "55501": 1, "12025550147": 3, "": 0} {
		if got := pause(number); got != want {
			t.Errorf("%s has %d pauses, want %d", number, got, want)
		}
	}
}

// A language file from elsewhere must not bring the hotline down.
func TestBadRulesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"circle":      `{numbers: {cardinal: {0: "=other"}, other: {0: "=cardinal"}}}`,
		"itself":      `{numbers: {cardinal: {0: "=cardinal"}}}`,
		"no base":     `{numbers: {cardinal: {many: "x"}}}`,
		"no divisor":  `{numbers: {cardinal: {10/0: "<"}}}`,
		"no rules":    `{numbers: {other: {0: "x"}}}`,
		"gap":         `{numbers: {cardinal: {100: "x"}}}`,
		"no such set": `{numbers: {cardinal: {0: "=nothing"}}}`,
		"negative":    `{numbers: {cardinal: {-1: "x"}}}`,
	} {
		c, err := prompts.ParseCatalogue([]byte("language: xx\nspoken: " + text + "\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := c.Number(prompts.Cardinal, 20); err == nil {
			t.Errorf("%s: 20 could be spoken", name)
		}
	}
}
