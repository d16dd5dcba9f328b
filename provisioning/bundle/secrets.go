package bundle

import (
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"

	"hotline/appliance/config"
	"hotline/appliance/lines"
)

// Secrets are what a bundle does not hold.
type Secrets struct {
	Trunks   map[string]string `yaml:"trunks"` // passwords of the lines, by their names
	Webhooks []Webhook         `yaml:"webhooks,omitempty"`
	Exports  []Order           `yaml:"exports,omitempty"`

	file string
}

// ReadSecrets reads a file of secrets.
func ReadSecrets(path string) (Secrets, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("reading the secrets: %w", err)
	}
	return ParseSecrets(path, text)
}

// Called gives secrets the name of the file in which mistakes are told.
func (s Secrets) Called(path string) Secrets {
	s.file = path
	return s
}

// ParseSecrets reads the text of a file of secrets.
func ParseSecrets(path string, text []byte) (s Secrets, err error) {
	s.file = path
	defer unreadable(&err)
	if len(text) > maxText {
		return s, fmt.Errorf("%s is larger than a file of secrets can be", path)
	}
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		line, column, what := config.Fault(err)
		return s, Problems{{File: path, Line: line, Column: column, Text: what, err: err}}
	}
	return s, nil
}

// SecretsOf are those of a hotline: of the lines in hotline.yaml, and of those
// that are stored and switched on.
func SecretsOf(h Hotline) (Secrets, error) {
	s := Secrets{Trunks: map[string]string{}}
	book, err := lines.Open(h.Store, lines.Rules{})
	if err != nil {
		return s, err
	}
	stored, err := storedPasswords(book)
	for name, password := range over(stored, passwords(h.Config)) {
		if password != "" {
			s.Trunks[name] = password
		}
	}
	if err != nil {
		return s, err
	}
	s.Webhooks, s.Exports, err = connectionsOf(h)
	return s, err
}

// Write writes them into a file that is for its owner alone, and not there yet.
func (s Secrets) Write(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the secrets cannot be written: %w", err)
	}
	_, err = f.Write(append(comment("Passwords of the telephone lines, other systems that are told what happens, and regular exports with\ntheir places. Whoever has this file can use them: keep it apart from the bundle, and destroy it when it\nhas done its work."), encode(s)...))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// keepSecrets puts passwords into the configuration. A line that asks for one and
// has none is told.
func (r *run) keepSecrets() error {
	all := append([]config.Line(nil), r.cfg.SIP.Lines...)
	known := map[string]bool{}
	for i, l := range all {
		known[l.Name] = true
		if password, given := r.secret.Trunks[l.Name]; given && password != l.Password {
			all[i].Password = password
			r.changes = append(r.changes, Change{Kind: Secret, File: "trunks", Name: l.Name, Later: r.to.Alone != nil})
		}
		if all[i].User != "" && all[i].Password == "" {
			r.notes = append(r.notes, Note{NoPassword, l.Name})
		}
	}
	if err := r.storedSecrets(known); err != nil {
		return err
	}
	for name := range r.secret.Trunks {
		if !known[name] {
			r.problem(r.secret.file, 0, 0, fmt.Sprintf("there is no line %q that this password could be of", name))
		}
	}
	r.cfg.SIP.Lines = all
	return errors.Join(r.takeHooks(), r.takeOrders())
}
