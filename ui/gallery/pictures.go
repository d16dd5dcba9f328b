package gallery

import (
	"net/url"
	"strings"
)

// Picture is one page in one state.
type Picture struct {
	Name  string     // of the file, and in the list
	Path  string     // {words} are filled in from what was made up
	Scene string     // which hotline
	As    string     // the visitor: a role, "" nobody, or somebody special
	Form  url.Values // what was sent to get it
	File  bool       // the form is one that can carry a file
	Own   bool       // for nobody but whoever made it
	Desk  string     // the state of the desk, where the page is one
}

// Scenes.
const (
	fullScene  = "full"  // the third day of an operation
	emptyScene = "empty" // nothing has happened
	spareScene = "spare" // the same, for pages that make something
	longScene  = "long"  // long names and much text
	firstScene = "first" // no hotline yet
	lockScene  = "locked"
	pointScene = "pointer" // on the Wi-Fi network of the machine
)

const (
	agent       = "agent"
	supervisor  = "supervisor"
	coordinator = "coordinator"
	admin       = "admin"
)

// Pictures are all pages of the map, in the order of the menu, with their
// states: empty, with something of everything, refused, with too much text. The
// tests of the pages look at this very list.
func Pictures() []Picture {
	var all []Picture
	for _, one := range desksInOrder() {
		path, as := "/desk", agent
		switch one {
		case "practice":
			path = "/desk/practice"
		case "listening":
			as = supervisor
		}
		all = append(all, Picture{Name: "desk-" + one, Path: path, Scene: fullScene, As: as, Desk: one})
	}
	all = append(all, outside()...)
	all = append(all, phone()...)
	all = append(all, floor()...)
	all = append(all, records()...)
	return append(all, setup()...)
}

func desksInOrder() []string {
	return []string{"connecting", "off", "ready", "demo", "offer", "offer-callback", "offer-unknown", "call", "call-empty", "call-held", "call-emergency", "call-several", "call-protected", "call-left",
		"call-out", "call-colleague", "call-notices", "notes", "break", "break-by", "missed", "problem", "listening", "lost", "elsewhere", "practice"}
}

// outside is what people see who have not signed in.
func outside() []Picture {
	return []Picture{
		{Name: "login", Path: "/login", Scene: fullScene},
		{Name: "login-out", Path: "/login?out", Scene: fullScene},
		{Name: "login-wrong", Path: "/login", Scene: fullScene, Form: url.Values{"login": {"amal"}, "password": {"x"}}},
		{Name: "login-second", Path: "/login/second", Scene: fullScene, As: half},
		{Name: "login-second-wrong", Path: "/login/second", Scene: fullScene, As: half, Form: url.Values{"code": {"000000"}}},
		{Name: "join-code", Path: "/join", Scene: fullScene},
		{Name: "join-code-wrong", Path: "/join", Scene: fullScene, Form: url.Values{"code": {"000000"}}},
		{Name: "join", Path: "/join/{invite}", Scene: fullScene},
		{Name: "join-wrong", Path: "/join/new", Scene: fullScene, Form: url.Values{"invite": {"{invite}"}}},
		{Name: "call", Path: "/call", Scene: fullScene},
		{Name: "call-shut", Path: "/call", Scene: emptyScene},
		{Name: "wall", Path: "/wall/{wall}", Scene: fullScene},
		{Name: "wall-unknown", Path: "/wall/aaaaaaaaaaaaaaaa", Scene: emptyScene},
		{Name: "problem-missing", Path: "/nowhere", Scene: fullScene, As: agent},
		{Name: "problem-denied", Path: "/admin", Scene: fullScene, As: agent},
		{Name: "locked", Path: "/worklist", Scene: lockScene},
		{Name: "locked-wrong", Path: "/unlock", Scene: lockScene, Form: url.Values{"how": {"passphrase"}, "passphrase": {"x"}}},
		{Name: "locked-wall", Path: "/wall/{wall}", Scene: lockScene},
		{Name: "pointer", Path: "/", Scene: pointScene},
		{Name: "setup-code", Path: "/setup", Scene: firstScene, As: "stranger"},
		{Name: "setup-code-wrong", Path: "/setup/code", Scene: firstScene, As: "stranger", Form: url.Values{"code": {"x"}}},
		{Name: "setup-1", Path: "/setup/1", Scene: firstScene}, {Name: "setup-2", Path: "/setup/2", Scene: firstScene}, {Name: "setup-3", Path: "/setup/3", Scene: firstScene},
		{Name: "setup-4", Path: "/setup/4", Scene: firstScene}, {Name: "setup-5", Path: "/setup/5", Scene: firstScene}, {Name: "setup-6", Path: "/setup/6", Scene: firstScene},
		{Name: "setup-greeting", Path: "/setup/greeting", Scene: firstScene}, {Name: "setup-restore", Path: "/setup/restore", Scene: firstScene},
		{Name: "setup-2-wrong", Path: "/setup/2", Scene: firstScene, Form: url.Values{}},
	}
}

