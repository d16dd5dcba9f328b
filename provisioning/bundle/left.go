package bundle

// Left is something that a hotline stores and a bundle does not carry.
type Left struct {
	What, Why string
	Tables    []string // of the records
}

// LeftOut is all that a bundle leaves out, and why. Every table of the records is
// here or among carried: a new one that nobody has thought of fails a test.
func LeftOut() []Left {
	return []Left{
		{"callers, cases, volunteers who registered, their hours, recordings, rounds and numbers that must not be called, the log and the figures", "they are records of people: a backup carries them", []string{
			"contacts", "cases", "case_mergings", "cards", "code_guesses", "items", "persons", "numbers", "recordings", "rounds", "round_people", "round_stops", "tallies", "callouts", "queue_closure_last",
			"registrants", "registrant_recordings", "registrant_pins", "registrant_mergings", "shift_entries", "imports", "import_records", "inboxes", "hidden", "erasures", "gone",
			"exports", "rehearsals", "rehearsal_sounds", "red_states", "report_hours", "report_state", "books", "requests_once", "closedown", "blobs", "history", "webhook_standings"}},
		{"passwords, PINs, second steps and whether they are demanded, codes on paper, passwords of desk phones, invitations, wall screens and tokens of programs", "they open that one box, and are made anew where they shall count", []string{
			"account_secrets", "pin_failures", "sessions", "second_steps", "second_rule", "paper_codes", "invites", "walls", "api_tokens"}},
		{"mode, announcements, bulletins, notices and lines closed by hand", "they are for this hour", []string{
			"mode", "mode_announcements", "mode_announcements_before", "bulletins", "bulletin_sounds", "bulletin_last_change", "notices", "queue_closures"}},
		{"drafts of dialogues, older versions of them, and how far somebody is in recording sentences", "they are unfinished work, or over", []string{"flow_drafts", "prompt_walks"}},
		{"the list of places with their codes", "it is a file already: bring the same one on the page Fields and lists", []string{"places"}},
		{"where backups go, and their keys", "each box has its own: choose the place on the page Backups there", nil}, // in a file beside the records
		{"certificates, and how they are got", "they are for the names of that one machine", []string{"certificate_orders", "certificate_accounts", "certificates_got", "certificate_standings", "calendar"}},
	}
}

// Apart is what goes into the file of secrets and not into the bundle.
const Apart = "passwords of telephone lines, other systems that are told what happens, and regular exports with their places"

// carried are the tables that a bundle carries, with the file of secrets.
func carried() []string {
	return []string{"operation", "lists", "parts_off", "parts_on", "sharing", "scenario", "prompts", "prompt_sounds", "prompt_languages", "flow_versions",
		"routings", "scripts", "quiet_hours", "privacy", "recording_rules", "accounts",
		"telephone_lines", "telephone_line_order", "telephone_line_passwords", "telephone_numbers", "telephone_dialling", "webhooks", "export_orders"}
}
