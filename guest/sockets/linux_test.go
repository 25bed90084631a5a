package sockets

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// caller makes system calls: this package's, or Linux's own.
type caller func(nr uintptr, a [6]uintptr) (uintptr, syscall.Errno)

// linux returns a caller in a network namespace of its own with its loopback
// up. The test keeps its thread, which ends with it.
func linux(t testing.TB) caller {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		t.Skip("needs a network namespace of its own:", err)
	}
	call := func(nr uintptr, a [6]uintptr) (uintptr, syscall.Errno) {
		r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		return r, errno
	}
	fd, errno := call(syscall.SYS_SOCKET, [6]uintptr{syscall.AF_INET, syscall.SOCK_DGRAM})
	must(t, errno)
	ifreq := make([]byte, sizeofIfreq)
	copy(ifreq, "lo")
	ifreq[ifNameSize] = syscall.IFF_UP
	_, errno = call(syscall.SYS_IOCTL, [6]uintptr{fd, syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifreq[0]))})
	must(t, errno)
	call(syscall.SYS_CLOSE, [6]uintptr{fd})
	return call
}

// step is one call of a walk: what is done to which of its sockets.
type step struct {
	name   string
	socket int
	// make returns the call's registers after the descriptor; memory that the
	// call fills is returned as well.
	nr   uintptr
	args func() (a [5]uintptr, out []byte, n *int32)
}

var walkAddresses = []string{
	"127.0.0.1:5000", "127.0.0.1:5001", "0.0.0.0:5000", "0.0.0.0:5002", "[::1]:5000", "[::1]:5003",
	"[::]:5000", "[::]:5004", "[::ffff:127.0.0.1]:5000", "[::ffff:127.0.0.1]:5005", "10.9.8.7:5000", "[2001:db8::1]:5000",
}

var walkKinds = [][3]int{
	{syscall.AF_INET, syscall.SOCK_STREAM, 0}, {syscall.AF_INET6, syscall.SOCK_STREAM, 0},
	{syscall.AF_INET, syscall.SOCK_DGRAM, 0}, {syscall.AF_INET6, syscall.SOCK_DGRAM, 0},
	{syscall.AF_UNIX, syscall.SOCK_STREAM, 0}, {syscall.AF_UNIX, syscall.SOCK_DGRAM, 0},
}

var walkOptions = []optionID{
	{syscall.SOL_SOCKET, syscall.SO_TYPE}, {syscall.SOL_SOCKET, syscall.SO_ERROR}, {syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN},
	{syscall.SOL_SOCKET, syscall.SO_REUSEADDR}, {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE}, {syscall.SOL_SOCKET, syscall.SO_BROADCAST},
	{syscall.SOL_SOCKET, syscall.SO_LINGER}, {syscall.SOL_SOCKET, syscall.SO_DOMAIN}, {syscall.SOL_SOCKET, syscall.SO_PROTOCOL},
	{syscall.IPPROTO_TCP, syscall.TCP_NODELAY}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
	{syscall.IPPROTO_TCP, tcpUserTimeout}, {syscall.IPPROTO_IP, syscall.IP_TTL}, {syscall.IPPROTO_IP, syscall.IP_MULTICAST_TTL},
	{syscall.IPPROTO_IP, syscall.IP_PKTINFO}, {syscall.IPPROTO_IP, syscall.IP_MULTICAST_LOOP},
	{syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS}, {syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO}, {syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS},
	{77, 7},
}

