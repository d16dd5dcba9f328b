package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// profiles are the routing profiles that an account can have.
func (s *Server) profiles() []triage.Profile { return s.cfg.Routing.Routing().Profiles }

func (s *Server) profileIDs() (ids []string) {
	for _, p := range s.profiles() {
		ids = append(ids, p.ID)
	}
	return ids
}

const logged = 200 // entries of the log page

func roleNames() []string {
	var names []string
	for _, one := range roster.Roles() {
		names = append(names, string(one))
	}
	return names
}

func (s *Server) accounts(w http.ResponseWriter, r *http.Request, v visit) {
	s.showAccounts(w, r, v, http.StatusOK, page.AccountForm{Role: string(agent)}, nil)
}

func (s *Server) showAccounts(w http.ResponseWriter, r *http.Request, v visit, status int, form page.AccountForm, mistake error) {
	list, err := s.cfg.Accounts.List()
	if err != nil {
		s.broken(w, r, v, "listing the accounts", err)
		return
	}
	slices.SortFunc(list, func(a, b roster.Account) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	f := s.frame(r, v, "accounts.title")
	s.show(w, r, status, page.Accounts(page.AccountsPage{Frame: f, Accounts: list, Roles: roleNames(), Profiles: s.profiles(), Teams: s.cfg.Routing.Routing().Teams, Form: form,
		Trouble: s.mistake(f, mistake), Done: r.URL.Query().Get("done")}))
}

// mistake is the sentence about a refused form; nil is none.
func (s *Server) mistake(f page.Frame, err error) string {
	var key errForm
	switch {
	case err == nil:
		return ""
	case errors.As(err, &key):
		return f.T(string(key))
	case errors.Is(err, roster.ErrTaken):
		return f.T("account.wrong.taken")
	case errors.Is(err, roster.ErrPhone):
		return f.T("account.wrong.shared")
	case errors.Is(err, roster.ErrLastAdmin):
		return f.T("account.wrong.last")
	case errors.Is(err, roster.ErrBusy):
		return f.T("login.busy")
	}
	return f.F("account.wrong.refused", "why", f.Said(err.Error()))
}

// readAccount takes the fields that both account forms share.
func (s *Server) readAccount(r *http.Request) (roster.Account, page.AccountForm, error) {
	form := page.AccountForm{
		Login: strings.ToLower(clean(r.PostForm.Get("login"), 32)), Name: clean(r.PostForm.Get("name"), 64), Role: r.PostForm.Get("role"),
		Profile: r.PostForm.Get("profile"), Languages: clean(r.PostForm.Get("languages"), 64), Phone: clean(r.PostForm.Get("phone"), 32),
		Reachable: r.PostForm.Get("reachable") == "yes", Teams: r.PostForm["team"],
	}
	account := roster.Account{Login: form.Login, Name: form.Name, Role: roster.Role(form.Role), Profile: form.Profile, Reachable: form.Reachable, Teams: form.Teams}
	for _, tag := range strings.FieldsFunc(form.Languages, func(c rune) bool { return c == ',' || c == ' ' }) {
		account.Languages = append(account.Languages, strings.ToLower(tag))
	}
	if form.Phone != "" {
		account.Phone = call.ParseNumber(form.Phone, s.cfg.Region)
	}
	switch {
	case form.Name == "":
		return account, form, errForm("account.wrong.name")
	case !slices.Contains(roleNames(), form.Role):
		return account, form, errForm("account.wrong.role")
	case form.Phone != "" && !account.Phone.E164():
		return account, form, errForm("account.wrong.phone")
	case form.Profile != "" && !slices.ContainsFunc(s.profiles(), func(p triage.Profile) bool { return p.ID == form.Profile }):
		return account, form, errForm("account.wrong.role")
	}
	return account, form, nil
}

func (s *Server) accountAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the account form", err)
		return
	}
	account, form, err := s.readAccount(r)
	if err == nil {
		_, err = s.cfg.Accounts.Add(r.Context(), account, r.PostForm.Get("password"), v.account.ID)
	}
	if err != nil {
		s.showAccounts(w, r, v, http.StatusUnprocessableEntity, form, err)
		return
	}
	http.Redirect(w, r, "/admin?done=added", http.StatusSeeOther)
}

