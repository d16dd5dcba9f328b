package gallery

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"hotline/ui"
)

// slots are the systems of an appliance, and its restart; another scene is on a
// server of its own.
func (s *scene) slots() ui.Updates {
	state := ui.UpdateState{Version: 202611010930, Takes: true}
	switch filepath.Base(s.dir) {
	case fullScene, spareScene:
		state.Waiting = 202611261530
	case longScene:
		state.Failed = 202611261530
	default:
		return nil
	}
	return slots{state, s}
}

type slots struct {
	state ui.UpdateState
	of    *scene
}

func (s slots) Look(context.Context) (ui.UpdateState, error) { return s.state, nil }

func (s slots) Install(context.Context, io.Reader) (ui.UpdateState, error) {
	return s.state, errors.New("the update is not signed by those who made this system: do not use it")
}

func (s slots) Restart(context.Context) error { return nil }

func (s slots) Plan(context.Context, string) error { return nil }

func (s slots) CallOff(context.Context, string) (bool, error) { return false, nil }

func (s slots) Planned() ui.RestartPlan {
	switch filepath.Base(s.of.dir) {
	case spareScene:
		return ui.RestartPlan{At: time.Now().Add(-40 * time.Minute), By: s.of.who.ids["admin"], Calls: 3}
	case longScene:
		return ui.RestartPlan{Ended: time.Now().Add(-5 * time.Hour)}
	}
	return ui.RestartPlan{}
}
