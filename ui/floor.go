package ui

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/ivr/mode"
	"hotline/triage/reports"
	"hotline/ui/page"
)

// Server-sent events of the floor page: at once on a change, and every few
// seconds in any case, because times and waits move on.
const (
	floorPause = 500 * time.Millisecond
	floorPulse = 3 * time.Second
	lastModes  = 6
	// floorLook is how often the stream asks whether its session has run out.
	// Asking counts as use, so it must be rarer than the shortest time without
	// use that a session survives (an administrator's 15 minutes): then a page
	// that nobody touches never keeps its own session alive.
	floorLook = 16 * time.Minute
)

func changesMode(ev events.Event) bool {
	return ev.Kind == mode.EventChanged || ev.Kind == mode.EventExpired || ev.Kind == mode.EventUndone
}

func (s *Server) floorView(r *http.Request, v visit) (page.FloorPage, error) {
	whole, err := s.cfg.Desk.FloorView(time.Now())
	if err != nil {
		return page.FloorPage{}, fmt.Errorf("looking at the floor: %w", err)
	}
	scope := s.scope(v)
	view := whole.For(scope)
	changes, err := s.modes.events(s.cfg.Journal, time.Now())
	if err != nil {
		return page.FloorPage{}, fmt.Errorf("reading the last changes: %w", err)
	}
	warnings, err := s.warnings(time.Now())
	if err != nil {
		return page.FloorPage{}, err
	}
	var gauge *reports.Gauge
	if g, err := s.cfg.Reports.Gauge(r.Context(), time.Now(), speakers(whole)); err == nil {
		gauge = &g
	} else if !errors.Is(err, reports.ErrCounting) { // the floor is seen without it
		s.cfg.Log.Error("who is missing could not be computed", "error", err)
	}
	return page.FloorPage{Scope: scope, Gauge: gauge, Warnings: warnings, Bad: health.Worst(health.Checks(s.cfg.Health())) == health.Bad, Frame: s.frame(r, v, "floor.title"), View: view, Mode: s.cfg.Mode.Current(time.Now()), Changes: s.changes(changes)}, nil
}

// changes names who switched the mode.
func (s *Server) changes(list []events.Event) []page.Change {
	var changes []page.Change
	for _, ev := range list {
		changes = append(changes, page.Change{At: ev.At, From: ev.Data["from"], To: ev.Data["to"], Via: ev.Via, By: s.nameOf(ev)})
	}
	return changes
}

func (s *Server) nameOf(ev events.Event) string {
	if name := ev.Data["name"]; name != "" {
		return name
	}
	if ev.By == "" {
		return ""
	}
	account, err := s.cfg.Accounts.Get(ev.By)
	if err != nil {
		return ev.By // an account that no longer exists
	}
	return account.Name
}

func (s *Server) floor(w http.ResponseWriter, r *http.Request, v visit) {
	content, err := s.floorView(r, v)
	if err != nil {
		s.broken(w, r, v, "drawing the floor", err)
		return
	}
	content.Done = known(r.URL.Query().Get("done"), page.FloorDone())
	s.show(w, r, http.StatusOK, page.Floor(content))
}

func (s *Server) floorStream(w http.ResponseWriter, r *http.Request, v visit) {
	looked := time.Now()
	s.stream(w, r, s.cfg.Sessions.Ended(v.token), func() (*bytes.Buffer, error) {
		if time.Since(looked) >= floorLook {
			looked = time.Now()
			if _, err := s.cfg.Sessions.Visit(r.Context(), v.token); err != nil {
				return nil, err
			}
		}
		content, err := s.floorView(r, v)
		if err != nil {
			return nil, err
		}
		var drawn bytes.Buffer
		return &drawn, page.FloorLive(content).Render(r.Context(), &drawn)
	})
}

// stream sends a drawing at once when the room changes, and every few seconds
// in any case, until the page, the drawing or its session ends.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, over <-chan struct{}, draw func() (*bytes.Buffer, error)) {
	control, ctx := http.NewResponseController(w), r.Context()
	w.Header().Set("Content-Type", "text/event-stream")
	pulse := time.NewTicker(floorPulse)
	defer pulse.Stop()
	for {
		changed := s.cfg.Desk.FloorChanged()
		drawn, err := draw()
		if err == nil {
			err = sendDrawing(w, control, drawn)
		}
		if err != nil {
			s.cfg.Log.Debug("a live page is gone", "path", r.Pattern, "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-s.closing:
			return
		case <-pulse.C:
		case <-changed:
			// A busy room changes many times a second; eyes do not.
			pause := time.NewTimer(floorPause)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
	}
}

func sendDrawing(w http.ResponseWriter, control *http.ResponseController, drawn *bytes.Buffer) error {
	if err := control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	data := strings.ReplaceAll(strings.ReplaceAll(drawn.String(), "\r", ""), "\n", "\ndata: ")
	if _, err := fmt.Fprintf(w, "event: floor\ndata: %s\n\n", data); err != nil {
		return err
	}
	return control.Flush()
}
