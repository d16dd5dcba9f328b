package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A clock of the machine that is set while a program runs cannot be had by a
// program without setting it for all others, too. So a program under test gets a
// clock of its own: it is started without the vDSO, so that it asks the kernel for
// the time, and the kernel asks the test (seccomp_unotify(2)), for the clock on
// the wall alone: that of CLOCK_MONOTONIC never jumps.

// ownClock is the environment variable of a program that is to get one.
const ownClock = "HOTLINE_TEST_CLOCK"

// clockDoor is the socket by which the listener of the filter goes to the test.
const clockDoor = 3

// The filter is of one thread, and only the first one keeps being traced when it
// starts the program anew.
func init() {
	if os.Getenv(ownClock) == "" {
		return
	}
	runtime.LockOSThread()
	if err := startWithOwnClock(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startWithOwnClock sets the filter up and becomes the same program again.
func startWithOwnClock() error {
	const (
		listener = 1 << 3 // SECCOMP_FILTER_FLAG_NEW_LISTENER
		toTest   = 0x7fc00000
		allow    = 0x7fff0000
	)
	// struct seccomp_data: the number at 0, the first argument at 16.
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLOCK_GETTIME, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.CLOCK_REALTIME, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: toTest},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
	}
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("a clock of its own: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, listener, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("a clock of its own: seccomp: %w", errno)
	}
	if err := unix.Sendmsg(clockDoor, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return fmt.Errorf("a clock of its own: %w", err)
	}
	if err := unix.Close(clockDoor); err != nil {
		return err
	}
	if err := os.Unsetenv(ownClock); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

// wallClock is the clock on the wall of one program.
type wallClock struct {
	ahead atomic.Int64 // of the real one, in nanoseconds
	asked atomic.Int64 // how often
	work  sync.WaitGroup
}

// set moves it.
func (c *wallClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// startWithClock starts cmd with a clock of its own. It ends with the program.
func startWithClock(t *testing.T, cmd *exec.Cmd) *wallClock {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	cmd.Env = append(cmd.Env, ownClock+"=yes")
	cmd.ExtraFiles = []*os.File{theirs} // clockDoor
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	runtime.LockOSThread() // of whoever traces
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := withoutVDSO(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		t.Fatal(err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	space := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), space)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(space[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	c := &wallClock{}
	c.work.Go(func() { c.answer(fds[0]) })
	t.Cleanup(c.work.Wait) // the program is killed before
	return c
}

// withoutVDSO waits until the program starts anew, and takes the vDSO out of what
// the kernel tells it (getauxval(3)).
func withoutVDSO(pid int) error {
	var status unix.WaitStatus
	for began := false; ; {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
			return fmt.Errorf("tracing the program: %w", err)
		}
		switch {
		case !status.Stopped():
			return fmt.Errorf("the program ended with %v", status)
		case !began:
			began = true
			if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACEEXEC); err != nil {
				return fmt.Errorf("tracing the program: %w", err)
			}
		case status.StopSignal() == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_EXEC:
			if err := hideVDSO(pid); err != nil {
				return err
			}
			return unix.PtraceDetach(pid)
		default:
			if err := unix.PtraceCont(pid, int(status.StopSignal())); err != nil {
				return fmt.Errorf("tracing the program: %w", err)
			}
			continue
		}
		if err := unix.PtraceCont(pid, 0); err != nil {
			return fmt.Errorf("tracing the program: %w", err)
		}
	}
}

func hideVDSO(pid int) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	at, err := strconv.ParseUint(fields[25], 10, 64) // startstack, the 28th field of proc_pid_stat(5)
	if err != nil {
		return err
	}
	word := func() uint64 {
		var b [8]byte
		if _, e := unix.PtracePeekData(pid, uintptr(at), b[:]); e != nil {
			err = e
		}
		at += 8
		return binary.NativeEndian.Uint64(b[:])
	}
	at += 8 * (word() + 1) // arguments
	for err == nil && word() != 0 {
	} // environment
	const sysinfo, ignore = 33, 1 // AT_SYSINFO_EHDR, AT_IGNORE
	for err == nil {
		switch key := word(); key {
		case sysinfo:
			var b [8]byte
			binary.NativeEndian.PutUint64(b[:], ignore)
			_, err = unix.PtracePokeData(pid, uintptr(at-8), b[:])
			return err
		case 0:
			return fmt.Errorf("there is no vDSO on this machine")
		}
		word()
	}
	return err
}

// answer tells the program the time until it ends.
func (c *wallClock) answer(listener int) {
	defer unix.Close(listener)
	const receive, send = 0xc0502100, 0xc0182101 // SECCOMP_IOCTL_NOTIF_RECV and _SEND
	for {
		var asked struct {
			id     uint64
			pid    uint32
			flags  uint32
			nr     int32
			arch   uint32
			ip     uint64
			params [6]uint64
		}
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR || poll[0].Revents&unix.POLLHUP != 0 {
			return
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), receive, uintptr(unsafe.Pointer(&asked))); errno != 0 {
			if errno == unix.ENOENT || errno == unix.EINTR { // it has ended meanwhile
				continue
			}
			return
		}
		c.asked.Add(1)
		at := unix.NsecToTimespec(time.Now().UnixNano() + c.ahead.Load())
		told := struct {
			id    uint64
			val   int64
			err   int32
			flags uint32
		}{id: asked.id}
		local := unix.Iovec{Base: (*byte)(unsafe.Pointer(&at)), Len: uint64(unsafe.Sizeof(at))}
		if _, err := unix.ProcessVMWritev(int(asked.pid), []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(asked.params[1]), Len: int(unsafe.Sizeof(at))}}, 0); err != nil {
			told.err = -int32(unix.EFAULT)
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), send, uintptr(unsafe.Pointer(&told))) // whoever asked may be gone
	}
}
