package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"hotline/appliance/switches"
	"hotline/triage/desk"
	"hotline/ui/page"
)

// The caller page: the hotline's number for a browser. It is shut for strangers
// until an administrator opens it; those who work here may always try it.

func (s *Server) mayCall(r *http.Request, v visit) bool {
	return s.cfg.CallTo != "" && (v.role != nobody || !s.cfg.Switches.Off(switches.Browsers) || s.passes.valid(r.URL.Query().Get("pass"), time.Now()))
}

func (s *Server) call(w http.ResponseWriter, r *http.Request, v visit) {
	p := page.CallPage{Frame: s.frame(r, v, "call.title"), Closed: !s.mayCall(r, v)}
	status := http.StatusOK
	if p.Closed {
		status = http.StatusForbidden
	}
	s.show(w, r, status, page.Call(p))
}

// callMessage is what the page and the server tell each other.
type callMessage struct {
	Type  string `json:"type"` // offer, key, ping, end; answer, talking, over, error
	SDP   string `json:"sdp,omitempty"`
	Digit string `json:"digit,omitempty"`
	Text  string `json:"text,omitempty"`
}

const (
	callSilence = 15 * time.Second // a page that pings every 3 s and is silent so long is gone
	callBurst   = 60               // messages in ten seconds
)

// callSocket is one call. It ends with the page.
func (s *Server) callSocket(w http.ResponseWriter, r *http.Request, v visit) {
	if !ownOrigin(r) {
		s.problem(w, r, v, http.StatusForbidden, "foreign")
		return
	}
	if !s.mayCall(r, v) {
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	s.live.Add(1)
	defer s.live.Done()
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxMessage)
	said := s.textFor(r).Said
	first, err := readCall(r.Context(), conn)
	if err != nil || first.Type != "offer" {
		return
	}
	caller, err := s.cfg.Desk.CallFromBrowser(r.Context(), s.cfg.CallTo, sourceOf(r), first.SDP)
	if err != nil {
		var refusal desk.UserError
		text := s.textFor(r).T("js.error.failed")
		if errors.As(err, &refusal) {
			text = said(refusal.Error())
		}
		if tellCall(r.Context(), conn, callMessage{Type: "error", Text: text}) == nil {
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
		return
	}
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { defer close(over); caller.Serve() })
	running.Go(func() { // ends with the connection, which is closed below
		defer caller.Hangup()
		if tellCall(r.Context(), conn, callMessage{Type: "answer", SDP: caller.Answer()}) != nil {
			return
		}
		allowance, since := callBurst, time.Now()
		for {
			m, err := readCall(r.Context(), conn)
			if err != nil || m.Type == "end" {
				return
			}
			if time.Since(since) > 10*time.Second {
				allowance, since = callBurst, time.Now()
			}
			if allowance--; allowance < 0 {
				return
			}
			if m.Type == "key" && len(m.Digit) == 1 && strings.Contains("0123456789*#", m.Digit) {
				caller.Press(m.Digit[0])
			}
		}
	})
	select {
	case <-over:
		if tellCall(r.Context(), conn, callMessage{Type: "over"}) == nil {
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
	case <-s.closing:
		caller.Stop()
		<-over
	}
	_ = conn.CloseNow()
	running.Wait()
}

func readCall(ctx context.Context, conn *websocket.Conn) (m callMessage, err error) {
	limit, stop := context.WithTimeout(ctx, callSilence)
	defer stop()
	kind, raw, err := conn.Read(limit)
	if err == nil && kind != websocket.MessageText {
		err = errors.New("not a text message")
	}
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	return m, err
}

func tellCall(ctx context.Context, conn *websocket.Conn, m callMessage) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	limit, stop := context.WithTimeout(ctx, writeLimit)
	defer stop()
	return conn.Write(limit, websocket.MessageText, raw)
}
