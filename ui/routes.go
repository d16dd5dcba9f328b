package ui

import (
	"net/http"
	"slices"

	"hotline/ui/api"
)

// role is who a page is for. The words are those of the accounts; nobody is a
// visitor who has not signed in.
type role string

const (
	nobody      role = ""
	agent       role = "agent"
	supervisor  role = "supervisor"
	coordinator role = "coordinator"
	admin       role = "admin"
)

// route is one line of the table of what exists and who may use it.
type route struct {
	verb, pattern string
	roles         []role // nil: everybody, also without signing in
	handle        func(*Server, http.ResponseWriter, *http.Request, visit)
	upload        bool // may carry a sound file
}

func (rt route) allows(who role) bool { return rt.roles == nil || slices.Contains(rt.roles, who) }

// table is the whole site: role × route × verb. What is not here does not
// exist, and a role that is not named has no access.
func table() []route {
	var (
		everybody = []role(nil)
		signedIn  = []role{agent, supervisor, coordinator, admin}
		phones    = []role{agent, supervisor, coordinator}
		floor     = []role{supervisor, coordinator, admin}
		records   = []role{coordinator, admin}
		leads     = []role{supervisor, coordinator}
		watch     = []role{supervisor, admin}
		accounts  = []role{admin}
	)
	return []route{
		{"GET", "/healthz", everybody, (*Server).health, false},
		{"GET", "/assets/{file}", everybody, (*Server).asset, false},
		{"GET", "/favicon.svg", everybody, (*Server).favicon, false},
		{"GET", "/login", everybody, (*Server).loginPage, false},
		{"POST", "/login", everybody, (*Server).login, false},
		{"GET", "/login/second", everybody, (*Server).secondLoginPage, false},
		{"POST", "/login/second", everybody, (*Server).secondLogin, false},
		{"GET", "/trust", everybody, (*Server).trust, false},
		{"GET", "/trust/authority.crt", everybody, (*Server).trustRoot, false},
		{"POST", "/language", everybody, (*Server).language, false},
		{"POST", "/logout", everybody, (*Server).logout, false},

		{"GET", "/second", floor, (*Server).second, false},
		{"POST", "/second", floor, (*Server).secondDo, false},

		{"GET", "/me", signedIn, (*Server).me, false},
		{"POST", "/me", signedIn, (*Server).meDo, false},

		{"GET", "/call", everybody, (*Server).call, false},
		{"GET", "/ws/call", everybody, (*Server).callSocket, false},
		{"GET", "/join", everybody, (*Server).joinCode, false},
		{"POST", "/join", everybody, (*Server).joinDigits, false},
		{"GET", "/join/{invite}", everybody, (*Server).join, false},
		{"POST", "/join/new", everybody, (*Server).joinNew, false},

		{"GET", "/{$}", signedIn, (*Server).home, false},
		{"GET", "/closing", signedIn, (*Server).closingPage, false},
		{"POST", "/closing", signedIn, (*Server).closingStop, false},

		{"GET", "/handbook", signedIn, (*Server).handbook, false},
		{"GET", "/handbook/{page}", signedIn, (*Server).handbookPage, false},
		{"GET", "/handbook/file/{language}", signedIn, (*Server).handbookFile, false},
		{"GET", "/handbook/picture/{name}", signedIn, (*Server).handbookPicture, false},

		{"GET", "/desk", phones, (*Server).desk, false},
		{"GET", "/ws/agent", phones, (*Server).deskSocket, false},
		{"GET", "/places", signedIn, (*Server).places, false},

		{"GET", "/desk/start", phones, (*Server).start, false},
		{"GET", "/desk/test", phones, (*Server).soundCheck, false},
		{"POST", "/desk/test", phones, (*Server).soundResult, false},
		{"GET", "/desk/practice", phones, (*Server).practice, false},
		{"GET", "/ws/practice", phones, (*Server).practiceSocket, false},
		{"GET", "/desk/try", []role{supervisor, coordinator}, (*Server).try, false},
		{"POST", "/desk/try", []role{supervisor, coordinator}, (*Server).tryPass, false},
		{"GET", "/desk/quiz", phones, (*Server).quiz, false},
		{"POST", "/desk/quiz", phones, (*Server).quizDone, false},

		{"GET", "/desk/directory", phones, (*Server).deskDirectory, false},
		{"POST", "/desk/refer", phones, (*Server).deskRefer, false},

		{"GET", "/desk/history", phones, (*Server).ownCalls, false},
		{"GET", "/desk/history/new", phones, (*Server).ownPaper, false},
		{"POST", "/desk/history/new", phones, (*Server).ownPaperAdd, false},
		{"GET", "/desk/history/{id}", phones, (*Server).ownCall, false},
		{"POST", "/desk/history/{id}", phones, (*Server).ownCallSave, false},

		{"GET", "/worklist", phones, (*Server).worklist, false},
		{"POST", "/worklist/quiet", []role{supervisor, coordinator}, (*Server).quietHours, false},
		{"GET", "/worklist/{id}", phones, (*Server).item, false},
		{"POST", "/worklist/{id}", phones, (*Server).itemDo, false},
		{"GET", "/worklist/{id}/message/{contact}/{n}", phones, (*Server).itemMessage, false},

		{"GET", "/rounds", leads, (*Server).rounds, false},
		{"POST", "/rounds", leads, (*Server).roundMake, true},
		{"POST", "/rounds/stop", leads, (*Server).roundStops, false},
		{"GET", "/rounds/{id}", leads, (*Server).round, false},
		{"POST", "/rounds/{id}", leads, (*Server).roundDo, false},
		{"POST", "/rounds/{id}/results", []role{coordinator}, (*Server).roundResults, false},

		{"GET", "/floor", floor, (*Server).floor, false},
		{"GET", "/ev/floor", floor, (*Server).floorStream, false},
		{"GET", "/floor/mode", floor, (*Server).modePage, false},
		{"POST", "/floor/mode", floor, (*Server).modeReview, true},
		{"POST", "/floor/mode/set", floor, (*Server).modeSet, false},
		{"GET", "/floor/mode/clear", floor, (*Server).modeClearReview, false},
		{"POST", "/floor/mode/clear", floor, (*Server).modeClear, false},
		{"GET", "/floor/mode/announcement.wav", floor, (*Server).modeAnnouncement, false},
		{"GET", "/floor/mode/pending.wav", floor, (*Server).modePending, false},
		{"GET", "/floor/bulletins", floor, (*Server).bulletins, false},
		{"POST", "/floor/bulletins", floor, (*Server).bulletinAdd, true},
		{"POST", "/floor/bulletins/{id}", floor, (*Server).bulletinChange, false},
		{"GET", "/floor/bulletins/{sound}", floor, (*Server).bulletinSound, false},
		{"GET", "/floor/lines", floor, (*Server).lines, false},
		{"POST", "/floor/lines", floor, (*Server).lineSet, false},
		{"GET", "/floor/agents/{id}", floor, (*Server).floorAgent, false},
		{"POST", "/floor/agents/{id}", floor, (*Server).floorAgentSet, false},
		{"GET", "/floor/waiting/{id}", floor, (*Server).floorCaller, false},
		{"POST", "/floor/waiting/{id}", floor, (*Server).floorCallerSet, false},
		{"POST", "/floor/callout", floor, (*Server).callOut, false},
		{"POST", "/floor/undo", floor, (*Server).undo, false},

		{"GET", "/floor/scripts", floor, (*Server).scripts, false},
		{"POST", "/floor/scripts", floor, (*Server).scriptSet, false},
		{"GET", "/floor/notices", floor, (*Server).notices, false},
		{"POST", "/floor/notices", floor, (*Server).noticeGive, false},
		{"POST", "/floor/notices/{id}", floor, (*Server).noticeEnd, false},
		{"GET", "/floor/walls", floor, (*Server).walls, false},
		{"POST", "/floor/walls", floor, (*Server).wallAdd, false},
		{"POST", "/floor/walls/{id}", floor, (*Server).wallEnd, false},
		{"GET", "/floor/invites", floor, (*Server).invites, false},
		{"POST", "/floor/invites", floor, (*Server).inviteAdd, false},
		{"POST", "/floor/invites/{id}", floor, (*Server).inviteEnd, false},
		{"GET", "/wall/{token}", everybody, (*Server).wall, false},
		{"GET", "/ev/wall/{token}", everybody, (*Server).wallStream, false},

		{"GET", "/prompts", floor, (*Server).promptList, false},
		{"POST", "/prompts", floor, (*Server).promptAdd, false},
		{"POST", "/prompts/pack", records, (*Server).packIn, true},
		{"POST", "/prompts/preview", floor, (*Server).promptPreview, true},
		{"GET", "/prompts/{language}/pack.zip", floor, (*Server).packOut, false},
		{"GET", "/prompts/{language}/{id}", floor, (*Server).prompt, false},
		{"POST", "/prompts/{language}/{id}", floor, (*Server).promptChange, false},
		{"POST", "/prompts/{language}/{id}/recording", floor, (*Server).promptRecord, true},
		{"GET", "/prompts/{language}/{id}/sound.wav", floor, (*Server).promptSound, false},

		{"GET", "/health", watch, (*Server).healthPage, false},
		{"GET", "/health/support.zip", accounts, (*Server).supportFile, false},
		{"GET", "/rehearsal", floor, (*Server).rehearsalPage, false},
		{"POST", "/rehearsal", records, (*Server).rehearse, false},
		{"GET", "/rehearsal/{id}", floor, (*Server).rehearsalPage, false},
		{"GET", "/rehearsal/{id}/{sound}", floor, (*Server).rehearsalSound, false},
		{"GET", "/floor/scenario", floor, (*Server).scenarioPage, false},
		{"POST", "/floor/scenario", floor, (*Server).scenarioSet, false},
		{"POST", "/floor/scenario/operation", floor, (*Server).operationSet, false},

		{"GET", "/records", records, (*Server).records, false},
		{"POST", "/records", records, (*Server).severalDo, false},
		{"GET", "/records/export", records, (*Server).exports, false},
		{"POST", "/records/export", records, (*Server).exportAsk, false},
		{"GET", "/records/export/orders", records, (*Server).orders, false},
		{"POST", "/records/export/orders", records, (*Server).orderMake, false},
		{"POST", "/records/export/orders/{id}", records, (*Server).orderDo, false},
		{"GET", "/records/export/{id}", records, (*Server).exportJob, false},
		{"POST", "/records/export/{id}", records, (*Server).exportDo, false},
		{"GET", "/records/export/{id}/file", records, (*Server).exportFile, false},
		{"GET", "/records/contacts/{id}", records, (*Server).contactRecord, false},
		{"GET", "/records/cases/{id}", records, (*Server).caseRecord, false},
		{"POST", "/records/cases/{id}", records, (*Server).caseDo, false},
		{"GET", "/records/registrants/{id}", records, (*Server).person, false},
		{"POST", "/records/registrants/{id}", records, (*Server).personDo, false},
		{"GET", "/records/registrants/{id}/{sound}", records, (*Server).personSound, false},
		{"GET", "/records/new/cases", records, (*Server).newCase, false},
		{"POST", "/records/new/cases", records, (*Server).addCase, false},
		{"GET", "/records/new/registrants", records, (*Server).newPerson, false},
		{"POST", "/records/new/registrants", records, (*Server).addPerson, false},
		{"GET", "/records/cards/{id}", records, (*Server).card, false},
		{"POST", "/records/cards/{id}", records, (*Server).cardSave, false},
		{"GET", "/records/new/card/{kind}", records, (*Server).newCard, false},
		{"POST", "/records/new/card/{kind}", records, (*Server).addCard, false},
		{"GET", "/records/match", records, (*Server).match, false},
		{"POST", "/records/match", []role{coordinator}, (*Server).matchCall, false},

		{"GET", "/import", records, (*Server).imports, false},
		{"POST", "/import", records, (*Server).importTake, true},
		{"GET", "/import/check/{id}", records, (*Server).importCheck, false},
		{"POST", "/import/check/{id}", records, (*Server).importCheckDo, false},
		{"GET", "/import/check/{id}/report", records, (*Server).importReport, false},
		{"GET", "/import/{id}", records, (*Server).importOne, false},
		{"POST", "/import/{id}", records, (*Server).importUndo, false},

		{"GET", "/reports", floor, (*Server).reports, false},
		{"GET", "/reports/{table}", floor, (*Server).reportFile, false},

		{"GET", "/recordings", floor, (*Server).recordings, false},
		{"GET", "/recordings/{id}", floor, (*Server).recording, false},
		{"GET", "/recordings/{id}/sound.wav", floor, (*Server).recordingSound, false},
		{"POST", "/recordings/{id}/download", records, (*Server).recordingDownload, false},
		{"POST", "/recordings/{id}/delete", records, (*Server).recordingDelete, false},

		{"GET", "/admin/recording", accounts, (*Server).recordingRules, false},
		{"POST", "/admin/recording", accounts, (*Server).recordingRulesChange, false},
		{"GET", "/admin", accounts, (*Server).accounts, false},
		{"POST", "/admin/accounts", accounts, (*Server).accountAdd, false},
		{"GET", "/admin/accounts/{id}", accounts, (*Server).account, false},
		{"POST", "/admin/accounts/{id}", accounts, (*Server).accountChange, false},
		{"POST", "/admin/accounts/{id}/paper", accounts, (*Server).paper, false},
		{"GET", "/admin/access", accounts, (*Server).access, false},
		{"POST", "/admin/tokens", accounts, (*Server).tokenAdd, false},
		{"POST", "/admin/tokens/{id}", accounts, (*Server).tokenRevoke, false},
		{"POST", "/admin/parts", accounts, (*Server).partSwitch, false},
		{"GET", "/admin/webhooks", accounts, (*Server).webhooks, false},
		{"POST", "/admin/webhooks", accounts, (*Server).webhookAdd, false},
		{"POST", "/admin/webhooks/{id}", accounts, (*Server).webhookDo, false},
		{"GET", "/admin/bundle", accounts, (*Server).bundle, false},
		{"POST", "/admin/bundle", accounts, (*Server).bundleBring, true},
		{"GET", "/admin/bundle/file", accounts, (*Server).bundleFile, false},
		{"GET", "/admin/bundle/{id}", accounts, (*Server).bundleLook, false},
		{"POST", "/admin/bundle/{id}", accounts, (*Server).bundleApply, false},
		{"GET", "/admin/trunks", accounts, (*Server).trunks, false},
		{"POST", "/admin/trunks", accounts, (*Server).trunkDo, false},
		{"GET", "/admin/trunks/line", accounts, (*Server).trunkForm, false},
		{"POST", "/admin/trunks/line", accounts, (*Server).trunkSave, false},
		{"POST", "/admin/trunks/number", accounts, (*Server).numberDo, false},
		{"POST", "/admin/trunks/dials", accounts, (*Server).dialsDo, false},
		{"POST", "/admin/trunks/callers", accounts, (*Server).callersDo, false},
		{"GET", "/admin/trunks/test", accounts, (*Server).trial, false},
		{"POST", "/admin/trunks/test", accounts, (*Server).trialStart, false},
		{"GET", "/admin/hours", floor, (*Server).hours, false},
		{"POST", "/admin/hours", floor, (*Server).hoursChange, false},
		{"GET", "/admin/queues", records, (*Server).queuesPage, false},
		{"POST", "/admin/queues", records, (*Server).queuesChange, false},
		{"GET", "/admin/routing", floor, (*Server).routing, false},
		{"POST", "/admin/routing", floor, (*Server).routingChange, false},
		{"GET", "/admin/lists", records, (*Server).listsPage, false},
		{"POST", "/admin/lists", records, (*Server).listsDo, false},
		{"POST", "/admin/lists/bring", records, (*Server).listsBring, true},
		{"GET", "/admin/lists/case_form.xlsx", records, (*Server).caseFormFile, false},
		{"GET", "/admin/backup", accounts, (*Server).backups, false},
		{"POST", "/admin/backup", accounts, (*Server).backupPlace, false},
		{"POST", "/admin/backup/disk", accounts, (*Server).diskRemove, false},
		{"POST", "/admin/backup/key", accounts, (*Server).backupKey, false},
		{"GET", "/admin/key", accounts, (*Server).boxKey, false},
		{"POST", "/admin/key", accounts, (*Server).boxKeyKeep, false},
		{"GET", "/admin/system", accounts, (*Server).system, false},
		{"POST", "/admin/system/clock", accounts, (*Server).clock, false},
		{"POST", "/admin/system/certificate", accounts, (*Server).certificateRenew, false},
		{"POST", updatePath, accounts, (*Server).updateTake, false},
		{"GET", "/admin/system/radio", accounts, (*Server).radioSheet, false},
		{"POST", "/admin/system/radio", accounts, (*Server).radioSet, false},
		{"POST", "/admin/system/restart", accounts, (*Server).updateRestart, false},
		{"POST", "/admin/system/restart/quiet", accounts, (*Server).restartPlanned, false},
		{"POST", "/admin/system/restart/off", accounts, (*Server).restartCalledOff, false},
		{"POST", "/admin/system/certificate/bring", accounts, (*Server).certificateBring, true},
		{"POST", "/admin/system/certificate/return", accounts, (*Server).certificateReturn, false},
		{"GET", "/admin/certificate", accounts, (*Server).obtained, false},
		{"POST", "/admin/certificate", accounts, (*Server).obtainedSave, false},
		{"POST", "/admin/certificate/do", accounts, (*Server).obtainedDo, false},
		{"GET", "/admin/log", accounts, (*Server).journal, false},
		{"POST", "/admin/log", accounts, (*Server).journalVerify, false},
		{"GET", "/admin/privacy", accounts, (*Server).privacy, false},
		{"POST", "/admin/privacy", accounts, (*Server).privacyDo, false},
		{"GET", "/admin/close", records, (*Server).closeDown, false},
		{"POST", "/admin/close", records, (*Server).closeDownDo, false},
		{"GET", "/admin/close/{id}", records, (*Server).certificate, false},
		{"GET", "/admin/close/{id}/file", records, (*Server).certificateFile, false},

		{"GET", "/admin/flows", accounts, (*Server).flows, false},
		{"POST", "/admin/flows/publish", accounts, (*Server).flowPublish, false},
		{"POST", "/admin/flows/back", accounts, (*Server).flowBack, false},
		{"POST", "/admin/flows/import", accounts, (*Server).flowImport, true},
		{"POST", "/admin/flows/new", accounts, (*Server).flowNew, false},
		{"GET", "/admin/flows/export", accounts, (*Server).flowExport, false},
		{"GET", "/admin/flows/versions/{id}", accounts, (*Server).flowVersion, false},
		{"GET", "/admin/flow/{id}", accounts, (*Server).flow, false},
		{"GET", "/admin/flow/{id}/text", accounts, (*Server).flowAsText, false},
		{"POST", "/admin/flow/{id}", accounts, (*Server).flowChange, true},
		{"POST", "/admin/flow/{id}/steps", accounts, (*Server).flowSteps, false},
		{"GET", "/admin/flow/{id}/step/{step}", accounts, (*Server).flowStep, false},
		{"GET", "/admin/flow/{id}/add/{step}", accounts, (*Server).flowAdd, false},
		{"POST", "/admin/flow/{id}/add", accounts, (*Server).flowAddKind, false},
		{"GET", "/admin/flow/{id}/add/{step}/{kind}/{by}", accounts, (*Server).flowAdd, false},
		{"POST", "/admin/flow/{id}/step", accounts, (*Server).flowStepSave, true},
		{"GET", "/admin/flow/{id}/try", accounts, (*Server).flowTry, false},
		{"POST", "/admin/flow/{id}/try", accounts, (*Server).flowTry, false},
	}
}

