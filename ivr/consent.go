package ivr

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// Consent is what a caller has answered when the dialogue asked for agreement,
// with the wording that was said.
type Consent struct {
	About    string // the attribute that the flow set: "consent", "safe.consent"
	Answer   string // "yes", "no"
	How      string // "key", "voice", "silence"
	Language string
	Script   string // the prompts that were said, and a digest of how they sound
	At       time.Time
}

const maxConsents = 20 // of one dialogue

// asked is the last question of a dialogue, and how it was answered.
type asked struct {
	say []flow.Part
	how string
}

// consented notes that a flow has set an answer to a question for agreement: an
// attribute named consent, or whatever.consent.
func (r *run) consented(set []flow.Assign) {
	for _, a := range set {
		name := a.Attribute
		if a.How != flow.AssignValue || name != "consent" && !strings.HasSuffix(name, ".consent") || a.Value != "yes" && a.Value != "no" || len(r.consents) >= maxConsents {
			continue
		}
		var ids []string
		for _, p := range r.asked.say {
			if p.Kind == flow.PartPrompt {
				ids = append(ids, p.Ref)
			}
		}
		c := Consent{About: name, Answer: a.Value, How: r.asked.how, Language: r.Language(), Script: Script(r.prompts, r.Language(), ids...), At: time.Now().UTC()}
		r.consents = append(r.consents, c)
		r.Set(name+".script", c.Script)
	}
}

// Script names a wording: the prompts, and a digest of their sound in a
// language, so that another recording is another wording.
func Script(p interface {
	Clip(language, id string) (*audio.Clip, error)
}, language string, ids ...string) string {
	sum := sha256.New()
	for _, id := range ids {
		sum.Write([]byte(language + "\x00" + id + "\x00"))
		if clip, err := p.Clip(language, id); err == nil {
			sum.Write(clip.MuLaw())
		}
	}
	const digits = 12
	return strings.Join(ids, "+") + "@" + hex.EncodeToString(sum.Sum(nil))[:digits]
}
