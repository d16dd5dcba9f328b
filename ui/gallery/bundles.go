package gallery

import (
	"context"
	"io"
	"strings"

	"hotline/ui"
	"hotline/ui/page"
)

// bundles are files that somebody has brought, by what comes of them.
type bundles struct{}

func (bundles) Take([]byte, []byte, string) string { return "look" }

func (bundles) Look(_ context.Context, id, _ string) (page.BundlePlan, error) {
	switch id {
	case "look":
		return brought(), nil
	case "nothing":
		return page.BundlePlan{Same: 41, Print: "none"}, nil
	case "faults":
		return page.BundlePlan{Faults: []page.BundleFault{
			{File: "queues.yaml", Line: 3, Column: 10, Text: `"8 to 20" are no hours: write them like 08:00-20:00, or closed`},
			{File: "users.yaml", Line: 12, Column: 9, Text: `"chief" is no role: choose agent, supervisor, coordinator or admin`},
			{File: "audio/es/hello.wav", Text: "this file is damaged and cannot be read"}}}, nil
	}
	return page.BundlePlan{}, ui.ErrNoBundle
}

func (b bundles) Apply(_ context.Context, _, seen, _ string) (page.BundlePlan, error) {
	plan := brought()
	if seen != plan.Print {
		return page.BundlePlan{}, ui.ErrBundleOther
	}
	plan.People = []page.BundlePerson{{Login: "ana", Name: "Ana Paula Nascimento", Password: "copper-lantern-meadow-71"}, {Login: "khalid", Name: "خالد", Phone: "+12025550148", Password: "willow-harbor-candle-18", PIN: "480213"}}
	plan.NotYet = `line "carrier" is not used: line "carrier" is in the file hotline.yaml as well, which counts`
	return plan, nil
}

func (bundles) Write(_ context.Context, w io.Writer, _ string) error {
	_, err := io.WriteString(w, "PK\x05\x06"+strings.Repeat("\x00", 18)) // an empty ZIP file
	return err
}

// brought is a plan with something of every kind.
func brought() page.BundlePlan {
	return page.BundlePlan{Same: 37, Print: "seen", Changes: []page.BundleChange{
		{Kind: "changed", File: "organisation", Setting: "hotline", Was: "Hotline", Is: "Línea de ayuda del Valle Alto", Later: true},
		{Kind: "new", File: "users", Name: "ana", Is: `{name: Ana Paula Nascimento, role: agent, phone: "", profile: all, languages: [pt, es], skills: {}, reachable: false, disa…`},
		{Kind: "changed", File: "queues", Name: "help", Setting: "hours", Was: "always", Is: `"08:00-20:00"`},
		{Kind: "gone", File: "profiles", Name: "night", Was: "{name: Night, lines: [{queue: life, priority: 1, after: 0s}]}"},
		{Kind: "secret", File: "lines", Name: "National Telecom"},
		{Kind: "language", File: "languages", Name: "sw"},
		{Kind: "flow", File: "flows", Name: "main"},
	}, Notes: []page.BundleNote{{Kind: "off", Line: "SIM cards"}, {Kind: "password", Line: "carrier"}, {Kind: "flows"}}}
}