func (s *Server) account(w http.ResponseWriter, r *http.Request, v visit) {
	account, err := s.cfg.Accounts.Get(r.PathValue("id"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	s.showAccount(w, r, v, http.StatusOK, account, formOf(account), nil)
}

func formOf(a roster.Account) page.AccountForm {
	return page.AccountForm{Login: a.Login, Name: a.Name, Role: string(a.Role), Profile: a.Profile, Languages: strings.Join(a.Languages, ", "), Phone: string(a.Phone), Reachable: a.Reachable, Teams: a.Teams}
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, v visit, status int, account roster.Account, form page.AccountForm, mistake error) {
	s.show(w, r, status, page.Account(s.accountPage(r, v, account, form, mistake)))
}

func (s *Server) accountPage(r *http.Request, v visit, account roster.Account, form page.AccountForm, mistake error) page.AccountPage {
	f := s.frame(r, v, "account.title")
	return page.AccountPage{Frame: f, Account: account, Self: account.ID == v.account.ID, Roles: roleNames(), Profiles: s.profiles(), Teams: s.cfg.Routing.Routing().Teams,
		Form: form, Trouble: s.mistake(f, mistake), Done: r.URL.Query().Get("done"), TakesCalls: account.Role.May(roster.Desk), PhoneServer: s.cfg.PhoneServer}
}

// deskPhone makes the password of a desk phone and shows it this once: the
// answer is the page itself, which no address leads back to.
func (s *Server) deskPhone(w http.ResponseWriter, r *http.Request, v visit, account roster.Account) {
	extension, password, err := s.cfg.Accounts.NewDeskPhone(r.Context(), account.ID, v.account.ID)
	if err != nil {
		s.showAccount(w, r, v, http.StatusUnprocessableEntity, account, formOf(account), err)
		return
	}
	account.Extension = extension
	content := s.accountPage(r, v, account, formOf(account), nil)
	content.PhonePassword = password
	s.show(w, r, http.StatusOK, page.Account(content))
}

func (s *Server) accountChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the account form", err)
		return
	}
	account, err := s.cfg.Accounts.Get(r.PathValue("id"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	what, form, by := r.PostForm.Get("do"), formOf(account), v.account.ID
	switch what {
	case "change":
		err = s.changeAccount(r, v, &account, &form)
	case "password":
		if err = s.cfg.Accounts.SetPassword(r.Context(), account.ID, r.PostForm.Get("password"), by); err == nil && account.ID == by {
			err = s.stayIn(w, r, account.ID)
		}
	case "pin":
		err = s.cfg.Accounts.SetPIN(r.Context(), account.ID, r.PostForm.Get("pin"), by)
	case "second.drop":
		err = s.cfg.Accounts.DropSecond(r.Context(), account.ID, by)
	case "deskphone":
		s.deskPhone(w, r, v, account)
		return
	case "deskphone.drop":
		err = s.cfg.Accounts.DropDeskPhone(r.Context(), account.ID, by)
	case "disable", "enable":
		if account.ID == by { // nobody locks the door behind himself
			s.problem(w, r, v, http.StatusForbidden, "denied")
			return
		}
		account.Disabled = what == "disable"
		err = s.cfg.Accounts.Change(r.Context(), account, by)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	if err != nil {
		s.showAccount(w, r, v, http.StatusUnprocessableEntity, account, form, err)
		return
	}
	http.Redirect(w, r, "/admin/accounts/"+account.ID+"?done="+what, http.StatusSeeOther)
}

// stayIn begins a new session for who has just set the own password, which
// ended all old ones.
func (s *Server) stayIn(w http.ResponseWriter, r *http.Request, id string) error {
	token, err := s.cfg.Sessions.Begin(r.Context(), id, sourceOf(r))
	if err == nil {
		setCookie(w, sessionCookie, token, cookieLife)
	}
	return err
}

func (s *Server) changeAccount(r *http.Request, v visit, account *roster.Account, form *page.AccountForm) error {
	changed, typed, err := s.readAccount(r)
	typed.Login = account.Login
	*form = typed
	if err != nil {
		return err
	}
	if account.ID == v.account.ID && changed.Role != account.Role {
		return errForm("account.wrong.role")
	}
	next := *account
	defer func() { s.know(next.ID) }()
	next.Name, next.Role, next.Profile, next.Languages, next.Phone, next.Reachable, next.Teams = changed.Name, changed.Role, changed.Profile, changed.Languages, changed.Phone, changed.Reachable, changed.Teams
	return s.cfg.Accounts.Change(r.Context(), next, v.account.ID)
}

// journal shows the log: what people did, or everything.
func (s *Server) journal(w http.ResponseWriter, r *http.Request, v visit) {
	s.showJournal(w, r, v, http.StatusOK, page.LogProof{})
}

// journalVerify proves the log, and against marks that were kept elsewhere.
func (s *Server) journalVerify(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the log", err)
		return
	}
	proof := page.LogProof{Mark: clean(r.PostForm.Get("mark"), 100)}
	var marks []store.Mark
	if proof.Mark != "" {
		mark, err := store.ParseMark(proof.Mark)
		if err != nil {
			proof.Mistake = true
			s.showJournal(w, r, v, http.StatusUnprocessableEntity, proof)
			return
		}
		marks = append(marks, mark)
	}
	end, n, err := s.cfg.Journal.Verify(marks...)
	if err != nil && !errors.Is(err, store.ErrLogChanged) {
		s.broken(w, r, v, "proving the log", err)
		return
	}
	proof.Done, proof.Entries, proof.End = true, n, end.String()
	if err != nil {
		s.cfg.Log.Error("the log was changed by somebody", "error", err)
		proof.Wrong = err.Error()
	}
	s.showJournal(w, r, v, http.StatusOK, proof)
}

func (s *Server) showJournal(w http.ResponseWriter, r *http.Request, v visit, status int, proof page.LogProof) {
	all := r.URL.Query().Has("all")
	list, err := s.cfg.Journal.Latest(logged, func(ev events.Event) bool {
		return all || ev.By != "" && !strings.HasPrefix(ev.Kind, "agent.")
	})
	if err != nil {
		s.broken(w, r, v, "reading the log", err)
		return
	}
	content := page.LogPage{Frame: s.frame(r, v, "log.title"), All: all, Proof: proof}
	for _, ev := range list {
		content.Entries = append(content.Entries, page.Entry{Event: ev, Name: s.nameOf(ev)})
	}
	s.show(w, r, status, page.Log(content))
}