// Way is an address that browsers open, and who may: no role stands for
// whoever has not signed in.
type Way struct {
	Pattern string
	Roles   []string
}

// Ways are all addresses that browsers open, files and live channels included.
func Ways() []Way {
	var all []Way
	for _, rt := range table() {
		if rt.verb != http.MethodGet {
			continue
		}
		way := Way{Pattern: rt.pattern}
		for _, who := range []role{nobody, agent, supervisor, coordinator, admin} {
			if rt.allows(who) {
				way.Roles = append(way.Roles, string(who))
			}
		}
		all = append(all, way)
	}
	return all
}

// menu is what each role finds in the menu: the pages of one kind of work
// together, in the order in which a shift needs them.
func menu(who role) []menuGroup {
	all := []menuGroup{
		{"menu.group.phone", []string{"/desk", "/worklist", "/desk/history", "/desk/start", "/desk/try"}},
		{"menu.group.floor", []string{"/floor", "/floor/mode", "/floor/bulletins", "/floor/notices", "/floor/scripts", "/floor/lines", "/rounds", "/admin/queues", "/admin/hours", "/admin/routing", "/floor/scenario", "/floor/invites", "/floor/walls"}},
		{"menu.group.records", []string{"/records", "/import", "/reports", "/recordings"}},
		{"menu.group.setup", []string{"/admin", "/prompts", "/admin/flows", "/admin/lists", "/admin/recording", "/admin/access", "/admin/trunks", "/admin/webhooks", "/admin/backup", "/admin/key", "/admin/system", "/admin/bundle", "/health", "/rehearsal", "/admin/privacy", "/admin/log", "/admin/close", "/second"}},
	}
	var groups []menuGroup
	for _, group := range all {
		group.paths = slices.DeleteFunc(group.paths, func(path string) bool {
			return !slices.ContainsFunc(table(), func(rt route) bool {
				return rt.verb == "GET" && rt.pattern == path && rt.allows(who)
			})
		})
		if len(group.paths) > 0 {
			groups = append(groups, group)
		}
	}
	if len(groups) == 1 { // the only kind of work: the handbook is one of its pages
		groups[0].paths = append(groups[0].paths, "/handbook")
		return groups
	}
	return append(groups, menuGroup{"menu.group.help", []string{"/handbook"}})
}

