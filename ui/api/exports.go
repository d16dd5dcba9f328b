package api

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"slices"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/sharing"
	"hotline/appliance/table"
	"hotline/volunteers/roster"
)

const exportsListed = 50

// exportJSON is an export as its program sees it: never its password.
type exportJSON struct {
	ID        string       `json:"id"`
	State     export.State `json:"state"`
	Sets      []string     `json:"sets"`
	Formats   []string     `json:"formats"`
	Level     string       `json:"level"`
	Since     *time.Time   `json:"since"`
	Reason    string       `json:"reason"`
	Recipient string       `json:"recipient,omitempty"`
	To        string       `json:"to,omitempty"`
	Asked     time.Time    `json:"asked"`
	Ended     *time.Time   `json:"ended"`
	Until     *time.Time   `json:"until"`
	Rows      int          `json:"rows"`
	Size      int64        `json:"size"`
	SHA256    string       `json:"sha256,omitempty"`
	Locked    bool         `json:"locked"`
	Part      string       `json:"part,omitempty"`
}

func exportOf(j export.Job, p export.Progress) exportJSON {
	when := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	one := exportJSON{ID: j.ID, State: j.State, Sets: j.Request.Sets, Formats: j.Request.Formats, Level: j.Request.Level.String(), Since: when(j.Request.Since),
		Reason: j.Request.Reason, Recipient: j.Request.Recipient, To: j.Request.To, Asked: j.Asked, Ended: when(j.Ended), Until: when(j.Until), Rows: j.Rows, Size: j.Size,
		SHA256: j.SHA256, Locked: j.Locked, Part: p.Part}
	if p.Rows > 0 {
		one.Rows = p.Rows
	}
	return one
}

// asked is who asks for an export: each program sees its own alone, and none of
// those that its owner asks for on the pages.
func asked(t roster.Token) string { return "token:" + t.ID }

func (a *API) exports(w http.ResponseWriter, _ *http.Request, t roster.Token) {
	jobs, err := a.cfg.Exports.Jobs(asked(t), exportsListed)
	if err != nil {
		a.broken(w, "listing the exports", err)
		return
	}
	items := []exportJSON{}
	for _, j := range jobs {
		if j.Request.By == asked(t) { // those that wait for a second person are for people
			items = append(items, exportOf(j, export.Progress{}))
		}
	}
	reply(w, http.StatusOK, map[string]any{"items": items, "next": nil})
}

// askExport asks for a file, up to the level of the token: everything leaves the
// box when two people agree, and a program is none.
func (a *API) askExport(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Sets      []string  `json:"sets"`
		Formats   []string  `json:"formats"`
		Level     string    `json:"level"`
		Since     time.Time `json:"since"`
		HXL       bool      `json:"hxl"`
		Filter    string    `json:"filter"`
		Reason    string    `json:"reason"`
		Recipient string    `json:"recipient"`
		To        string    `json:"to"`
		Password  string    `json:"password"`
	}
	if !read(w, r, &wanted) {
		return
	}
	level := table.Coordination
	if wanted.Level != "" {
		var err error
		if level, err = table.ParseLevel(wanted.Level); err != nil {
			problem(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
	}
	switch {
	case level == table.Full:
		problem(w, http.StatusForbidden, "everything leaves the box only when two people agree: ask for it on the page Export")
		return
	case level > t.Sees():
		problem(w, http.StatusForbidden, "this token is shown records up to the level "+t.Sees().String())
		return
	}
	to := cmp.Or(wanted.To, t.For())
	if scopes := sharing.Scopes(); slices.Index(scopes, to) < slices.Index(scopes, t.For()) {
		problem(w, http.StatusForbidden, "this token reads what may go to "+t.For()+": its exports are for no others")
		return
	}
	if len(wanted.Formats) == 0 {
		wanted.Formats = []string{export.JSONL}
	}
	job, err := a.cfg.Exports.Ask(r.Context(), export.Request{Sets: wanted.Sets, Formats: wanted.Formats, Level: level, Since: wanted.Since, HXL: wanted.HXL,
		Filter: wanted.Filter, Reason: clean(wanted.Reason, reasonMax), Recipient: clean(wanted.Recipient, reasonMax), Password: wanted.Password, To: to, By: asked(t), Name: t.Name, Via: "api"})
	if a.exportRefused(w, err) {
		return
	}
	w.Header().Set("Location", Prefix+"/exports/"+job.ID)
	reply(w, http.StatusCreated, exportOf(job, export.Progress{}))
}

// exportRefused answers when something was wrong.
func (a *API) exportRefused(w http.ResponseWriter, err error) bool {
	var wrong export.Mistake
	switch {
	case errors.Is(err, export.TooMany):
		tooMany(w, 10*time.Minute)
	case errors.Is(err, export.WrongState):
		problem(w, http.StatusConflict, "this export is over: there is nothing to stop or delete")
	case errors.As(err, &wrong):
		problemWith(w, http.StatusUnprocessableEntity, exportMistake(wrong), map[string]any{"field": string(wrong)})
	case errors.Is(err, export.ErrNone):
		missing(w)
	case err != nil:
		a.broken(w, "working on an export", err)
	}
	return err != nil
}

func exportMistake(wrong export.Mistake) string {
	said := map[export.Mistake]string{
		export.WrongSet:       "choose the sets that are exported, by their names",
		export.WrongFormat:    "a format is xlsx, csv or jsonl",
		export.WrongLevel:     "this set says nothing with so low a level",
		export.WrongReason:    "give the reason in a few words: it is written into the log and into the file",
		export.WrongRecipient: "say which organisation gets the file",
		export.WrongTo:        "to is inside, helpers or public",
		export.WrongReach:     "no record of this set says how far it may go: it stays inside",
		export.WrongPassword:  "with names and numbers, and whenever there is a password, it has 16 characters at least",
		export.WrongFilter:    "the filter is about another set",
	}[wrong]
	if said == "" {
		said = wrong.Error()
	}
	return said
}

// job is an export of this program, as far as its level goes today.
func (a *API) job(w http.ResponseWriter, r *http.Request, t roster.Token) (export.Job, export.Progress, bool) {
	j, p, err := a.cfg.Exports.Job(r.PathValue("id"), asked(t))
	if err == nil && (j.Request.By != asked(t) || j.Request.Level > t.Sees()) {
		err = export.ErrNone
	}
	return j, p, !a.exportRefused(w, err)
}

func (a *API) export(w http.ResponseWriter, r *http.Request, t roster.Token) {
	if j, p, ok := a.job(w, r, t); ok {
		reply(w, http.StatusOK, exportOf(j, p))
	}
}

func (a *API) dropExport(w http.ResponseWriter, r *http.Request, t roster.Token) {
	j, _, ok := a.job(w, r, t)
	if !ok || a.exportRefused(w, a.cfg.Exports.Cancel(r.Context(), j.ID, asked(t))) {
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// exportFile lets the file leave the box.
func (a *API) exportFile(w http.ResponseWriter, r *http.Request, t roster.Token) {
	j, _, ok := a.job(w, r, t)
	if !ok {
		return
	}
	if j.State != export.Done {
		problem(w, http.StatusConflict, "the file is not made yet, or not kept any more: its state is "+string(j.State))
		return
	}
	file, j, err := a.cfg.Exports.Open(r.Context(), j.ID, asked(t))
	if a.exportRefused(w, err) {
		return
	}
	defer file.Close()
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileLimit)); err != nil {
		a.broken(w, "preparing an export", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": j.FileName()}))
	http.ServeContent(w, r, "", time.Time{}, file)
}
