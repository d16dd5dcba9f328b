package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/volunteers/roster"
)

// The stream of events (I3) is read from the event log and from nothing else, so
// that a program which comes back with the last id it has seen misses nothing
// and hears nothing twice. A program that reads too slowly is cut off, and goes
// on in the same way.

const atOnce = 200 // entries of the log that are read in one go

// streams counts those that are open.
type streams struct {
	mu    sync.Mutex
	all   int
	token map[string]int
}

func (s *streams) take(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= mostStreams || s.token[token] >= perToken {
		return false
	}
	if s.token == nil {
		s.token = map[string]int{}
	}
	s.all++
	s.token[token]++
	return true
}

func (s *streams) give(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.token[token]--; s.token[token] == 0 {
		delete(s.token, token)
	}
}

func (a *API) events(w http.ResponseWriter, r *http.Request, t roster.Token) {
	types := r.URL.Query()["type"]
	for name := range r.URL.Query() {
		if name != "type" && name != "after" {
			problem(w, http.StatusBadRequest, "events are picked by type, and go on with after or Last-Event-ID")
			return
		}
	}
	for _, kind := range types {
		if !slices.Contains(Types(), kind) {
			problem(w, http.StatusBadRequest, fmt.Sprintf("there is no event %q: see %s/openapi.json", clean(kind, 64), Prefix))
			return
		}
	}
	begin := r.Header.Get("Last-Event-ID")
	if begin == "" {
		begin = r.URL.Query().Get("after")
	}
	at, gap, err := a.place(begin)
	if errors.Is(err, errPlace) {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	if err != nil {
		a.broken(w, "reading the log", err)
		return
	}
	if !a.streams.take(t.ID) {
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusTooManyRequests, fmt.Sprintf("too many streams are open: %d for one token, %d in all", perToken, mostStreams))
		return
	}
	defer a.streams.give(t.ID)
	if err := a.note(r.Context(), t, "events.followed", map[string]string{"from": at.String(), "level": t.Sees().String()}); err != nil {
		a.broken(w, "noting who listens", err)
		return
	}
	s := &stream{a: a, w: w, control: http.NewResponseController(w), token: t, text: tokenText(r), types: types, at: at}
	w.Header().Set("Content-Type", "text/event-stream")
	if err := s.run(r.Context(), gap); err != nil {
		a.cfg.Log.Debug("a program listens no more", "token", t.ID, "error", err)
	}
}

// place is an entry of the log: its number, and its id, by which a log that was
// put back from a backup is noticed.
type place struct {
	seq uint64
	id  string
}

func (p place) String() string { return strconv.FormatUint(p.seq, 10) + "-" + p.id }

var errPlace = errors.New("this is not the id of an event: begin without one")

func parsePlace(text string) (place, error) {
	number, id, _ := strings.Cut(text, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || len(id) > 26 || text != (place{seq, id}).String() {
		return place{}, errPlace
	}
	return place{seq, id}, nil
}

// place finds the entry behind which a stream goes on: the last one, when none is
// named. Gap says that events between were lost to the program.
func (a *API) place(text string) (at place, gap bool, err error) {
	if text == "" {
		at, err = a.lastPlace()
		return at, false, err
	}
	if at, err = parsePlace(text); err != nil {
		return at, false, err
	}
	list, begins, err := a.cfg.Store.LogAfter(max(at.seq, 1)-1, 1)
	switch {
	case err != nil:
		return at, false, err
	case at.id == "" && at.seq == begins-1: // it was told of the gap, and of nothing since
		return at, false, nil
	case len(list) == 1 && list[0].Seq == at.seq && list[0].ID == at.id:
		return at, false, nil
	case at.seq < begins: // removed by age: all that is there comes after it
		return place{seq: begins - 1}, true, nil
	}
	at, err = a.lastPlace() // another log: what of it was heard, nobody knows
	return at, true, err
}

func (a *API) lastPlace() (place, error) {
	seq, err := a.cfg.Store.LastEvent()
	if err != nil || seq == 0 {
		return place{}, err
	}
	list, _, err := a.cfg.Store.LogAfter(seq-1, 1)
	if err != nil || len(list) == 0 {
		return place{seq: seq}, err
	}
	return placeOf(list[0]), nil
}

func placeOf(ev events.Event) place { return place{ev.Seq, ev.ID} }

// stream is one program that listens.
type stream struct {
	a       *API
	w       http.ResponseWriter
	control *http.ResponseController
	token   roster.Token
	text    string
	types   []string
	at      place // the last entry that was told or left out
	said    place // the last one that the program knows of
}

// run tells until the program goes, its token ends, or the hotline stops.
func (s *stream) run(ctx context.Context, gap bool) error {
	var out bytes.Buffer
	if gap {
		out.WriteString("event: gap\ndata: {\"detail\":\"events between were lost to you: read again what you keep\"}\n")
	}
	if err := s.send(&out, true); err != nil {
		return err
	}
	beat := time.NewTicker(s.a.beat)
	defer beat.Stop()
	for {
		bell := s.a.cfg.Store.Events().Subscribe(1) // before reading: nothing falls between
		err := s.tellAll()
		if err == nil {
			select {
			case <-bell.C: // or it is closed, because much has happened
			case <-ctx.Done():
				err = context.Cause(ctx)
			case <-s.a.cfg.Closing:
				err = errors.New("the hotline stops")
			case <-beat.C:
				if _, err = s.a.cfg.Accounts.CheckToken(ctx, s.text); err == nil {
					err = s.send(&out, true)
				}
			}
		}
		bell.Close()
		if err != nil {
			return err
		}
	}
}

// tellAll tells everything that is in the log by now.
func (s *stream) tellAll() error {
	for {
		list, _, err := s.a.cfg.Store.LogAfter(s.at.seq, atOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		var out bytes.Buffer
		for _, ev := range list {
			s.at = placeOf(ev)
			if ev.Kind == roster.EventTokenRevoked && ev.Data["token"] == s.token.ID {
				return roster.ErrToken
			}
			one, ok := s.a.teller.Tell(ev, s.token.Sees())
			if !ok || len(s.types) > 0 && !slices.Contains(s.types, one.Type) {
				continue
			}
			data, err := json.Marshal(one)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "id: %s\nevent: %s\ndata: %s\n\n", s.at, one.Type, data)
			s.said = s.at
		}
		if err := s.send(&out, false); err != nil {
			return err
		}
	}
}

// send sends what was written. With beat it also says how far the log was read,
// so that whoever comes back need not be told again what was left out.
func (s *stream) send(out *bytes.Buffer, beat bool) error {
	if beat && s.said != s.at {
		fmt.Fprintf(out, "id: %s\n\n", s.at)
		s.said = s.at
	} else if beat {
		out.WriteString(": beat\n\n")
	}
	if out.Len() == 0 {
		return nil
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(s.a.patience)); err != nil {
		return err
	}
	if _, err := s.w.Write(out.Bytes()); err != nil {
		return err
	}
	out.Reset()
	return s.control.Flush()
}