// randomStep picks a call. Memory is fresh for each caller.
func randomStep(r *rand.Rand, sockets int) step {
	s := step{socket: r.IntN(sockets)}
	pointerTo := func(b []byte) uintptr {
		if len(b) == 0 {
			return 0
		}
		return uintptr(unsafe.Pointer(&b[0]))
	}
	address := func() []byte {
		if r.IntN(5) == 0 {
			return unixName([]string{"\x00walk-a", "\x00walk-b"}[r.IntN(2)])
		}
		b := at(walkAddresses[r.IntN(len(walkAddresses))])
		return b[:max(len(b)-max(r.IntN(20)-16, 0)*3, 2)]
	}
	switch r.IntN(13) {
	case 0, 1:
		b := address()
		s.name, s.nr = fmt.Sprint("bind ", b), syscall.SYS_BIND
		s.args = func() ([5]uintptr, []byte, *int32) { return [5]uintptr{pointerTo(b), uintptr(len(b))}, nil, nil }
	case 2:
		b := address()
		s.name, s.nr = fmt.Sprint("connect ", b), syscall.SYS_CONNECT
		s.args = func() ([5]uintptr, []byte, *int32) { return [5]uintptr{pointerTo(b), uintptr(len(b))}, nil, nil }
	case 3:
		s.name, s.nr = "listen", syscall.SYS_LISTEN
		s.args = func() ([5]uintptr, []byte, *int32) { return [5]uintptr{3}, nil, nil }
	case 4:
		s.name, s.nr = "getsockname", syscall.SYS_GETSOCKNAME
		if r.IntN(2) == 0 {
			s.name, s.nr = "getpeername", syscall.SYS_GETPEERNAME
		}
		room := []int32{128, 28, 16, 5, 0}[r.IntN(5)]
		s.args = func() ([5]uintptr, []byte, *int32) {
			out, n := make([]byte, 128), room
			return [5]uintptr{pointerTo(out), uintptr(unsafe.Pointer(&n))}, out, &n
		}
	case 5:
		o, room := walkOptions[r.IntN(len(walkOptions))], []int32{4, 8, 16, 2, 1, 0}[r.IntN(6)]
		s.name, s.nr = fmt.Sprint("getsockopt ", o, room), syscall.SYS_GETSOCKOPT
		s.args = func() ([5]uintptr, []byte, *int32) {
			out, n := make([]byte, 16), room
			return [5]uintptr{uintptr(o.level), uintptr(o.name), pointerTo(out), uintptr(unsafe.Pointer(&n))}, out, &n
		}
	case 6:
		o := walkOptions[r.IntN(len(walkOptions))]
		v := appendInt(appendInt(nil, []int{0, 1, -1, 20, 300, 1 << 20}[r.IntN(6)]), 0)
		n := []int{4, 8, 3, 1}[r.IntN(4)]
		s.name, s.nr = fmt.Sprint("setsockopt ", o, v[:n]), syscall.SYS_SETSOCKOPT
		s.args = func() ([5]uintptr, []byte, *int32) {
			return [5]uintptr{uintptr(o.level), uintptr(o.name), pointerTo(v), uintptr(n)}, nil, nil
		}
	case 7, 8:
		data, b := make([]byte, []int{0, 1, 100, 3000}[r.IntN(4)]), []byte(nil)
		if r.IntN(2) == 0 {
			b = address()
		}
		s.name, s.nr = fmt.Sprint("sendto ", len(data), b), syscall.SYS_SENDTO
		s.args = func() ([5]uintptr, []byte, *int32) {
			return [5]uintptr{pointerTo(append(data, 0)), uintptr(len(data)), syscall.MSG_NOSIGNAL, pointerTo(b), uintptr(len(b))}, nil, nil
		}
	case 9:
		size, flags := []int{0, 50, 4000}[r.IntN(3)], []int{0, syscall.MSG_PEEK, syscall.MSG_TRUNC}[r.IntN(3)]
		s.name, s.nr = fmt.Sprint("recvfrom ", size, flags), syscall.SYS_RECVFROM
		s.args = func() ([5]uintptr, []byte, *int32) {
			b, out, n := make([]byte, size+1), make([]byte, 128), int32(128)
			return [5]uintptr{pointerTo(b), uintptr(size), uintptr(flags), pointerTo(out), uintptr(unsafe.Pointer(&n))}, out, &n
		}
	case 10, 11:
		s.name, s.nr = "accept", syscall.SYS_ACCEPT4
		s.args = func() ([5]uintptr, []byte, *int32) {
			out, n := make([]byte, 128), int32(128)
			return [5]uintptr{pointerTo(out), uintptr(unsafe.Pointer(&n)), syscall.SOCK_NONBLOCK}, out, &n
		}
	case 12:
		s.name, s.nr = "shutdown", syscall.SYS_SHUTDOWN
		how := uintptr(r.IntN(4))
		s.args = func() ([5]uintptr, []byte, *int32) { return [5]uintptr{how}, nil, nil }
	}
	return s
}

// outcome is what a call did, as far as both worlds must agree, and its result.
func (s *step) outcome(call caller, fd uintptr) (string, uintptr) {
	a, out, n := s.args()
	r, errno := call(s.nr, [6]uintptr{fd, a[0], a[1], a[2], a[3], a[4]})
	text := fmt.Sprint(int(r), " ", errno)
	if s.nr == syscall.SYS_ACCEPT4 && errno == 0 {
		text = "accepted"
	}
	if errno == 0 && n != nil {
		// Ports that were picked by chance count as one.
		if len(out) >= 4 && s.nr != syscall.SYS_GETSOCKOPT && (out[0] == syscall.AF_INET || out[0] == syscall.AF_INET6) {
			if port := binary.BigEndian.Uint16(out[2:]); port != 0 && (port < 5000 || port > 5009) {
				out[2], out[3] = 0xff, 0xff
			}
		}
		text += fmt.Sprint(" ", *n, out[:min(max(int(*n), 0), len(out))])
	}
	return text, r
}

// state is what a walk has done with a socket.
type state struct {
	kind     [3]int
	bound    bool
	connects int
	refused  bool // a bind
	failed   bool // a connection
}