// phone is for those who answer calls.
func phone() []Picture {
	return []Picture{
		{Name: "own-calls", Path: "/desk/history", Scene: fullScene, As: agent},
		{Name: "own-calls-empty", Path: "/desk/history", Scene: emptyScene, As: agent},
		{Name: "own-call", Path: "/desk/history/{contact}", Scene: fullScene, As: agent, Own: true},
		{Name: "own-call-long", Path: "/desk/history/{contact}", Scene: longScene, As: agent, Own: true},
		{Name: "own-paper", Path: "/desk/history/new", Scene: fullScene, As: agent},
		{Name: "worklist", Path: "/worklist", Scene: fullScene, As: supervisor},
		{Name: "worklist-empty", Path: "/worklist", Scene: emptyScene, As: agent},
		{Name: "worklist-quiet-wrong", Path: "/worklist/quiet", Scene: fullScene, As: supervisor, Form: url.Values{"from": {"late"}}},
		{Name: "item", Path: "/worklist/{item0}", Scene: fullScene, As: agent},
		{Name: "item-taken", Path: "/worklist/{item1}", Scene: fullScene, As: supervisor},
		{Name: "item-message", Path: "/worklist/{item2}", Scene: fullScene, As: agent},
		{Name: "item-danger", Path: "/worklist/{item6}", Scene: fullScene, As: coordinator},
		{Name: "start", Path: "/desk/start", Scene: fullScene, As: "newcomer"},
		{Name: "start-done", Path: "/desk/start", Scene: fullScene, As: agent},
		{Name: "sound", Path: "/desk/test", Scene: fullScene, As: agent},
		{Name: "quiz", Path: "/desk/quiz", Scene: fullScene, As: "newcomer"},
		{Name: "quiz-wrong", Path: "/desk/quiz", Scene: fullScene, As: "newcomer", Form: url.Values{"q1": {"a"}}},
		{Name: "try", Path: "/desk/try", Scene: fullScene, As: supervisor},
		{Name: "try-pass", Path: "/desk/try", Scene: fullScene, As: supervisor, Form: url.Values{}},
	}
}

