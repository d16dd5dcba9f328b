package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hotline/appliance/config"
	"hotline/appliance/operation"
	"hotline/ivr/scenario"
	"hotline/triage"
)

// What the configuration file holds, and the few facts of the operation beside it.

// Organisation is organisation.yaml.
type Organisation struct {
	Hotline      string   `yaml:"hotline"`
	Organisation string   `yaml:"organisation"`
	Region       string   `yaml:"region"`
	Zone         string   `yaml:"zone"`
	Languages    []string `yaml:"languages"`
}

func organisationPart() part {
	return one[Organisation]{name: "organisation.yaml", later: []string{"hotline", "region", "zone", "languages"},
		about: "Who runs the hotline, and where: its name on the pages, the organisation, the country of\nnumbers without a country code, the time zone, and the languages of callers, the first one\nfor those who do not choose.",
		now: func(r *run) (Organisation, error) {
			facts, err := operation.Read(r.in)
			return Organisation{r.cfg.Name, facts.Organisation, r.cfg.Region, r.cfg.Zone, slices.Clone(r.cfg.Languages)}, err
		},
		put: func(r *run, was, is Organisation) error {
			spoken, err := r.tongues()
			if err != nil {
				return err
			}
			for _, language := range is.Languages {
				if !contains(spoken, language) {
					return fieldError{"languages", fmt.Errorf("nothing can be said in %q; there are %s", language, strings.Join(spoken, ", "))}
				}
			}
			if strings.TrimSpace(is.Hotline) == "" {
				return fieldError{"hotline", errors.New("give the hotline a name")}
			}
			facts, err := operation.Read(r.in)
			if err != nil {
				return err
			}
			facts.Organisation = is.Organisation
			if is.Organisation != was.Organisation {
				if err := operation.Set(r.ctx, r.in, facts, r.to.By); err != nil {
					return fieldError{"organisation", err}
				}
			}
			r.cfg.Name, r.cfg.Region, r.cfg.Zone, r.cfg.Languages = is.Hotline, is.Region, is.Zone, is.Languages
			return r.cfg.Check()
		}}
}

// Operation is operation.yaml.
type Operation struct {
	Name     string `yaml:"name"`
	Glide    string `yaml:"glide"`
	Country  string `yaml:"country"`
	Scenario string `yaml:"scenario"`
	Stage    string `yaml:"stage"`
}

func operationPart() part {
	return one[Operation]{name: "operation.yaml", later: []string{"name"},
		about: "The disaster response: its name, its number (glidenumber.net), the country by its code, and\nthe kind of disaster with its stage, which decides what callers hear and are asked:\n" + scenarios(),
		now: func(r *run) (Operation, error) {
			facts, err := operation.Read(r.in)
			if err != nil {
				return Operation{}, err
			}
			choice, err := scenario.Open(r.in)
			if err != nil {
				return Operation{}, err
			}
			now := choice.Current()
			return Operation{r.cfg.Operation, facts.Glide, facts.Country, now.Pack.ID, now.Stage}, nil
		},
		tidy: func(_ *run, was Operation, is *Operation) error {
			is.Glide = strings.ToUpper(strings.TrimSpace(is.Glide))
			if code := operation.ISO3(is.Country); code != "" {
				is.Country = code
			}
			if is.Scenario != was.Scenario && is.Stage == was.Stage {
				is.Stage = "" // of the other one
			}
			packs, err := scenario.Packs()
			if i := slices.IndexFunc(packs, func(p scenario.Pack) bool { return p.ID == is.Scenario }); i >= 0 && is.Stage == "" && len(packs[i].Stages) > 0 {
				is.Stage = packs[i].Stages[0]
			}
			return err
		},
		put: func(r *run, was, is Operation) error {
			if strings.TrimSpace(is.Name) == "" {
				return fieldError{"name", errors.New("give the disaster response a name")}
			}
			r.cfg.Operation = is.Name
			if is.Glide != was.Glide || is.Country != was.Country {
				facts, err := operation.Read(r.in)
				if err != nil {
					return err
				}
				facts.Glide, facts.Country = is.Glide, is.Country
				if err := operation.Set(r.ctx, r.in, facts, r.to.By); err != nil {
					field := "country"
					if errors.Is(err, operation.WrongGlide) {
						field = "glide"
					}
					return fieldError{field, err}
				}
			}
			if is.Scenario == was.Scenario && is.Stage == was.Stage {
				return nil
			}
			choice, err := scenario.Open(r.in)
			if err == nil {
				err = choice.Set(r.ctx, is.Scenario, is.Stage, r.to.By)
			}
			if errors.Is(err, scenario.ErrUnknown) {
				err = fieldError{"scenario", fmt.Errorf("there is no scenario %q with a stage %q. The scenarios are\n%s", is.Scenario, is.Stage, scenarios())}
			}
			return err
		}}
}