// allowed keeps a walk away from what the package leaves out on purpose: a
// stream is not used again after a connection has failed; a datagram socket is
// neither connected twice, nor shut down, nor bound by a call that fails; a
// stream keeps the address of a bind that was refused; which of two mistakes is
// reported first.
func (st *state) allowed(s *step) bool {
	inet := st.kind[0] != syscall.AF_UNIX
	datagram := st.kind[1] == syscall.SOCK_DGRAM
	switch s.nr {
	case syscall.SYS_SHUTDOWN:
		return !inet && !datagram && st.connects != 0 && !st.failed
	case syscall.SYS_CONNECT:
		return !inet || st.connects == 0 && !st.bound && !st.refused
	case syscall.SYS_BIND:
		return !inet || !st.bound && !st.refused && st.connects == 0
	case syscall.SYS_SENDTO:
		return !inet || !datagram || st.connects == 1 && !st.failed && strings.HasSuffix(s.name, "[]")
	case syscall.SYS_GETSOCKNAME:
		return !inet || !st.failed && !st.refused
	}
	return !(inet && !datagram && st.failed)
}

// walk makes the same random calls on both sides. It returns what it did, and
// whether all outcomes were the same.
func walk(ours, theirs caller, seed uint64) (history []string, same bool) {
	r := rand.New(rand.NewPCG(seed, 0))
	const sockets = 4
	var states [sockets]state
	var fds [2][sockets]uintptr
	worlds := []caller{ours, theirs}
	for i := range sockets {
		k := walkKinds[r.IntN(len(walkKinds))]
		states[i].kind = k
		history = append(history, fmt.Sprint(i, " socket ", k))
		for w, call := range worlds {
			fds[w][i], _ = call(syscall.SYS_SOCKET, [6]uintptr{uintptr(k[0]), uintptr(k[1] | syscall.SOCK_NONBLOCK), uintptr(k[2])})
		}
	}
	defer func() {
		for w, call := range worlds {
			for _, fd := range fds[w] {
				call(syscall.SYS_CLOSE, [6]uintptr{fd})
			}
		}
	}()
	for range 60 {
		s := randomStep(r, sockets)
		i := s.socket
		if !states[i].allowed(&s) {
			continue
		}
		theirs, theirFD := s.outcome(theirs, fds[1][i])
		mine, myFD := "", uintptr(0)
		for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
			// Nothing is instantaneous in our stack, not even loopback.
			mine, myFD = s.outcome(ours, fds[0][i])
			if mine == theirs || time.Now().After(deadline) || mine != fmt.Sprint("-1 ", syscall.EAGAIN) && mine != fmt.Sprint("-1 ", syscall.ENOTCONN) {
				break
			}
		}
		history = append(history, fmt.Sprintf("%d %s: %s, Linux: %s", i, s.name, mine, theirs))
		if mine != theirs {
			return history, false
		}
		if s.nr == syscall.SYS_SENDTO {
			time.Sleep(2 * time.Millisecond) // else it could arrive in pieces
		}
		if mine[0] == 'a' { // the connection takes the next socket's place
			j := (i + 1) % sockets
			for w, call := range worlds {
				call(syscall.SYS_CLOSE, [6]uintptr{fds[w][j]})
			}
			fds[0][j], fds[1][j] = myFD, theirFD
			states[j] = state{kind: states[i].kind, bound: true, connects: 1}
			time.Sleep(2 * time.Millisecond)
		}
		if s.nr == syscall.SYS_BIND {
			states[i].refused = states[i].refused || mine == fmt.Sprint("-1 ", syscall.EADDRINUSE)
		}
		if s.nr == syscall.SYS_BIND || s.nr == syscall.SYS_LISTEN {
			states[i].bound = states[i].bound || mine[0] != '-'
		}
		if s.nr == syscall.SYS_CONNECT {
			states[i].connects++
			if mine == fmt.Sprint("-1 ", syscall.EINPROGRESS) {
				// What becomes of it is the next that is asked, of both.
				time.Sleep(2 * time.Millisecond)
				s := step{nr: syscall.SYS_GETPEERNAME, args: func() ([5]uintptr, []byte, *int32) {
					out, n := make([]byte, 128), int32(128)
					return [5]uintptr{uintptr(unsafe.Pointer(&out[0])), uintptr(unsafe.Pointer(&n))}, out, &n
				}}
				outcome, _ := s.outcome(worlds[1], fds[1][i])
				states[i].failed = outcome[0] == '-'
			} else {
				states[i].failed = mine[0] == '-'
			}
		}
	}
	return history, true
}

// walks is how many TestWalk does; 3000 in a row have agreed with Linux 6.
const walks = 150

// TestWalk compares random walks over the socket calls with Linux's answers.
func TestWalk(t *testing.T) {
	for seed := range uint64(walks) {
		theirs := linux(t) // without the connections that the last walk left behind
		if history, same := walk(newHost(t).Raw, theirs, seed); !same {
			last := history[len(history)-1]
			t.Errorf("seed %d", seed)
			for _, l := range history {
				if l[0] == last[0] || strings.Contains(l, "socket [") {
					t.Log(l)
				}
			}
		}
	}
}