// floor is for those who steer.
func floor() []Picture {
	return []Picture{
		{Name: "floor", Path: "/floor", Scene: fullScene, As: supervisor},
		{Name: "floor-empty", Path: "/floor", Scene: emptyScene, As: supervisor},
		{Name: "floor-team", Path: "/floor", Scene: fullScene, As: "leader"},
		{Name: "floor-agent", Path: "/floor/agents/{colleague}", Scene: fullScene, As: supervisor},
		{Name: "floor-caller", Path: "/floor/waiting/w1", Scene: fullScene, As: supervisor},
		{Name: "floor-caller-wrong", Path: "/floor/waiting/w1", Scene: fullScene, As: supervisor, Form: url.Values{"do": {"first"}}},
		{Name: "mode", Path: "/floor/mode", Scene: fullScene, As: supervisor},
		{Name: "mode-none", Path: "/floor/mode", Scene: emptyScene, As: supervisor},
		{Name: "mode-review", Path: "/floor/mode", Scene: fullScene, As: supervisor, Form: url.Values{"path": {"busy"}, "hours": {"6"}, "sound": {"keep"}}, File: true},
		{Name: "mode-wrong", Path: "/floor/mode", Scene: fullScene, As: supervisor, Form: url.Values{"path": {"redirect"}, "hours": {"x"}}, File: true},
		{Name: "mode-clear", Path: "/floor/mode/clear", Scene: fullScene, As: supervisor},
		{Name: "bulletins", Path: "/floor/bulletins", Scene: fullScene, As: supervisor},
		{Name: "bulletins-empty", Path: "/floor/bulletins", Scene: emptyScene, As: supervisor},
		{Name: "bulletins-wrong", Path: "/floor/bulletins", Scene: emptyScene, As: supervisor, Form: url.Values{"language": {"es"}}, File: true},
		{Name: "scripts", Path: "/floor/scripts", Scene: fullScene, As: supervisor},
		{Name: "scripts-empty", Path: "/floor/scripts", Scene: emptyScene, As: supervisor},
		{Name: "lines", Path: "/floor/lines", Scene: fullScene, As: supervisor},
		{Name: "rounds", Path: "/rounds", Scene: fullScene, As: supervisor},
		{Name: "rounds-empty", Path: "/rounds", Scene: emptyScene, As: supervisor},
		{Name: "rounds-wrong", Path: "/rounds", Scene: fullScene, As: supervisor, Form: url.Values{"name": {"Riverside"}, "source": {"elsewhere"}}, File: true},
		{Name: "round", Path: "/rounds/{round}", Scene: fullScene, As: coordinator},
		{Name: "hours", Path: "/admin/hours", Scene: fullScene, As: supervisor},
		{Name: "hours-wrong", Path: "/admin/hours", Scene: spareScene, As: coordinator, Form: url.Values{"do": {"date"}, "line": {"help"}}},
		{Name: "queues", Path: "/admin/queues", Scene: fullScene, As: coordinator},
		{Name: "queues-none", Path: "/admin/queues", Scene: emptyScene, As: admin},
		{Name: "queues-wrong", Path: "/admin/queues", Scene: fullScene, As: coordinator, Form: url.Values{"do": {"add"}, "name": {""}}},
		{Name: "queues-used-wrong", Path: "/admin/queues", Scene: fullScene, As: coordinator, Form: url.Values{"do": {"off"}, "id": {"shelter"}}},
		{Name: "routing", Path: "/admin/routing", Scene: fullScene, As: supervisor},
		{Name: "scenario", Path: "/floor/scenario", Scene: fullScene, As: supervisor},
		{Name: "scenario-none", Path: "/floor/scenario", Scene: emptyScene, As: supervisor},
		{Name: "invites", Path: "/floor/invites", Scene: fullScene, As: supervisor},
		{Name: "invites-sheet", Path: "/floor/invites", Scene: spareScene, As: supervisor, Form: url.Values{"name": {"Town library"}, "profile": {"help"}, "hours": {"12"}, "most": {"10"}}},
		{Name: "invites-wrong", Path: "/floor/invites", Scene: emptyScene, As: supervisor, Form: url.Values{"name": {""}}},
		{Name: "notices", Path: "/floor/notices", Scene: fullScene, As: supervisor},
		{Name: "notices-empty", Path: "/floor/notices", Scene: emptyScene, As: supervisor},
		{Name: "notices-wrong", Path: "/floor/notices", Scene: fullScene, As: supervisor, Form: url.Values{"minutes": {"15"}}},
		{Name: "walls", Path: "/floor/walls", Scene: fullScene, As: supervisor},
		{Name: "walls-empty", Path: "/floor/walls", Scene: emptyScene, As: supervisor},
		{Name: "walls-made", Path: "/floor/walls", Scene: spareScene, As: supervisor, Form: url.Values{"name": {"Entrance"}}},
	}
}

