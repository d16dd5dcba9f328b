package media

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"hotline/appliance/audio"
)

// socket is a UDP socket with two favours from the kernel, unless plain:
//
//   - Once the far end is known, the socket is connected to it. The kernel then
//     refuses packets from anybody else and sends without looking up the way.
//   - While nobody listens to the far end, a filter in the kernel drops its
//     sound. A caller who hears a prompt still sends 50 packets a second, and
//     waking up for each costs as much as sending the prompt.
//
// Both are only savings. Where the kernel refuses, the program does the same
// work itself.
type socket struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	plain bool
	deaf  bool // the kernel refused the filter; under the lock of the input
	six   bool // the socket speaks IPv6, IPv4 addresses are mapped

	// Under the lock of the leg's output, which also keeps fd valid.
	fd        int
	to        unix.Sockaddr
	connected bool
}

func newSocket(conn *net.UDPConn, plain bool) *socket {
	s := &socket{conn: conn, plain: plain, fd: -1}
	raw, err := conn.SyscallConn()
	if err != nil {
		return s // closed already; reading will say so
	}
	s.raw = raw
	raw.Control(func(fd uintptr) {
		s.fd = int(fd)
		if local, err := unix.Getsockname(s.fd); err == nil {
			_, s.six = local.(*unix.SockaddrInet6)
		}
	})
	return s
}

func (s *socket) sockaddr(a netip.AddrPort) unix.Sockaddr {
	if s.six {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	if !a.Addr().Is4() {
		return nil
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// aim sets where to send.
func (s *socket) aim(to netip.AddrPort) { s.to = s.sockaddr(to) }

// lock aims and refuses everybody else.
func (s *socket) lock(to netip.AddrPort) {
	s.aim(to)
	if s.plain || s.to == nil || s.fd < 0 {
		return
	}
	s.connected = unix.Connect(s.fd, s.to) == nil
}

// open takes packets from anybody again.
func (s *socket) open() error {
	if !s.connected {
		return nil
	}
	s.connected = false
	local, err := unix.Getsockname(s.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	// connect(2): an address of family AF_UNSPEC dissolves the association.
	var none unix.RawSockaddr
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)); errno != 0 && errno != unix.EAFNOSUPPORT {
		return os.NewSyscallError("connect", errno)
	}
	// That also gives up a port which the kernel had chosen.
	if now, err := unix.Getsockname(s.fd); err == nil && port(now) == 0 {
		return os.NewSyscallError("bind", unix.Bind(s.fd, local))
	}
	return nil
}

func port(a unix.Sockaddr) int {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return 0
}

var errNoRoute = errors.New("the far end's address does not fit the voice socket")

// send never blocks: a packet that does not fit into the socket's buffer is
// lost, as it would be on the network.
func (s *socket) send(b []byte) error {
	if s.connected {
		_, err := unix.Write(s.fd, b)
		return err
	}
	if s.to == nil {
		return errNoRoute
	}
	return unix.Sendto(s.fd, b, 0, s.to)
}

// drain switches the kernel filter and reports whether it is on.
func (s *socket) drain(on bool) bool {
	if s.plain || s.deaf || s.raw == nil {
		return false
	}
	drained := false
	s.raw.Control(func(fd uintptr) {
		if !on {
			// Without a filter this fails, and that is as good.
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			return
		}
		program := drainFilter()
		drained = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}) == nil
	})
	s.deaf = on && !drained // it will refuse again
	return drained
}

// drainFilter drops G.711 sound except for a sample. Key presses, comfort
// noise and whatever else are rare and stay. It sees a datagram from the UDP
// header on.
func drainFilter() []unix.SockFilter {
	const (
		udpHeader = 8
		drop      = 0
		keep      = 1 << 16
	)
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: udpHeader + 1, Size: 1}, // marker and payload type
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x7f},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(audio.MuLaw), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(audio.ALaw), SkipTrue: 4},
		bpf.LoadAbsolute{Off: udpHeader + 2, Size: 2}, // sequence number
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: sampleEvery - 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: drop},
		bpf.RetConstant{Val: keep},
	})
	if err != nil {
		panic("media: the filter does not assemble: " + err.Error()) // it is a constant
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return filter
}
