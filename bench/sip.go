//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxCalls keeps one machine's loopback within what a UDP socket can hold.
const maxCalls = 5000

// signalling is as little SIP as a caller needs (RFC 3261), written by hand:
// the load must not share a line with what it measures.
type signalling struct {
	conn   *net.UDPConn
	server netip.AddrPort
	number string
	run    string // makes Call-IDs of this run unique

	mu    sync.Mutex
	calls map[string]*dialled
	early int // calls that the server ended
	done  chan struct{}
}

// dialled is one call.
type dialled struct {
	id      string
	answers chan message
	media   netip.AddrPort
	contact string
	to      string
	branch  int
	caller  int // its number
	up      bool
}

func newSignalling(server netip.AddrPort, number string) (*signalling, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	conn.SetReadBuffer(4 << 20) // as much as an ordinary user may have
	s := &signalling{conn: conn, server: server, number: number, run: strconv.FormatUint(rand.Uint64(), 36),
		calls: make(map[string]*dialled), done: make(chan struct{})}
	go s.read()
	return s, nil
}

func (s *signalling) close() {
	s.conn.Close()
	<-s.done
}

// message is a parsed SIP message.
type message struct {
	status int // 0 for a request
	method string
	lines  map[string]string // the first of each header, lower-case name
	body   string
	raw    string
}

func parseSIP(raw string) message {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	first, rest, _ := strings.Cut(head, "\r\n")
	m := message{lines: make(map[string]string), body: body, raw: raw}
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if long, ok := map[string]string{"i": "call-id", "t": "to", "f": "from", "v": "via", "m": "contact"}[name]; ok {
			name = long
		}
		if _, ok := m.lines[name]; !ok {
			m.lines[name] = strings.TrimSpace(value)
		}
	}
	if words := strings.Fields(first); len(words) > 1 {
		if words[0] == "SIP/2.0" {
			m.status, _ = strconv.Atoi(words[1])
			_, m.method, _ = strings.Cut(m.lines["cseq"], " ")
		} else {
			m.method = words[0]
		}
	}
	return m
}

func (s *signalling) read() {
	defer close(s.done)
	buf := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the server is not there yet
		}
		m := parseSIP(string(buf[:n]))
		s.mu.Lock()
		call := s.calls[m.lines["call-id"]]
		s.mu.Unlock()
		switch {
		case m.status != 0 && call != nil:
			select {
			case call.answers <- m:
			default:
			}
		case m.status == 0 && m.method != "ACK":
			if m.method == "BYE" && call != nil {
				s.mu.Lock()
				if call.up {
					call.up = false
					s.early++
				}
				s.mu.Unlock()
			}
			s.ok(m, from)
		}
	}
}

