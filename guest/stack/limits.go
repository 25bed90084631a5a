package stack

import (
	"runtime/debug"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// limits are the sizes of buffers in bytes, by the memory that there is.
type limits struct {
	// memory is the soft limit of the heap.
	memory int64
	// tcpInitial and tcpMax bound one direction of a TCP connection: it
	// starts with the former and is tuned up to the latter as its round trip
	// and its speed need it.
	tcpInitial, tcpMax int
	// datagrams is the default of what waits in a UDP or raw socket, and
	// datagramsMax what a program can ask for.
	datagrams, datagramsMax int
	// backlog bounds the connections that wait in a listening socket.
	backlog int
	// timeWait is how long a closed connection is remembered, and finWait how
	// long one whose peer does not close.
	timeWait, finWait time.Duration
}

// limitsFor gives a connection a sixty-fourth of the memory, so that some dozens
// of connections whose peers are slow still leave room for the program.
func limitsFor(memory int64) limits {
	share := func(parts, least, most int64) int { return int(min(max(memory/parts, least), most)) }
	l := limits{
		memory:       memory,
		tcpInitial:   share(256, 64<<10, 1<<20),
		tcpMax:       share(64, 256<<10, 4<<20),
		datagrams:    share(256, 64<<10, 208<<10),
		datagramsMax: share(64, 256<<10, 4<<20),
		// A half-open connection takes 5 KiB.
		backlog: share(64<<10, 128, 4096),
		// RFC 9293 wants four minutes, Linux takes one. A closed connection
		// takes about 5 KiB, so that at 5000 connections per second half of
		// the memory is spent on them.
		timeWait: time.Duration(share(64<<20, 1, 60)) * time.Second,
	}
	l.finWait = max(l.timeWait, 10*time.Second)
	return l
}

// memoryBytes is the soft limit of the Go heap, three quarters of what was free at
// boot in a guest, or math.MaxInt64.
func memoryBytes() int64 { return debug.SetMemoryLimit(-1) }

// apply sets the limits. netstack refuses none of these options.
func (l limits) apply(s *netstack.Stack) error {
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: l.tcpInitial, Max: l.tcpMax}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: l.tcpInitial, Max: l.tcpMax}
	sack, tune := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	// netstack's RACK (RFC 8985) starts a recovery by SACK after the first
	// answer that follows a timeout, and takes all that was lost for being
	// under way: it sends two segments per timeout until it has caught up.
	// Without it, recovery is that of RFC 6675.
	recovery := tcpip.TCPRecovery(0)
	timeWait, finWait := tcpip.TCPTimeWaitTimeoutOption(l.timeWait), tcpip.TCPLingerTimeoutOption(l.finWait)
	for _, o := range []tcpip.SettableTransportProtocolOption{&send, &receive, &sack, &tune, &recovery, &timeWait, &finWait} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return failure(err)
		}
	}
	if err := s.SetOption(tcpip.SendBufferSizeOption{Min: tcp.MinBufferSize, Default: l.datagrams, Max: l.datagramsMax}); err != nil {
		return failure(err)
	}
	return failure(s.SetOption(tcpip.ReceiveBufferSizeOption{Min: tcp.MinBufferSize, Default: l.datagrams, Max: l.datagramsMax}))
}
