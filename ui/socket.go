package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"hotline/appliance/history"
	"hotline/triage/desk"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// The desk's channel: JSON messages, version 1 (see web/desk/types.ts).
const (
	protocol     = 1
	maxMessage   = 64 << 10 // a session description or a long note
	writeLimit   = 5 * time.Second
	silenceLimit = 20 * time.Second // a page that pings every 2 s and is silent so long is gone
	commandLimit = 15 * time.Second
	burst        = 40 // messages
	perSecond    = 20
	roomPause    = time.Second // how often changes of the room alone are sent
)

type request struct {
	V   int    `json:"v"`
	Mic bool   `json:"mic"`
	RTT int    `json:"rtt"` // milliseconds; 0: not known
	SDP string `json:"sdp"`
	N   int    `json:"n"`
	desk.Command
}

type reply struct {
	V     int            `json:"v"`
	Type  string         `json:"type"`
	State *desk.Snapshot `json:"state,omitempty"`
	SDP   string         `json:"sdp,omitempty"`
	N     int            `json:"n,omitempty"`
	At    *time.Time     `json:"at,omitempty"`
	Text  string         `json:"text,omitempty"`
	For   string         `json:"for,omitempty"`

	Conflicts []history.Conflict `json:"conflicts,omitempty"` // fields that were not saved: somebody else has changed them
	*desk.Directory
}

// directory is what a seat offers that knows whom its person may ring.
type directory interface {
	Directory() desk.Directory
}

