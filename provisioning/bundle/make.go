package bundle

import (
	"bytes"

	"github.com/goccy/go-yaml"
)

// Parts are what a program makes a bundle of: the answers of somebody who sets a
// hotline up. Nil parts stay out.
type Parts struct {
	About        string
	Organisation *Organisation
	Begin        *Begin
	Users        []NamedUser
	Prompts      map[string]Prompt
	Sounds       map[string][]byte // WAV files, by the names that Prompts has for them
}

// Begin is what a hotline has to know of its line on the first day; everything
// else of numbers and lines stays as it is.
type Begin struct {
	Operation   string
	Help, Peers []string
}

// NamedUser is somebody, with the name for signing in.
type NamedUser struct {
	Login string
	User
}

// Make makes a bundle. It has passed the same reading as one that was brought.
func Make(p Parts) (*Bundle, error) {
	b := &Bundle{files: map[string][]byte{manifestName: encode(Manifest{Format: format, About: p.About})}}
	if o := p.Organisation; o != nil {
		b.files["organisation.yaml"] = encode(yaml.MapSlice{{Key: "hotline", Value: o.Hotline}, {Key: "region", Value: o.Region}, {Key: "zone", Value: o.Zone}, {Key: "languages", Value: o.Languages}})
	}
	if p.Begin != nil {
		b.files["operation.yaml"] = encode(yaml.MapSlice{{Key: "name", Value: p.Begin.Operation}})
		b.files["numbers.yaml"] = encode(yaml.MapSlice{{Key: "help_numbers", Value: p.Begin.Help}})
		b.files["trunks.yaml"] = encode(yaml.MapSlice{{Key: "peers", Value: p.Begin.Peers}})
	}
	if len(p.Users) > 0 {
		var users yaml.MapSlice
		for _, u := range p.Users {
			users = append(users, yaml.MapItem{Key: u.Login, Value: u.User})
		}
		b.files["users.yaml"] = encode(users)
	}
	if len(p.Prompts) > 0 {
		b.files["prompts.yaml"] = encode(p.Prompts)
	}
	for name, wav := range p.Sounds {
		b.files[soundFolder+name] = wav
	}
	var zipped bytes.Buffer
	if err := b.Write(&zipped); err != nil {
		return nil, err
	}
	return Read(bytes.NewReader(zipped.Bytes()), int64(zipped.Len()))
}