// records is for those who look after what was written down.
func records() []Picture {
	return []Picture{
		{Name: "contacts", Path: "/records?tab=contacts", Scene: fullScene, As: coordinator},
		{Name: "cases", Path: "/records?tab=cases", Scene: fullScene, As: coordinator},
		{Name: "volunteers", Path: "/records?tab=registrants", Scene: fullScene, As: coordinator},
		{Name: "volunteers-several", Path: "/records?tab=registrants&status=registered", Scene: fullScene, As: coordinator, Form: url.Values{"do": {"move"}, "whom": {"all"}, "step": {"assign"}}},
		{Name: "volunteers-several-wrong", Path: "/records?tab=registrants", Scene: longScene, As: coordinator, Form: url.Values{"do": {"move"}}},
		{Name: "missing", Path: "/records?tab=missing_persons", Scene: fullScene, As: coordinator},
		{Name: "directory", Path: "/records?tab=directory", Scene: fullScene, As: coordinator},
		{Name: "records-empty", Path: "/records", Scene: emptyScene, As: coordinator},
		{Name: "records-nothing", Path: "/records?q=0999", Scene: fullScene, As: coordinator},
		{Name: "volunteers-long", Path: "/records?tab=registrants", Scene: longScene, As: coordinator},
		{Name: "cases-long", Path: "/records?tab=cases", Scene: longScene, As: coordinator},
		{Name: "contact", Path: "/records/contacts/{contact}", Scene: fullScene, As: coordinator},
		{Name: "case", Path: "/records/cases/{case}", Scene: fullScene, As: coordinator},
		{Name: "case-long", Path: "/records/cases/{case}", Scene: longScene, As: coordinator},
		{Name: "case-wrong", Path: "/records/cases/{case}", Scene: fullScene, As: coordinator, Form: url.Values{"do": {"move"}, "to": {"closed"}}},
		{Name: "volunteer", Path: "/records/registrants/{person}", Scene: fullScene, As: coordinator},
		{Name: "volunteer-long", Path: "/records/registrants/{person}", Scene: longScene, As: coordinator},
		{Name: "missing-person", Path: "/records/cards/{missing_persons}", Scene: fullScene, As: coordinator},
		{Name: "feedback", Path: "/records/cards/{feedback}", Scene: fullScene, As: coordinator},
		{Name: "service-long", Path: "/records/cards/{directory}", Scene: longScene, As: coordinator},
		{Name: "new-case", Path: "/records/new/cases", Scene: fullScene, As: coordinator},
		{Name: "new-case-wrong", Path: "/records/new/cases", Scene: emptyScene, As: coordinator, Form: url.Values{"channel": {"walk_in"}}},
		{Name: "new-volunteer", Path: "/records/new/registrants", Scene: fullScene, As: coordinator},
		{Name: "new-missing", Path: "/records/new/card/missing_persons", Scene: fullScene, As: coordinator},
		{Name: "new-missing-wrong", Path: "/records/new/card/missing_persons", Scene: emptyScene, As: coordinator, Form: url.Values{"age": {"9"}}},
		{Name: "match", Path: "/records/match?wanted=3&skill=nurse", Scene: fullScene, As: coordinator},
		{Name: "match-ask", Path: "/records/match", Scene: fullScene, As: coordinator},
		{Name: "export", Path: "/records/export", Scene: fullScene, As: coordinator},
		{Name: "export-empty", Path: "/records/export", Scene: emptyScene, As: coordinator},
		{Name: "export-wrong", Path: "/records/export", Scene: emptyScene, As: coordinator, Form: url.Values{"set": {"cases"}}},
		{Name: "export-done", Path: "{export}", Scene: fullScene, As: coordinator, Own: true},
		{Name: "export-waits", Path: "{export-waits}", Scene: fullScene, As: coordinator, Own: true},
		{Name: "export-second", Path: "{export-waits}", Scene: fullScene, As: admin},
		{Name: "orders", Path: "/records/export/orders", Scene: fullScene, As: coordinator},
		{Name: "orders-wrong", Path: "/records/export/orders", Scene: emptyScene, As: coordinator, Form: url.Values{"kind": {"server"}}},
		{Name: "imports", Path: "/import", Scene: fullScene, As: coordinator},
		{Name: "imports-empty", Path: "/import", Scene: emptyScene, As: coordinator},
		{Name: "import-check", Path: "{check}", Scene: fullScene, As: coordinator, Own: true},
		{Name: "import", Path: "{import}", Scene: fullScene, As: coordinator},
		{Name: "reports", Path: "/reports", Scene: fullScene, As: supervisor},
		{Name: "reports-empty", Path: "/reports", Scene: emptyScene, As: supervisor},
		{Name: "reports-wrong", Path: "/reports?from=2026-02-02&until=2026-02-01", Scene: emptyScene, As: supervisor},
		{Name: "recordings", Path: "/recordings", Scene: fullScene, As: coordinator},
		{Name: "recording-drawn", Path: "/recordings/{recording}", Scene: fullScene, As: coordinator},
		{Name: "recordings-empty", Path: "/recordings", Scene: emptyScene, As: supervisor},
	}
}