// scenarios lists the packs that ship, with their stages.
func scenarios() string {
	packs, err := scenario.Packs()
	if err != nil { // they ship
		return ""
	}
	var all []string
	for _, p := range packs {
		text := p.ID
		if len(p.Stages) > 0 {
			text += " (" + strings.Join(p.Stages, ", ") + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ") + "."
}

// Numbers is numbers.yaml.
type Numbers struct {
	Help       []string       `yaml:"help_numbers"`
	Supervisor []string       `yaml:"supervisor_numbers"`
	Agents     []string       `yaml:"agent_numbers"`
	Entries    []config.Entry `yaml:"entries"`
	Forwarded  bool           `yaml:"forwarded_decides"`
	MaxCalls   int            `yaml:"max_calls"`
	Shares     map[string]int `yaml:"queue_shares"`
	Ring       int            `yaml:"ring_seconds"`
}

func numbersPart() part {
	return one[Numbers]{name: "numbers.yaml", later: []string{"*"},
		about: "The numbers of the hotline as the line sends them, where they lead, and how many calls at a\ntime are taken. The settings are those of hotline.yaml: hotline config explains them.",
		now: func(r *run) (Numbers, error) {
			s := r.cfg.SIP
			return Numbers{s.Help, s.Supervisor, s.Agents, s.Entries, s.Forwarded, s.MaxCalls, s.Shares, r.cfg.Ring}, nil
		},
		put: func(r *run, _, is Numbers) error {
			s := &r.cfg.SIP
			s.Help, s.Supervisor, s.Agents, s.Entries, s.Forwarded, s.MaxCalls, s.Shares, r.cfg.Ring = is.Help, is.Supervisor, is.Agents, is.Entries, is.Forwarded, is.MaxCalls, is.Shares, is.Ring
			return r.cfg.Check()
		}}
}

// Trunks is trunks.yaml.
type Trunks struct {
	Peers    []string        `yaml:"peers"`
	Phones   []string        `yaml:"phones"`
	Trusted  bool            `yaml:"trust_identity"`
	Lines    []Line          `yaml:"lines"`
	Outgoing config.Outgoing `yaml:"outgoing"`
}

// Line is config.Line without its password.
type Line struct {
	Name        string            `yaml:"name"`
	Kind        string            `yaml:"kind,omitempty"`
	Servers     []string          `yaml:"servers"`
	Transport   string            `yaml:"transport,omitempty"`
	Encrypt     bool              `yaml:"encrypted_sound,omitempty"`
	Certificate string            `yaml:"certificate,omitempty"`
	User        string            `yaml:"user,omitempty"`
	AuthUser    string            `yaml:"auth_user,omitempty"`
	Domain      string            `yaml:"domain,omitempty"`
	Plus        string            `yaml:"plus,omitempty"`
	From        string            `yaml:"from,omitempty"`
	MaxCalls    int               `yaml:"max_calls,omitempty"`
	QueueFrom   map[string]string `yaml:"queue_from,omitempty"`
}

func trunksPart() part {
	return one[Trunks]{name: "trunks.yaml", later: []string{"*"},
		about: "The lines of the telephone company, and what may be dialled on them. The settings are those\nof hotline.yaml; passwords are not here but in a file that is named with --secrets.",
		now: func(r *run) (Trunks, error) {
			s := r.cfg.SIP
			out := Trunks{s.Peers, s.Phones, s.Trusted, nil, s.Outgoing}
			for _, l := range s.Lines {
				out.Lines = append(out.Lines, Line{l.Name, l.Kind, l.Servers, l.Transport, l.Encrypt, l.Certificate, l.User, l.AuthUser, l.Domain, l.Plus, l.From, l.MaxCalls, l.QueueFrom})
			}
			return out, nil
		},
		put: func(r *run, _, is Trunks) error {
			s := &r.cfg.SIP
			had := passwords(r.cfg)
			s.Peers, s.Phones, s.Trusted, s.Outgoing = is.Peers, is.Phones, is.Trusted, is.Outgoing
			s.Lines = nil
			for _, l := range is.Lines {
				s.Lines = append(s.Lines, config.Line{Name: l.Name, Kind: l.Kind, Servers: l.Servers, Transport: l.Transport, Encrypt: l.Encrypt, Certificate: l.Certificate, User: l.User,
					AuthUser: l.AuthUser, Password: had[l.Name], Domain: l.Domain, Plus: l.Plus, From: l.From, MaxCalls: l.MaxCalls, QueueFrom: l.QueueFrom})
			}
			return r.cfg.Check()
		}}
}

// passwords are those of the lines by their names.
func passwords(cfg config.Config) map[string]string {
	out := map[string]string{}
	for _, l := range cfg.SIP.Lines {
		out[l.Name] = l.Password
	}
	return out
}

// Rules is rules.yaml.
type Rules struct {
	Recording struct {
		Purpose string            `yaml:"purpose"`
		Days    int               `yaml:"keep_days"`
		Queues  map[string]string `yaml:"queues"`
	} `yaml:"recording"`
	Keep    map[string]int   `yaml:"keep_days"`
	Sharing map[string]Share `yaml:"sharing"`
	Quiet   string           `yaml:"quiet_hours"`
	Parts   map[string]bool  `yaml:"parts"`
}

// Share is on what ground records of a kind are kept, and how far they may go.
type Share struct {
	Basis string `yaml:"basis"`
	Scope string `yaml:"scope"`
}

func quietText(q triage.Quiet) string {
	if q.From == q.Until {
		return "none"
	}
	return clock(q.From) + "-" + clock(q.Until)
}