// ok answers a request of the server.
func (s *signalling) ok(m message, to netip.AddrPort) {
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for line := range strings.SplitSeq(m.raw, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq":
			b.WriteString(line + "\r\n")
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	s.conn.WriteToUDPAddrPort([]byte(b.String()), to)
}

func (s *signalling) write(method, target string, c *dialled, cseq int, body string) {
	local := s.conn.LocalAddr()
	to := c.to
	if to == "" {
		to = "<sip:" + s.number + "@" + s.server.String() + ">"
	}
	branch := c.branch
	if method == "ACK" && c.up { // the ACK of a 200 is a transaction of its own
		branch += 1000
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s.%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+1202%07d@%s>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:bench@%s>\r\n",
		method, target, local, c.id, branch, c.caller, local, c.id, to, c.id, cseq, method, local)
	if body != "" {
		text += "Content-Type: application/sdp\r\n"
	}
	text += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	s.conn.WriteToUDPAddrPort([]byte(text), s.server)
}

// ready waits until the server answers anything at all.
func (s *signalling) ready(ctx context.Context) error {
	c := &dialled{id: "ping." + s.run, answers: make(chan message, 4)}
	s.mu.Lock()
	s.calls[c.id] = c
	s.mu.Unlock()
	for range 100 {
		c.branch++
		s.write("OPTIONS", "sip:"+s.server.String(), c, c.branch, "")
		select {
		case <-c.answers:
			return nil
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("nobody answers SIP at %v", s.server)
}

// refusal is a final answer that is no 200.
type refusal struct {
	status     int
	retryAfter bool // it says when to try again
}

func (r refusal) Error() string { return fmt.Sprintf("refused with %d", r.status) }

// answerLimit is how long a caller waits for an answer.
const answerLimit = 10 * time.Second

// place calls the number and returns when it is answered. The INVITE is sent
// again until anything comes back.
func (s *signalling) place(ctx context.Context, port int, repeat time.Duration) (*dialled, error) {
	c := &dialled{id: strconv.FormatUint(rand.Uint64(), 36) + "." + s.run, answers: make(chan message, 16)}
	s.mu.Lock()
	c.caller = 2000000 + len(s.calls)
	s.calls[c.id] = c
	s.mu.Unlock()
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n", port)
	target := "sip:" + s.number + "@" + s.server.String()
	s.write("INVITE", target, c, 1, sdp)
	again := time.NewTicker(repeat)
	defer again.Stop()
	trying := false
	for limit := time.After(answerLimit); ; {
		select {
		case m := <-c.answers:
			switch {
			case m.method != "INVITE":
			case m.status < 200:
				trying = true
			case m.status < 300:
				return c, s.answered(c, m)
			default:
				c.to = m.lines["to"]
				s.write("ACK", target, c, 1, "")
				return nil, refusal{m.status, m.lines["retry-after"] != ""}
			}
		case <-again.C:
			if !trying {
				s.write("INVITE", target, c, 1, sdp)
			}
		case <-limit:
			return nil, fmt.Errorf("not answered within %v", answerLimit)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (s *signalling) answered(c *dialled, m message) error {
	c.to = m.lines["to"]
	c.contact = "sip:" + s.number + "@" + s.server.String()
	if _, uri, ok := strings.Cut(m.lines["contact"], "<"); ok {
		c.contact, _, _ = strings.Cut(uri, ">")
	}
	ip := s.server.Addr()
	for line := range strings.SplitSeq(m.body, "\r\n") {
		if address, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			if a, err := netip.ParseAddr(address); err == nil {
				ip = a
			}
		}
		if words := strings.Fields(line); len(words) > 1 && words[0] == "m=audio" {
			port, _ := strconv.Atoi(words[1])
			c.media = netip.AddrPortFrom(ip, uint16(port))
		}
	}
	s.mu.Lock()
	c.up = true
	s.mu.Unlock()
	s.write("ACK", c.contact, c, 1, "")
	if c.media.Port() == 0 {
		return errors.New("the answer names no voice port")
	}
	return nil
}

// placeAll places calls at a steady rate and returns how many failed.
func (s *signalling) placeAll(ctx context.Context, n int, rate float64, v *voice) (failed int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	reasons := map[string]int{}
	began := time.Now()
	for i := range n {
		if sleep(ctx, time.Until(began.Add(time.Duration(float64(i)/rate*float64(time.Second))))) != nil {
			failed += n - i
			break
		}
		wg.Go(func() {
			c, err := s.place(ctx, v.port(), 500*time.Millisecond)
			if err != nil {
				mu.Lock()
				failed++
				reasons[err.Error()]++
				mu.Unlock()
				return
			}
			v.add(c.media)
		})
	}
	wg.Wait()
	for reason, count := range reasons {
		fmt.Printf("%d calls failed: %s\n", count, reason)
	}
	return failed
}

// ended is how many calls the server hung up by itself.
func (s *signalling) ended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.early
}

// hangUp ends a call, and says so again if need be.
func (s *signalling) hangUp(c *dialled) {
	s.mu.Lock()
	up := c.up
	c.up = false
	s.mu.Unlock()
	if !up {
		return
	}
	c.branch = 1
	for range 4 {
		s.write("BYE", c.contact, c, 2, "")
		for limit := time.After(500 * time.Millisecond); ; {
			select {
			case m := <-c.answers:
				if m.method == "BYE" && m.status >= 200 {
					return
				}
				continue
			case <-limit:
			}
			break
		}
	}
}

func (s *signalling) hangUpAll() {
	s.mu.Lock()
	var up []*dialled
	for _, c := range s.calls {
		if c.up {
			c.up = false
			up = append(up, c)
		}
	}
	s.mu.Unlock()
	for i, c := range up {
		c.branch = 1
		s.write("BYE", c.contact, c, 2, "")
		if i%50 == 49 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	time.Sleep(500 * time.Millisecond)
}
