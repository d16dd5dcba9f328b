package media

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ears listens on all UDP sockets of a pacer's legs. One goroutine waits until
// any of them has something (epoll(7)); one for each socket would cost every
// caller 9 kB of stacks. It runs from the first socket to the last.
type ears struct {
	mu  sync.Mutex
	now *watch // nil without a socket
}

// watch is a time in which there are sockets.
type watch struct {
	epoll *os.File
	fd    int
	open  map[int32]*ear // by descriptor, under the mutex of ears
	done  chan struct{}
}

// ear is one socket.
type ear struct {
	of    *ears
	at    *watch
	fd    int
	heard func(p *packet, n int, from netip.AddrPort)

	mu     sync.Mutex // held while a packet is handled
	closed bool

	lone *lone // instead, when the system refused the epoll
}

// listen passes on whatever arrives at conn until close.
func (s *ears) listen(conn *net.UDPConn, heard func(p *packet, n int, from netip.AddrPort)) *ear {
	e := &ear{of: s, fd: -1, heard: heard}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { e.fd = int(fd) })
	}
	if err != nil {
		return e // closed already; there is nothing to hear
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		s.now = s.begin()
	}
	if s.now == nil || unix.EpollCtl(s.now.fd, unix.EPOLL_CTL_ADD, e.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(e.fd)}) != nil {
		e.lone = listenAlone(conn, heard)
		return e
	}
	e.at = s.now
	e.at.open[int32(e.fd)] = e
	return e
}

// begin starts the goroutine; nil when the system refuses. The descriptor of
// the epoll is itself one that the Go runtime can wait for.
func (s *ears) begin() *watch {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil
	}
	l := &watch{epoll: os.NewFile(uintptr(fd), "voice sockets"), fd: fd, open: make(map[int32]*ear), done: make(chan struct{})}
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		l.epoll.Close()
		return nil
	}
	go s.run(l, raw)
	return l
}

// run is the goroutine.
func (s *ears) run(l *watch, raw syscall.RawConn) {
	defer close(l.done)
	var (
		events [64]unix.EpollEvent
		ready  [64]*ear
		work   struct {
			packet packet
			from   unix.RawSockaddrAny
		}
	)
	look := func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events[:], 0)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return false
			}
			s.mu.Lock()
			for i, event := range events[:n] {
				ready[i] = l.open[event.Fd]
			}
			s.mu.Unlock()
			for _, e := range ready[:n] {
				if e != nil {
					e.read(&work.packet, &work.from)
				}
			}
		}
	}
	for raw.Read(look) == nil {
	}
}

// read takes one packet. If there are more, the next look finds them: a flood
// at one socket keeps nobody else waiting.
func (e *ear) read(p *packet, from *unix.RawSockaddrAny) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(e.fd),
		uintptr(unsafe.Pointer(&p.buf[0])), uintptr(len(p.buf)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		// Nothing after all, EINTR, or the ICMP answer to a packet of ours: the
		// far end is not there (yet, or any more). Signalling decides.
		return
	}
	e.heard(p, int(n), source4or6(from))
}

// close ends the listening. When it returns, no packet is being handled.
func (e *ear) close() {
	if e.lone != nil {
		e.lone.close()
		return
	}
	if e.at == nil {
		return
	}
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	s := e.of
	s.mu.Lock()
	// An error says that the socket is closed, which ends it as well.
	_ = unix.EpollCtl(e.at.fd, unix.EPOLL_CTL_DEL, e.fd, nil)
	delete(e.at.open, int32(e.fd))
	last := len(e.at.open) == 0
	if last {
		s.now = nil
	}
	s.mu.Unlock()
	if last {
		e.at.epoll.Close() // nothing was written that could be lost
		<-e.at.done
	}
}

// source4or6 reads a socket address without allocating.
func source4or6(a *unix.RawSockaddrAny) netip.AddrPort {
	// Ports are in network byte order whatever the machine's is.
	switch a.Addr.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		p := (*[2]byte)(unsafe.Pointer(&v4.Port))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(p[0])<<8|uint16(p[1]))
	case unix.AF_INET6:
		v6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(a))
		p := (*[2]byte)(unsafe.Pointer(&v6.Port))
		return netip.AddrPortFrom(netip.AddrFrom16(v6.Addr).Unmap(), uint16(p[0])<<8|uint16(p[1]))
	}
	return netip.AddrPort{}
}
