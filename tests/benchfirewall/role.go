package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig"
)

// This program is also each end of the requests: a process of its own, which
// waits in system calls, as most programs of the network do.
const (
	roleVariable = "BENCHFIREWALL_ROLE"
	roleServer   = "server"
	roleClient   = "client"
)

const (
	// requestBytes is the payload that makes a frame of 60 bytes.
	requestBytes = frameBytes - 14 - 20 - 8
	// mostRequests end the measurement before its time.
	mostRequests = 20000
	// leastAnswers are enough for a percentile.
	leastAnswers = 200
	// longestMore is how long a client waits for them after its time.
	longestMore = 5 * time.Second
	// answerTime is how long an answer may take.
	answerTime = 200 * time.Millisecond
)

// roundTrips is what a client prints.
type roundTrips struct {
	P50, P99 float64 // µs
	Answers  int
	Lost     int
}

// play plays a role.
func play(role string, args []string) error {
	runtime.LockOSThread()
	if role == roleServer {
		return serve()
	}
	seconds, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return err
	}
	r, err := ask(time.Duration(seconds * float64(time.Second)))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// serve answers the first client that asks, until it is killed.
func serve() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: echoPort}); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, peer, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, peer); err != nil {
		return err
	}
	for {
		if _, errno := rawWrite(fd, buf[:n]); errno != 0 && errno != unix.EINTR {
			return errno
		}
		var errno unix.Errno
		for n, errno = rawRead(fd, buf); errno != 0; n, errno = rawRead(fd, buf) {
			if errno != unix.EINTR {
				return errno
			}
		}
	}
}

// ask asks for a time.
func ask(length time.Duration) (r roundTrips, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return r, err
	}
	timeout := unix.NsecToTimeval(answerTime.Nanoseconds())
	to := unix.SockaddrInet4{Port: echoPort, Addr: [4]byte(net.ParseIP(rig.InsideHost).To4())}
	if err := errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout), unix.Connect(fd, &to)); err != nil {
		return r, err
	}
	micros := make([]float64, 0, mostRequests)
	request, answer := make([]byte, requestBytes), make([]byte, 2048)
	began := time.Now()
	for i := uint16(0); len(micros) < mostRequests; i++ {
		// A slow path gets more time.
		if t := time.Since(began); t > length && (len(micros) >= leastAnswers || t > length+longestMore) {
			break
		}
		request[0], request[1] = byte(i), byte(i>>8)
		start := time.Now()
		if _, errno := rawWrite(fd, request); errno != 0 {
			return r, fmt.Errorf("sending a request: %w", errno)
		}
		if awaitAnswer(fd, request, answer) {
			micros = append(micros, float64(time.Since(start).Nanoseconds())/1000)
		} else {
			r.Lost++
		}
	}
	if r.Answers = len(micros); r.Answers < leastAnswers || r.Lost > r.Answers/10 {
		return r, fmt.Errorf("%d answers and %d requests without one", r.Answers, r.Lost)
	}
	slices.Sort(micros)
	r.P50, r.P99 = micros[len(micros)/2], micros[len(micros)*99/100]
	return r, nil
}

// awaitAnswer waits for the answer to a request; what is late for another is
// none.
func awaitAnswer(fd int, request, answer []byte) bool {
	for {
		n, errno := rawRead(fd, answer)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return false
		case n == len(request) && answer[0] == request[0] && answer[1] == request[1]:
			return true
		}
	}
}