func (s *Server) desk(w http.ResponseWriter, r *http.Request, v visit) {
	if !v.account.Prepared() {
		http.Redirect(w, r, "/desk/start", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, page.Desk(page.DeskPage{Frame: s.frame(r, v, "desk.title"), Socket: "/ws/agent", Back: s.backByPhone(v)}))
}

// backByPhone is what somebody dials who has lost the page during a call: the
// line for those who work by telephone knows them by number and PIN.
func (s *Server) backByPhone(v visit) string {
	if v.account.Extension == "" && (v.account.Phone == "" || !v.account.HasPIN) {
		return ""
	}
	return s.cfg.WorkLine
}

func (s *Server) deskSocket(w http.ResponseWriter, r *http.Request, v visit) {
	s.openDeskSocket(w, r, v, s.cfg.Desk.Seat(PersonOf(v.account)))
}

func (s *Server) openDeskSocket(w http.ResponseWriter, r *http.Request, v visit, seat Seat) {
	if !ownOrigin(r) {
		s.problem(w, r, v, http.StatusForbidden, "foreign")
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.cfg.Log.Info("a desk page could not open its channel", "error", err)
		return
	}
	conn.SetReadLimit(maxMessage)
	// The request's own context ends with this handler; nothing outlives it.
	ctx, cancel := context.WithCancelCause(r.Context())
	d := &deskPage{
		server: s, conn: conn, visit: v, cancel: cancel, commands: make(chan request, burst),
		language: s.textFor(r).Lang(), text: s.textFor(r).T, said: s.textFor(r).Said,
		seat: seat,
	}
	s.live.Add(1)
	defer s.live.Done()
	d.run(ctx)
}

// deskPage is one open desk page. Three goroutines, all ended by run: the
// reader, the one that carries out commands in order, and the one that sends
// states.
type deskPage struct {
	server   *Server
	conn     *websocket.Conn
	seat     Seat
	visit    visit
	language string
	text     func(key string) string
	said     func(english string) string
	token    uint64
	cancel   context.CancelCauseFunc
	commands chan request
	writing  sync.Mutex
}

var (
	errPageGone     = errors.New("the page is gone")
	errSessionEnded = errors.New("the session ended")
	errElsewhere    = errors.New("the page was opened somewhere else")
	errStopping     = errors.New("the hotline stops")
)

func (d *deskPage) run(ctx context.Context) {
	d.token = d.seat.PageOpened()
	defer d.seat.PageClosed(d.token)
	var group sync.WaitGroup
	for _, part := range []func(context.Context) error{d.read, d.carryOut, d.show, d.complain} {
		group.Go(func() {
			defer func() {
				if fault := recover(); fault != nil {
					d.server.panics.Add(1)
					d.server.cfg.Log.Error("a desk page failed; the caller stays on the line", "agent", d.visit.account.ID, "fault", fault)
					d.cancel(errPageGone)
				}
			}()
			d.cancel(part(ctx))
		})
	}
	<-ctx.Done()
	code, why := websocket.StatusNormalClosure, context.Cause(ctx)
	switch {
	case errors.Is(why, errSessionEnded):
		code = websocket.StatusPolicyViolation
	case errors.Is(why, errStopping):
		code = websocket.StatusGoingAway
	}
	if err := d.conn.Close(code, ""); err != nil {
		_ = d.conn.CloseNow() // the page is gone without a word
	}
	group.Wait()
}

// read takes the page's messages. Pings are answered here, so that a slow
// command never looks like a dead page.
func (d *deskPage) read(ctx context.Context) error {
	allowance, last := float64(burst), time.Now()
	for {
		limit, stop := context.WithTimeout(ctx, silenceLimit)
		kind, raw, err := d.conn.Read(limit)
		stop()
		if err != nil {
			return errors.Join(errPageGone, err)
		}
		now := time.Now()
		allowance = min(burst, allowance+now.Sub(last).Seconds()*perSecond)
		last = now
		if allowance--; allowance < 0 {
			return errors.Join(errPageGone, d.conn.Close(websocket.StatusPolicyViolation, "too many messages"))
		}
		var m request
		if kind != websocket.MessageText || json.Unmarshal(raw, &m) != nil || m.V != protocol {
			if err := d.tell(ctx, reply{Type: "error", For: m.Type, Text: d.text("js.error.old")}); err != nil {
				return err
			}
			continue
		}
		if m.Type == "ping" {
			d.seat.Beat(now, m.Mic)
			d.seat.Delay(time.Duration(min(max(m.RTT, 0), 60_000)) * time.Millisecond)
			d.server.cfg.Sessions.Keep(d.visit.token)
			if err := d.tell(ctx, reply{Type: "pong"}); err != nil {
				return err
			}
			continue
		}
		select {
		case d.commands <- m:
		case <-ctx.Done():
			return nil
		}
	}
}

// carryOut does what the page asks, in order: what is saved before the end of
// the notes is saved first.
func (d *deskPage) carryOut(ctx context.Context) error {
	for {
		var m request
		select {
		case <-ctx.Done():
			return nil
		case m = <-d.commands:
		}
		limit, stop := context.WithTimeout(ctx, commandLimit)
		answer, err := d.do(limit, m)
		stop()
		if err != nil {
			answer = &reply{Type: "error", For: m.Type, N: m.N, Text: d.sentence(err)}
		}
		if answer == nil {
			continue
		}
		if err := d.tell(ctx, *answer); err != nil {
			return err
		}
	}
}

// complaining is what a seat offers that finds out later that something asked
// for did not come about.
type complaining interface {
	Complaints() <-chan desk.Complaint
}

// complain passes such news on.
func (d *deskPage) complain(ctx context.Context) error {
	var news <-chan desk.Complaint
	if seat, ok := d.seat.(complaining); ok {
		news = seat.Complaints()
	}
	for {
		select {
		case c := <-news:
			if err := d.tell(ctx, reply{Type: "error", For: c.For, Text: d.said(c.Text)}); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *deskPage) do(ctx context.Context, m request) (*reply, error) {
	switch m.Type {
	case "rtc.offer":
		sdp, err := d.seat.ConnectAudio(ctx, m.SDP)
		return &reply{Type: "rtc.answer", SDP: sdp}, err
	case "case.save":
		err := d.seat.Do(ctx, m.Command)
		var other desk.ConflictError
		if err != nil && !errors.As(err, &other) {
			return nil, err
		}
		at := time.Now()
		if saved := d.seat.Snapshot().Case; saved != nil && !saved.SavedAt.IsZero() {
			at = saved.SavedAt
		}
		return &reply{Type: "case.saved", N: m.N, At: &at, Conflicts: other.Conflicts}, nil
	case "notice.seen":
		return nil, d.server.cfg.Notices.See(ctx, m.Item, d.visit.account.ID)
	case "directory":
		if seat, ok := d.seat.(directory); ok {
			list := seat.Directory()
			return &reply{Type: "directory", Directory: &list}, nil
		}
	}
	return nil, d.seat.Do(ctx, m.Command)
}

// show sends the state now, after every change, and at most once a second when
// only the room has changed.
func (d *deskPage) show(ctx context.Context) error {
	ended := d.server.cfg.Sessions.Ended(d.visit.token)
	var roomTimer <-chan time.Time
	room := d.server.cfg.Desk.FloorChanged()
	for {
		changed, board, notices := d.seat.Changed(), d.server.cfg.Supervise.BulletinsChanged(), d.server.cfg.Notices.Changed()
		if !d.seat.Holds(d.token) {
			return errors.Join(d.tell(ctx, reply{Type: "elsewhere"}), errElsewhere)
		}
		if err := d.tellState(ctx); err != nil {
			return err
		}
	wait:
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ended:
				return errSessionEnded
			case <-d.server.closing:
				return errStopping
			case <-changed:
				break wait
			case <-board:
				break wait
			case <-notices:
				break wait
			case <-room:
				room, roomTimer = nil, time.After(roomPause)
			case <-roomTimer:
				room, roomTimer = d.server.cfg.Desk.FloorChanged(), nil
				break wait
			}
		}
	}
}

// tellState takes and sends the snapshot in one step, so that a confirmation
// that was sent before it is never contradicted by it.
func (d *deskPage) tellState(ctx context.Context) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	snapshot := d.seat.Snapshot()
	if call := snapshot.Call; call != nil && call.Consult != nil && call.Consult.Failed != "" {
		told, consult := *call, *call.Consult
		consult.Failed = d.said(consult.Failed)
		told.Consult, snapshot.Call = &consult, &told
	}
	snapshot.Form = d.server.cfg.Lists.Now().Version
	snapshot.Lines = d.server.cfg.Routing.Routing().Texts(d.language)
	snapshot.Asks = d.server.cfg.Scenario.Current().Asks(d.language)
	d.server.firstWords(&snapshot, d.language, time.Now())
	snapshot.Notices = append(snapshot.Notices, d.server.noticesFor(d.visit, time.Now())...)
	return d.write(ctx, reply{Type: "state", State: &snapshot})
}

func (d *deskPage) tell(ctx context.Context, m reply) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.write(ctx, m)
}

func (d *deskPage) write(ctx context.Context, m reply) error {
	m.V = protocol
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	limit, stop := context.WithTimeout(ctx, writeLimit)
	defer stop()
	return d.conn.Write(limit, websocket.MessageText, raw)
}

// sentence is what the person reads about an error.
func (d *deskPage) sentence(err error) string {
	var refusal desk.UserError
	if errors.As(err, &refusal) {
		return d.said(refusal.Error())
	}
	return d.text("js.error.failed")
}

// PersonOf is who sits at the seat of an account.
func PersonOf(a roster.Account) desk.Person {
	return desk.Person{ID: a.ID, Name: a.Name, Login: a.Login, Profile: a.Profile, Languages: a.Languages, Can: a.Skills,
		Phone: a.Phone, Extension: a.Extension, Role: string(a.Role), Supervises: a.Role.May(roster.Floor), Unprepared: !a.Prepared()}
}
