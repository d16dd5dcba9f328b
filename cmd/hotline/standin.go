package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/softphone/peer"
	"hotline/triage"
	"hotline/triage/desk"
)

// standIn answers calls of a rehearsal: a seat of the mirror, and a page's sound
// through the same gateway as everybody's. It speaks a tone.
type standIn struct {
	m     *mirror
	id    string
	hz    float64
	seat  *desk.Seat
	sound *peer.Peer
	over  context.CancelFunc
	beats sync.WaitGroup
}

// The tones of a rehearsal; none is a multiple of another.
const (
	rehearsalCallerHz = 440.0
	rehearsalFirstHz  = 1000.0
	rehearsalSecondHz = 1530.0
)

const standInLimit = 20 * time.Second // for a state to come, on a busy machine

// sits signs a stand-in in and connects its sound.
func (m *mirror) sits(ctx context.Context, name string, hz float64) (*standIn, error) {
	s := &standIn{m: m, id: "rehearsal-" + name, hz: hz, over: func() {}}
	var err error
	if s.sound, err = peer.Open(); err != nil {
		return nil, err
	}
	s.seat = m.desk.Seat(desk.Person{ID: s.id, Name: name, Login: name, Profile: rehearsalProfile, Role: "agent", Languages: m.engine.Surroundings().Languages})
	s.seat.PageOpened()
	ctx, over := context.WithTimeout(ctx, standInLimit)
	defer over()
	offer, err := s.sound.Offer(ctx)
	if err == nil {
		var answer string
		if answer, err = s.seat.ConnectAudio(ctx, offer); err == nil {
			err = s.sound.Accept(answer)
		}
	}
	if err != nil {
		s.leaves()
		return nil, err
	}
	s.sound.Speak(hz)
	beat, stop := context.WithCancel(context.Background())
	s.over = stop
	s.beats.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			s.seat.Beat(time.Now(), true)
			select {
			case <-tick.C:
			case <-beat.Done():
				return
			}
		}
	})
	return s, s.do(ctx, desk.Command{Type: "ready"})
}

// leaves hangs up, as a page that is closed.
func (s *standIn) leaves() {
	s.over()
	s.beats.Wait()
	s.sound.Close()
}

func (s *standIn) do(ctx context.Context, c desk.Command) error {
	ctx, over := context.WithTimeout(ctx, standInLimit)
	defer over()
	return s.seat.Do(ctx, c)
}

// until waits for something that the page would show.
func (s *standIn) until(ctx context.Context, what string, seen func(desk.Snapshot) bool) (desk.Snapshot, error) {
	ctx, over := context.WithTimeout(ctx, standInLimit)
	defer over()
	look := time.NewTicker(100 * time.Millisecond) // what the dispatcher decides changes no seat
	defer look.Stop()
	for {
		changed := s.seat.Changed()
		now := s.seat.Snapshot()
		if seen(now) {
			return now, nil
		}
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			return now, fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// answers takes the call that rings, or will in a moment.
func (s *standIn) answers(ctx context.Context) (contact string, err error) {
	now, err := s.until(ctx, "no call comes to the phone volunteer", func(n desk.Snapshot) bool { return n.Agent.State == triage.Offered && n.Call != nil })
	if err != nil {
		return "", err
	}
	if err := s.do(ctx, desk.Command{Type: "accept", Contact: now.Call.Contact}); err != nil {
		return "", err
	}
	_, err = s.until(ctx, "the call that was answered does not begin", func(n desk.Snapshot) bool {
		return n.Agent.State == triage.OnCall && n.Call != nil && len(n.Call.Parties) > 0
	})
	return now.Call.Contact, err
}

// finishes writes the notes of the call and is ready again.
func (s *standIn) finishes(ctx context.Context, contact string) error {
	if _, err := s.until(ctx, "the call does not end at the desk", func(n desk.Snapshot) bool { return n.Agent.State == triage.WrapUp }); err != nil {
		return err
	}
	choices := s.m.lists.Now().List(lists.Dispositions).Choices
	codes := []string{"test", "info_given", "wrong_number"}
	i := slices.IndexFunc(codes, func(code string) bool {
		return slices.ContainsFunc(choices, func(c lists.Choice) bool { return c.Code == code })
	})
	if i < 0 {
		return errors.New("no way for a call to end fits a rehearsal")
	}
	if err := s.do(ctx, desk.Command{Type: "wrap", Contact: contact, Disposition: codes[i]}); err != nil {
		return err
	}
	return s.do(ctx, desk.Command{Type: "ready"})
}