// menuGroup is one kind of work and its pages; the text of a page in the menu
// is "menu:" and its path.
type menuGroup struct {
	key   string
	paths []string
}

func homeOf(who role) string {
	switch who {
	case agent:
		return "/desk"
	case supervisor, coordinator:
		return "/floor"
	case admin:
		return "/admin"
	}
	return "/login"
}

// routes builds the router from the table.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range table() {
		mux.Handle(rt.verb+" "+rt.pattern, s.guard(rt))
	}
	mux.Handle(api.Prefix+"/", s.programs)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		v := s.visitor(r)
		// The router knows the address under another verb?
		for _, verb := range []string{http.MethodGet, http.MethodPost} {
			probe := r.Clone(r.Context())
			probe.Method = verb
			if _, pattern := mux.Handler(probe); verb != r.Method && pattern != "/" && pattern != "" {
				w.Header().Set("Allow", verb)
				s.problem(w, r, v, http.StatusMethodNotAllowed, "method")
				return
			}
		}
		s.problem(w, r, v, http.StatusNotFound, "missing")
	})
	return mux
}

// guard lets through who the table allows.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.visitor(r)
		if !rt.allows(v.role) {
			if v.role == nobody && rt.verb == http.MethodGet && !isLive(r) {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			status := http.StatusForbidden
			if v.role == nobody {
				status = http.StatusUnauthorized
			}
			s.problem(w, r, v, status, "denied")
			return
		}
		if v.due && rt.roles != nil && rt.pattern != "/second" {
			if rt.verb == http.MethodGet && !isLive(r) {
				http.Redirect(w, r, "/second", http.StatusSeeOther)
				return
			}
			s.problem(w, r, v, http.StatusForbidden, "denied")
			return
		}
		limit := int64(maxForm)
		if rt.upload {
			limit = maxUpload + maxForm
		}
		if rt.pattern == updatePath {
			limit = maxUpdate
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		rt.handle(s, w, r, v)
	})
}
