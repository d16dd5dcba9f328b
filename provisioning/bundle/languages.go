package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"hotline/ivr/prompts"
)

// Languages that a hotline has learned are files in languages/, as they are in a
// language pack: every sentence, how numbers are spoken, and the voice.

const languageFolder = "languages/"

// takeLanguages adds the languages of the bundle, before anything is said in them.
func (r *run) takeLanguages() error {
	for _, file := range r.bundle.Files() {
		name, ok := strings.CutPrefix(file, languageFolder)
		if !ok {
			continue
		}
		studio, err := r.speech()
		if err != nil {
			return err
		}
		text := string(r.bundle.files[file])
		c, err := prompts.ParseCatalogue([]byte(text))
		if err != nil {
			r.fault(file, item{}, err)
			continue
		}
		if c.Language != strings.TrimSuffix(name, ".yaml") {
			r.problem(file, 0, 0, "this is the language "+c.Language+": name the file after it")
			continue
		}
		added, err := studio.Added()
		if err != nil {
			return err
		}
		if added[c.Language] == text {
			r.same++
			continue
		}
		// A pack without recordings: those are among the prompts of the bundle.
		var pack bytes.Buffer
		z := zip.NewWriter(&pack)
		w, err := z.Create(prompts.PackFile)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err := errors.Join(err, z.Close()); err != nil {
			return err
		}
		if _, err := studio.Import(r.ctx, bytes.NewReader(pack.Bytes()), int64(pack.Len()), r.to.Decode, prompts.Who{ID: r.to.By, Name: r.to.By, Via: r.to.Via}); err != nil {
			r.problem(file, 0, 0, sentence(err))
			continue
		}
		r.changes = append(r.changes, Change{Kind: Language, File: "languages", Name: c.Language})
	}
	return nil
}

func (r *run) writeLanguages(b *Bundle) error {
	studio, err := r.speech()
	if err != nil {
		return err
	}
	added, err := studio.Added()
	for _, language := range slices.Sorted(maps.Keys(added)) {
		b.files[languageFolder+language+".yaml"] = []byte(added[language])
	}
	return err
}
