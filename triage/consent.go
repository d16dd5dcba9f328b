package triage

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/store"
)

// Consent is what a caller has agreed to or not, and to which wording: the proof
// that stays with the contact. It says nothing of who it was.
type Consent struct {
	About    string    `json:"about"`              // ConsentShare, ConsentRecording, or the attribute of a flow
	Answer   string    `json:"answer"`             // "yes", "no", "withdrawn"; "told" where nobody is asked
	How      string    `json:"how"`                // "key", "voice", "agent", "silence", "told"
	Language string    `json:"language,omitempty"` // in which it was said
	Script   string    `json:"script,omitempty"`   // names the wording, with a digest of it
	By       string    `json:"by,omitempty"`       // account that asked
	At       time.Time `json:"at"`
}

// What is asked by people, and not by a flow.
const (
	ConsentShare     = "share"     // organisations that can help get the details
	ConsentRecording = "recording" // the call is recorded
)

// String is the consent in one cell of an export.
func (c Consent) String() string {
	return strings.Join([]string{c.About + "=" + c.Answer, c.How, c.Language, c.Script, c.At.UTC().Format(time.RFC3339)}, " ")
}

// AddConsents adds those that are not there yet.
func (k *Contact) AddConsents(list ...Consent) (added bool) {
next:
	for _, c := range list {
		for _, have := range k.Consents {
			if have.About == c.About && have.At.Equal(c.At) {
				continue next
			}
		}
		k.Consents, added = append(k.Consents[:len(k.Consents):len(k.Consents)], c), true
	}
	return added
}

// askedToShare notes what the caller has told an agent, with a contact. A yes
// that becomes a no is taken back.
func (cs *Case) askedToShare(tx *store.Tx, was CaseFields, contact, by string, set *lists.Set) error {
	answer := cs.Fields.MayShare
	if answer == was.MayShare || answer != "yes" && answer != "no" || cs.Protected || contact == "" {
		return nil
	}
	if answer == "no" && was.MayShare == "yes" {
		answer = "withdrawn"
	}
	k, err := contacts.Get(tx, contact)
	if err != nil {
		return err
	}
	k.AddConsents(Consent{About: ConsentShare, Answer: answer, How: "agent", Language: k.Language, Script: wording(set, shareQuestion, k.Language), By: by, At: tx.Now()})
	return putContact(tx, &k)
}

// shareQuestion is the question about a case that asks for it.
const shareQuestion = "may_share"

// wording names the words in which a question about a case is asked now: another
// wording has another name.
func wording(set *lists.Set, question, language string) string {
	q, _ := set.Question(question)
	sum := sha256.Sum256([]byte(q.Words.In(language) + "\x00" + q.Hint.In(language)))
	return fmt.Sprintf("%s@%x", question, sum[:6])
}

func (k Contact) consents() []string {
	var list []string
	for _, c := range k.Consents {
		list = append(list, c.String())
	}
	return list
}
