package gallery

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"hotline/appliance/softphone"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/ui"
	"hotline/volunteers/roster"
)

// errMadeUp is what everything answers that would do something.
var errMadeUp = errors.New("nothing is done in the gallery")

// room is the far end of the live pages: it shows what it is told to show, and
// takes no call.
type room struct {
	floor   desk.FloorView
	mode    desk.ModeView
	seats   map[string]desk.Snapshot // by the state that they show
	gateway *softphone.Gateway       // for the microphones of the pages; nobody hears them
	never   chan struct{}
}

// Seat is at the desk whose state the visitor has chosen: the account's id says
// which one.
func (r *room) Seat(p desk.Person) ui.Seat { return &seat{room: r, state: p.ID} }

// Practise shows the practice call like any other.
func (r *room) Practise(desk.Person, string, func()) ui.Seat {
	return &seat{room: r, state: "practice"}
}

func (r *room) CallFromBrowser(context.Context, string, string, string) (ui.BrowserCaller, error) {
	return nil, desk.ErrManyBrowsers
}

func (r *room) FloorView(now time.Time) (desk.FloorView, error) {
	view := r.floor
	view.Now, view.Mode = now, r.mode
	return view, nil
}

func (r *room) FloorChanged() <-chan struct{} { return r.never }
func (r *room) CallsOut() bool                { return true }
func (r *room) Know(desk.Person)              {}

func (r *room) SteerAgent(context.Context, desk.Steerer, string, triage.AgentState, string) (bool, error) {
	return false, errMadeUp
}
func (r *room) PutFirst(context.Context, desk.Steerer, string, string) error {
	return desk.UserError("Somebody in danger waits in this line and goes first.")
}
func (r *room) TakeNow(context.Context, desk.Steerer, string) error { return errMadeUp }

// seat shows one state of the desk for ever.
type seat struct {
	room  *room
	state string
	mu    sync.Mutex
	pages uint64
}

func (s *seat) Snapshot() desk.Snapshot {
	now, ok := s.room.seats[s.state]
	if !ok {
		now = s.room.seats["off"]
	}
	now.Now = time.Now()
	return now
}

func (s *seat) Changed() <-chan struct{}               { return s.room.never }
func (s *seat) Do(context.Context, desk.Command) error { return nil }
func (s *seat) Beat(time.Time, bool)                   {}

func (s *seat) Delay(time.Duration) {}
func (s *seat) PageClosed(uint64)   {}

func (s *seat) Directory() desk.Directory {
	return desk.Directory{Queues: []string{triage.QueueHelp, triage.QueueFamily, triage.QueueVolunteers}, Outgoing: true, Calls: true, Agents: []desk.DirectoryAgent{
		{ID: "b", Name: "Beatriz", State: triage.Ready}, {ID: "d", Name: "دعاء", State: triage.OnCall}, {ID: "e", Name: "Emeka", State: triage.OnBreak}}}
}

func (s *seat) ConnectAudio(ctx context.Context, offer string) (string, error) {
	_, answer, err := s.room.gateway.Connect(ctx, offer)
	return answer, err
}

func (s *seat) PageOpened() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	return s.pages
}

func (s *seat) Holds(token uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages == token && s.state != "elsewhere"
}

// visitors are whoever somebody says they are: "supervisor", or "agent.offer"
// for a phone volunteer whose desk shows that.
type visitors struct {
	accounts *roster.Accounts
	ids      map[string]string // by role
}

func (v visitors) Visit(_ context.Context, token string) (roster.Account, error) {
	who, state, _ := strings.Cut(token, ".")
	id, ok := v.ids[who]
	if !ok {
		return roster.Account{}, roster.ErrNoSession
	}
	account, err := v.accounts.Get(id)
	if state != "" {
		account.ID = state
	}
	return account, err
}

func (v visitors) SignIn(context.Context, string, string, string) (string, roster.Account, error) {
	return "", roster.Account{}, roster.ErrRefused
}

func (v visitors) SecondStep(context.Context, string, string) (string, roster.Account, error) {
	return "", roster.Account{}, roster.ErrCode
}
func (v visitors) Begin(context.Context, string, string) (string, error) { return "", errMadeUp }
func (v visitors) Keep(string)                                           {}
func (v visitors) Ended(string) <-chan struct{}                          { return nil }
func (v visitors) SignOut(context.Context, string) error                 { return nil }
func (v visitors) Half(token string) bool                                { return token == half }

// half is the visitor between the password and the second step.
const half = "half"
