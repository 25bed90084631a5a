package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tender/confine"
	"tender/datapath"
)

// statsPeriod is how often the file of --stats=FILE is written.
const statsPeriod = time.Second

// stats tells others about the guest's network devices: a file, or who connects.
// All it uses is open before the guest starts.
type stats struct {
	guest   string
	devices []datapath.DeviceCounters
	text    bytes.Buffer

	file           int // -1 without one
	listener, conn int // -1 without; conn is the number that connections take
	stop           int // eventfd
	ended          chan struct{}
}

// checkStats says whether a value of --stats can be meant so.
func checkStats(value string) error {
	if _, err := netip.ParseAddrPort(value); err == nil || strings.HasPrefix(value, "unix:/") || strings.HasPrefix(value, "unix:.") {
		return nil
	}
	_, port, found := strings.Cut(value, ":")
	if _, err := parseDecimal(port); strings.HasPrefix(value, "unix:") || found && err == nil {
		return fmt.Errorf("--stats=%s: write a path, unix:/PATH, or a numeric address like 127.0.0.1:9100", value)
	}
	return nil
}

// openStats opens what a value of --stats names.
func openStats(value, guest string) (_ *stats, err error) {
	s := &stats{guest: guest, file: -1, listener: -1, conn: -1, ended: make(chan struct{})}
	if s.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("--stats: cannot create an eventfd: %w", err)
	}
	address, addrErr := netip.ParseAddrPort(value)
	path, isUnix := strings.CutPrefix(value, "unix:")
	switch {
	case isUnix:
		removeStale(path)
		err = s.listen(unix.AF_UNIX, &unix.SockaddrUnix{Name: path})
	case addrErr == nil && address.Addr().Is4():
		err = s.listen(unix.AF_INET, &unix.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())})
	case addrErr == nil:
		err = s.listen(unix.AF_INET6, &unix.SockaddrInet6{Addr: address.Addr().As16(), Port: int(address.Port())})
	default:
		s.file, err = unix.Open(value, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o644)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--stats=%s: %w", value, err), s.release())
	}
	return s, nil
}

// removeStale removes a socket that nobody listens at: a confined tender cannot
// remove its own when it ends.
func removeStale(path string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == unix.ECONNREFUSED {
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
			unix.Unlink(path)
		}
	}
}

func (s *stats) listen(family int, address unix.Sockaddr) (err error) {
	if s.listener, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	if family != unix.AF_UNIX {
		if err := unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fmt.Errorf("setting SO_REUSEADDR: %w", err)
		}
	}
	if err := unix.Bind(s.listener, address); err != nil {
		return fmt.Errorf("cannot listen there: %w", err)
	}
	if err := unix.Listen(s.listener, 16); err != nil {
		return fmt.Errorf("cannot listen there: %w", err)
	}
	if s.conn, err = unix.FcntlInt(uintptr(s.listener), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return fmt.Errorf("reserving a descriptor: %w", err)
	}
	return nil
}

// confinement is what a confined tender goes on to use of it.
func (s *stats) confinement() *confine.Stats {
	if s == nil {
		return nil
	}
	return &confine.Stats{File: s.file, Listener: s.listener, Conn: s.conn}
}

// start tells about the devices until close.
func (s *stats) start(devices []datapath.DeviceCounters) {
	s.devices = devices
	go func() {
		defer close(s.ended)
		if s.file >= 0 {
			for !s.wait(statsPeriod) {
				s.write()
			}
			s.write()
			return
		}
		for !s.wait(-1) {
			s.serve()
		}
	}()
}

// wait waits for a connection, if there is a listener, and for the time, unless
// that is negative. It says whether close was called.
func (s *stats) wait(d time.Duration) (stopped bool) {
	fds := []unix.PollFd{{Fd: int32(s.stop), Events: unix.POLLIN}, {Fd: int32(s.listener), Events: unix.POLLIN}}
	ready(fds, d)
	return fds[0].Revents != 0
}

// ready waits until a descriptor is ready, for at most some time, which may be
// negative for ever.
func ready(fds []unix.PollFd, d time.Duration) bool {
	deadline := time.Now().Add(d)
	for {
		var timeout *unix.Timespec
		if d >= 0 {
			ts := unix.NsecToTimespec(max(0, time.Until(deadline)).Nanoseconds())
			timeout = &ts
		}
		if n, err := unix.Ppoll(fds, timeout, nil); err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// metrics is the text now.
func (s *stats) metrics() []byte {
	s.text.Reset()
	datapath.WriteMetrics(&s.text, s.guest, s.devices)
	return s.text.Bytes()
}

// write writes the file anew, in one call. Its text never gets shorter. What
// fails now may go well next time.
func (s *stats) write() { _, _ = unix.Pwrite(s.file, s.metrics(), 0) }

// Bounds of a connection.
const (
	statsRequestBytes = 4096
	statsRequestTime  = 2 * time.Second
)

// serve answers one connection, whatever it asks for, over HTTP. The connection
// takes the number that the tender's filter lets it read and write.
func (s *stats) serve() {
	// unix.Accept4 would ask for the socket's protocol, which a confined tender
	// must not.
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(s.listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return
	}
	err := unix.Dup3(int(fd), s.conn, unix.O_CLOEXEC)
	unix.Close(int(fd))
	if err != nil {
		return
	}
	s.answer(time.Now().Add(statsRequestTime))
	// This ends the connection, and the number stays taken.
	_ = unix.Dup3(s.listener, s.conn, unix.O_CLOEXEC)
}

// answer reads a request and writes the answer.
func (s *stats) answer(deadline time.Time) {
	fds := []unix.PollFd{{Fd: int32(s.conn), Events: unix.POLLIN}, {Fd: int32(s.stop), Events: unix.POLLIN}}
	var request [statsRequestBytes]byte
	n := 0
	for !bytes.Contains(request[:n], []byte("\r\n\r\n")) {
		if n == len(request) || !ready(fds, max(0, time.Until(deadline))) || fds[1].Revents != 0 {
			return
		}
		got, err := unix.Read(s.conn, request[n:])
		if err != nil && err != unix.EAGAIN || err == nil && got <= 0 {
			return
		}
		n += max(got, 0)
	}
	head, body := "HTTP/1.0 405 Method Not Allowed\r\nAllow: GET", []byte(nil)
	if bytes.HasPrefix(request[:n], []byte("GET ")) {
		head, body = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4", s.metrics()
	}
	answer := append(fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", head, len(body)), body...)
	fds[0].Events = unix.POLLOUT
	for len(answer) > 0 && ready(fds, max(0, time.Until(deadline))) && fds[1].Revents == 0 {
		wrote, err := unix.Write(s.conn, answer)
		if err != nil && err != unix.EAGAIN {
			return
		}
		answer = answer[max(wrote, 0):]
	}
}

// close ends what start began; a file then has the last counts.
func (s *stats) close() error {
	if s == nil {
		return nil
	}
	if _, err := unix.Write(s.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("--stats: %w", err)
	}
	<-s.ended
	return s.release()
}

func (s *stats) release() error {
	var errs []error
	for _, fd := range []int{s.file, s.listener, s.conn, s.stop} {
		if fd >= 0 {
			errs = append(errs, os.NewSyscallError("close", unix.Close(fd)))
		}
	}
	return errors.Join(errs...)
}