// setup is for administrators.
func setup() []Picture {
	return []Picture{
		{Name: "accounts", Path: "/admin", Scene: fullScene, As: admin},
		{Name: "accounts-wrong", Path: "/admin/accounts", Scene: fullScene, As: admin, Form: url.Values{"login": {"x"}, "role": {"agent"}}},
		{Name: "account", Path: "/admin/accounts/{colleague}", Scene: fullScene, As: admin},
		{Name: "account-supervisor", Path: "/admin/accounts/{supervisor}", Scene: fullScene, As: admin},
		{Name: "account-paper", Path: "/admin/accounts/{supervisor}/paper", Scene: fullScene, As: admin, Form: url.Values{}},
		{Name: "prompts", Path: "/prompts", Scene: fullScene, As: admin},
		{Name: "prompt", Path: "/prompts/ar/hello", Scene: fullScene, As: admin},
		{Name: "prompt-recorded", Path: "/prompts/es/goodbye", Scene: fullScene, As: admin},
		{Name: "dialogues", Path: "/admin/flows", Scene: fullScene, As: admin},
		{Name: "dialogues-new", Path: "/admin/flows", Scene: emptyScene, As: admin},
		{Name: "dialogue", Path: "/admin/flow/main", Scene: fullScene, As: admin},
		{Name: "dialogue-text", Path: "/admin/flow/main/text", Scene: fullScene, As: admin},
		{Name: "dialogue-step", Path: "/admin/flow/main/step/need", Scene: fullScene, As: admin},
		{Name: "dialogue-step-kinds", Path: "/admin/flow/main/add/main", Scene: fullScene, As: admin},
		{Name: "dialogue-step-new", Path: "/admin/flow/main/add/hello_full/callback/next", Scene: fullScene, As: admin},
		{Name: "dialogue-step-gone", Path: "/admin/flow/main/steps", Scene: emptyScene, As: admin, Form: url.Values{"do": {"remove"}, "step": {"hurt"}, "seen": {"{main}"}}},
		{Name: "dialogue-version", Path: "/admin/flows/versions/1", Scene: fullScene, As: admin},
		{Name: "dialogue-try", Path: "/admin/flow/main/try", Scene: emptyScene, As: admin},
		{Name: "lists", Path: "/admin/lists", Scene: fullScene, As: admin},
		{Name: "lists-needs", Path: "/admin/lists?list=needs", Scene: fullScene, As: admin},
		{Name: "lists-places", Path: "/admin/lists?list=places", Scene: fullScene, As: admin},
		{Name: "lists-wrong", Path: "/admin/lists", Scene: fullScene, As: admin, Form: url.Values{"list": {"needs"}, "do": {"add"}}},
		{Name: "recording", Path: "/admin/recording", Scene: fullScene, As: admin},
		{Name: "recording-wrong", Path: "/admin/recording", Scene: fullScene, As: admin, Form: url.Values{"do": {"rules"}, "policy:help": {"always"}, "keep_days": {"14"}}},
		{Name: "access", Path: "/admin/access", Scene: fullScene, As: admin},
		{Name: "access-empty", Path: "/admin/access", Scene: emptyScene, As: admin},
		{Name: "access-made", Path: "/admin/tokens", Scene: spareScene, As: admin, Form: url.Values{"name": {"Map"}, "days": {"30"}, "scope": {"state"}, "level": {"L1"}, "to": {"helpers"}}},
		{Name: "trunks", Path: "/admin/trunks", Scene: fullScene, As: admin},
		{Name: "trunks-empty", Path: "/admin/trunks", Scene: emptyScene, As: admin},
		{Name: "trunks-wrong", Path: "/admin/trunks/number", Scene: emptyScene, As: admin, Form: url.Values{"do": {"set"}, "number": {"100"}, "leads": {"help:"}}},
		{Name: "trunk", Path: "/admin/trunks/line?name=National+Telecom", Scene: fullScene, As: admin},
		{Name: "trunk-new", Path: "/admin/trunks/line?kind=gsm", Scene: emptyScene, As: admin},
		{Name: "trunk-wrong", Path: "/admin/trunks/line", Scene: emptyScene, As: admin, Form: url.Values{"kind": {"account"}, "name": {"carrier"}, "servers": {"sip.example.org"}, "user": {"hotline"}}},
		{Name: "trunk-test", Path: "/admin/trunks/test?line=gateway", Scene: fullScene, As: admin},
		{Name: "trunk-test-wrong", Path: "/admin/trunks/test", Scene: emptyScene, As: admin, Form: url.Values{"line": {"gateway"}, "to": {"112"}}},
		{Name: "webhooks", Path: "/admin/webhooks", Scene: fullScene, As: admin},
		{Name: "webhooks-empty", Path: "/admin/webhooks", Scene: emptyScene, As: admin},
		{Name: "webhooks-wrong", Path: "/admin/webhooks", Scene: emptyScene, As: admin, Form: url.Values{"name": {"x"}, "url": {"nowhere"}}},
		{Name: "bundle", Path: "/admin/bundle", Scene: fullScene, As: admin},
		{Name: "bundle-wrong-none", Path: "/admin/bundle", Scene: emptyScene, As: admin, Form: url.Values{}, File: true},
		{Name: "bundle-look", Path: "/admin/bundle/look", Scene: fullScene, As: admin},
		{Name: "bundle-nothing", Path: "/admin/bundle/nothing", Scene: emptyScene, As: admin},
		{Name: "bundle-wrong", Path: "/admin/bundle/faults", Scene: fullScene, As: admin},
		{Name: "bundle-wrong-other", Path: "/admin/bundle/look", Scene: fullScene, As: admin, Form: url.Values{"sure": {"yes"}, "seen": {"older"}}},
		{Name: "bundle-done", Path: "/admin/bundle/look", Scene: fullScene, As: admin, Form: url.Values{"sure": {"yes"}, "seen": {"seen"}}},
		{Name: "backup", Path: "/admin/backup", Scene: fullScene, As: admin},
		{Name: "backup-none", Path: "/admin/backup", Scene: emptyScene, As: admin},
		{Name: "backup-wrong", Path: "/admin/backup", Scene: emptyScene, As: admin, Form: url.Values{"kind": {"moon"}}},
		{Name: "backup-key", Path: "/admin/backup/key", Scene: spareScene, As: admin, Form: url.Values{}},
		{Name: "key", Path: "/admin/key", Scene: fullScene, As: admin},
		{Name: "key-wrong", Path: "/admin/key", Scene: fullScene, As: admin, Form: url.Values{"kind": {"passphrase"}}},
		{Name: "handbook", Path: "/handbook", Scene: fullScene, As: agent},
		{Name: "handbook-quick", Path: "/handbook/quick", Scene: fullScene, As: agent},
		{Name: "handbook-phone", Path: "/handbook/phone", Scene: fullScene, As: agent},
		{Name: "health", Path: "/health", Scene: fullScene, As: admin},
		{Name: "health-bad", Path: "/health", Scene: longScene, As: supervisor},
		{Name: "rehearsal", Path: "/rehearsal", Scene: fullScene, As: admin},
		{Name: "rehearsal-one", Path: "/rehearsal/{rehearsal}", Scene: fullScene, As: supervisor},
		{Name: "rehearsal-none", Path: "/rehearsal", Scene: emptyScene, As: coordinator},
		{Name: "rehearsal-running", Path: "/rehearsal", Scene: longScene, As: admin},
		{Name: "privacy", Path: "/admin/privacy", Scene: fullScene, As: admin},
		{Name: "privacy-found", Path: "/admin/privacy", Scene: fullScene, As: admin, Form: url.Values{"do": {"find"}, "number": {"+12025550101"}}},
		{Name: "system", Path: "/admin/system", Scene: fullScene, As: admin},
		{Name: "system-radio", Path: "/admin/system/radio", Scene: fullScene, As: admin},
		{Name: "system-server", Path: "/admin/system", Scene: emptyScene, As: admin},
		{Name: "system-planned", Path: "/admin/system", Scene: spareScene, As: admin},
		{Name: "system-late-wrong", Path: "/admin/system/restart/off", Scene: fullScene, As: admin, Form: url.Values{}},
		{Name: "system-back", Path: "/admin/system", Scene: longScene, As: admin},
		{Name: "system-wrong", Path: "/admin/system/update", Scene: longScene, As: admin, Form: url.Values{}},
		{Name: "auto", Path: "/admin/certificate", Scene: fullScene, As: admin},
		{Name: "auto-none", Path: "/admin/certificate", Scene: emptyScene, As: admin},
		{Name: "auto-failing", Path: "/admin/certificate", Scene: longScene, As: admin},
		{Name: "auto-running", Path: "/admin/certificate", Scene: spareScene, As: admin},
		{Name: "auto-wrong", Path: "/admin/certificate", Scene: emptyScene, As: admin, Form: url.Values{"authority": {"other"}, "way": {"desec"}}},
		{Name: "trust", Path: "/trust", Scene: fullScene},
		{Name: "log", Path: "/admin/log", Scene: fullScene, As: admin},
		{Name: "log-all", Path: "/admin/log?all", Scene: fullScene, As: admin},
		{Name: "log-proved", Path: "/admin/log", Scene: fullScene, As: admin, Form: url.Values{"do": {"verify"}}},
		{Name: "close", Path: "/admin/close", Scene: fullScene, As: admin},
		{Name: "close-wrong", Path: "/admin/close", Scene: fullScene, As: admin, Form: url.Values{"do": {"begin"}, "known": {"yes"}}},
		{Name: "close-export", Path: "/admin/close", Scene: emptyScene, As: admin},
		{Name: "close-handover", Path: "/admin/close", Scene: spareScene, As: admin},
		{Name: "close-wait", Path: "/admin/close", Scene: longScene, As: admin},
		{Name: "closing", Path: "/closing", Scene: longScene, As: admin},
		{Name: "closing-none", Path: "/closing", Scene: fullScene, As: admin},
		{Name: "certificate", Path: "/admin/close/{certificate}", Scene: fullScene, As: coordinator},
		{Name: "me", Path: "/me", Scene: fullScene, As: supervisor},
		{Name: "me-wrong", Path: "/me", Scene: fullScene, As: supervisor, Form: url.Values{"do": {"password"}, "present": {"not this one"}, "password": {"four words are good"}, "again": {"four words are good"}}},
		{Name: "me-done", Path: "/me?done=password", Scene: fullScene, As: coordinator},
		{Name: "second", Path: "/second", Scene: fullScene, As: supervisor},
		{Name: "second-new", Path: "/second", Scene: spareScene, As: supervisor, Form: url.Values{"do": {"new"}}},
	}
}

// State is what the page calls its state once it is there.
func (p Picture) State() string {
	switch kind, _, _ := strings.Cut(p.Desk, "-"); {
	case strings.HasPrefix(p.Name, "wall") && p.Path != "/floor/walls":
		return "wall"
	case p.Desk == "":
		return "page"
	case p.Desk == "call-emergency":
		return "alarm"
	case kind == "call":
		return "oncall"
	case kind == "notes":
		return "wrap"
	case kind == "listening":
		return "monitor"
	case kind == "missed":
		return "break"
	case kind == "demo":
		return "ready"
	case kind == "practice":
		return "off"
	default:
		return kind
	}
}

// fill puts what was made up into an address or a form.
func fill(text string, made map[string]string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, 2*len(made))
	for key, value := range made {
		pairs = append(pairs, "{"+key+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
