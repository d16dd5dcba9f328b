package ivr_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/triage"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// room is what the supervisor line of a scene steers: everything real, and a
// telephone network that is the script's.
type room struct {
	closures *triage.Closures
	dispatch *triage.Dispatcher
	accounts *roster.Accounts
	commands *supervise.Commands
	codes    []string // of Rosa's paper
	rosa     string   // her account, once she has one
	rings    chan *ringing
	line     bool       // the hotline may call out
	ringing  []*ringing // telephones that nobody has picked up yet
}

// ringing is a call that the hotline makes.
type ringing struct {
	to   call.Number
	line *farEnd
	over chan struct{}
	out  ivr.Outcome
	err  error
}

// openRoom makes the room; with lines, the hotline may call out.
func (s *scene) openRoom(records *store.Store, log *slog.Logger) {
	s.t.Helper()
	var err error
	s.room = &room{rings: make(chan *ringing, 8)}
	profiles := triage.ShippedProfiles()
	s.room.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Profiles: profiles, RingFor: 20 * time.Second,
		Journal: triage.NewJournal(nil, "test", log), Log: log})
	s.background(s.room.dispatch.Run)
	if s.room.closures, err = triage.OpenClosures(records, s.room.dispatch.Queues); err != nil {
		s.t.Fatal(err)
	}
	s.supervise(false)
}

// people opens the accounts: most scripts need none, and hashing takes its time.
func (s *scene) people() {
	s.t.Helper()
	if s.room.accounts != nil {
		return
	}
	var err error
	if s.room.accounts, err = roster.Open(s.records, s.t.TempDir(), s.logger); err != nil {
		s.t.Fatal(err)
	}
	s.supervise(s.room.line)
}

// supervise makes the commands, with a line for calls out or without.
func (s *scene) supervise(line bool) {
	s.t.Helper()
	cfg := supervise.Config{Store: s.records, Mode: s.modes, Board: s.board, Closures: s.room.closures, Dispatcher: s.room.dispatch,
		Accounts: s.room.accounts, Log: s.logger}
	s.room.line = line
	if line {
		cfg.Ring = s.ringOut
	}
	var err error
	if s.room.commands, err = supervise.New(cfg); err != nil {
		s.t.Fatal(err)
	}
	s.background(s.room.commands.Run)
}

// background runs something until the scene is over.
func (s *scene) background(run func(context.Context) error) {
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

// enrol gives Rosa an account with a PIN, and a sheet of codes.
func (s *scene) enrol() {
	s.t.Helper()
	s.people()
	a, err := s.room.accounts.Add(s.t.Context(), roster.Account{Login: "rosa", Name: "Rosa", Role: roster.RoleSupervisor, Phone: "+12025550123"}, "meadow-lantern-43", "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.room.rosa = a.ID
	if err := s.room.accounts.SetPIN(s.t.Context(), a.ID, goodPIN, ""); err != nil {
		s.t.Fatal(err)
	}
	if s.room.codes, err = s.room.accounts.MakeCodes(s.t.Context(), a.ID, ""); err != nil {
		s.t.Fatal(err)
	}
}

// helper adds somebody who may be called in.
func (s *scene) helper(name string) {
	s.t.Helper()
	s.people()
	number := call.Number("+1202555013" + strconv.Itoa(len(s.room.phones())))
	if _, err := s.room.accounts.Add(s.t.Context(), roster.Account{Login: name, Name: name, Role: roster.RoleAgent, Phone: number, Reachable: true,
		Languages: []string{"en"}}, "meadow-lantern-43", ""); err != nil {
		s.t.Fatal(err)
	}
}

func (r *room) phones() []roster.Account {
	list, err := r.accounts.List()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(a roster.Account) bool { return !a.Reachable })
}

// ringOut is the telephone network: the script goes on at the other end.
func (s *scene) ringOut(ctx context.Context, r supervise.Ringing) (ivr.Outcome, error) {
	one := &ringing{to: r.To, line: newFarEnd(), over: make(chan struct{})}
	defer close(one.over)
	if s.unanswered > 0 {
		s.unanswered--
		return ivr.Outcome{}, errors.New("nobody answered")
	}
	s.room.rings <- one
	one.out, one.err = s.engine.Run(ctx, one.line, ivr.Start{Flow: r.Flow, Language: r.Language, Attributes: r.Attributes})
	return one.out, one.err
}

// pickUp goes on at the telephone that the hotline rings.
func (s *scene) pickUp(number string) {
	s.t.Helper()
	limit := time.After(patience)
	for {
		for i, one := range s.room.ringing {
			if string(one.to) == number {
				s.room.ringing = slices.Delete(s.room.ringing, i, i+1)
				s.line, s.over, s.rung, s.waited = one.line, one.over, one, 0
				return
			}
		}
		select {
		case one := <-s.room.rings:
			s.room.ringing = append(s.room.ringing, one)
		case <-limit:
			s.fatal("no telephone rings there")
		}
	}
}

// calledIn waits until everybody was called.
func (s *scene) calledIn() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.room.commands.CallOutState().Running; <-time.After(time.Second) {
		if time.Now().After(deadline) {
			s.fatal("people are still being called")
		}
	}
}
