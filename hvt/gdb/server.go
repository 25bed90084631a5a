package gdb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Target is a CPU and its memory. It stands still while its methods are used.
type Target interface {
	Registers() (Registers, error)
	SetRegisters(Registers) error
	// ReadMemory fills p as far as there is memory from addr on, and returns
	// how far that is.
	ReadMemory(addr uint64, p []byte) int
	// WriteMemory writes all of p or fails.
	WriteMemory(addr uint64, p []byte) error
	// SetBreak has the CPU stop at an address; ClearBreak ends that. Both may
	// be repeated. They fail with ErrNotSupported for a kind that the target
	// does not have.
	SetBreak(Break) error
	ClearBreak(Break) error
}

// ErrNotSupported tells gdb to do without.
var ErrNotSupported = errors.New("not supported by this target")

// BreakKind is the kind of a Break; the numbers are those of the protocol.
type BreakKind int

// Kinds of Break.
const (
	Software BreakKind = iota // an instruction, any number of them
	Hardware                  // an instruction
	Write                     // a write to memory
	Read                      // a read from memory
	Access                    // both
)

// Break is a breakpoint or watchpoint.
type Break struct {
	Kind BreakKind
	Addr uint64
	// Size is the number of bytes watched.
	Size uint64
}

// Signal is a number of gdb's own, which are not those of Linux throughout.
type Signal uint8

// Signals.
const (
	SIGINT  Signal = 2
	SIGILL  Signal = 4
	SIGTRAP Signal = 5
	SIGABRT Signal = 6
	SIGFPE  Signal = 8
	SIGKILL Signal = 9
	SIGBUS  Signal = 10
	SIGSEGV Signal = 11
	SIGTERM Signal = 15
)

// Stop is why the CPU stands still.
type Stop struct {
	Signal Signal
	// Break is what it has met, if it has.
	Break *Break
	// Text is for the user, "" for none.
	Text string
}

// Action is how the CPU shall go on.
type Action int

// Actions.
const (
	Continue Action = iota
	Step            // one instruction
	Detach          // without the server; also after the end of the connection
	Kill
)

// Resume is an Action with the signal that the program shall get, or 0.
type Resume struct {
	Action Action
	Signal Signal
}

// Server talks to one gdb. One goroutine uses it.
type Server struct {
	conn     io.ReadWriteCloser
	messages chan message
	closing  chan struct{}
	ended    chan struct{}
	started  bool // gdb waits for the news of a stop
	quiet    bool // no acknowledgements
	last     []byte
}

// NewServer starts reading from conn. notify is called, by another goroutine,
// whenever something has come: the CPU must then be stopped for Serve, which
// is for those who are in it already to ignore.
func NewServer(conn io.ReadWriteCloser, notify func()) *Server {
	s := &Server{conn: conn, messages: make(chan message, 16), closing: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		r := bufio.NewReaderSize(conn, maxPacket)
		for {
			m, err := read(r)
			select {
			case s.messages <- m:
				notify()
			case <-s.closing:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// Pending says whether something has come that Serve has not seen.
func (s *Server) Pending() bool { return len(s.messages) > 0 }

// Close ends the connection and waits for the end of reading.
func (s *Server) Close() error {
	err := s.conn.Close()
	close(s.closing)
	<-s.ended
	return err
}

// Serve tells gdb that the CPU has stopped and obeys until gdb says how to go
// on. If the connection ends, that is Detach.
func (s *Server) Serve(t Target, why Stop) Resume {
	if why.Text != "" && s.started {
		s.send(fmt.Appendf(nil, "O%x", why.Text))
	}
	if s.started {
		s.send(why.report())
	}
	s.started = true
	for {
		switch m := <-s.messages; m.kind {
		case closed:
			return Resume{Action: Detach}
		case resend:
			s.write(s.last)
		case garbled:
			s.acknowledge('-')
		case command:
			s.acknowledge('+')
			reply, resume := s.obey(t, why, m.data)
			if reply != nil {
				s.send(reply)
			}
			if resume != nil {
				return *resume
			}
		}
	}
}

// Exited tells gdb that the program has ended with the status.
func (s *Server) Exited(status int) { s.send(fmt.Appendf(nil, "W%02x", status&0xff)) }

// Died tells gdb that the program was ended.
func (s *Server) Died(signal Signal) { s.send(fmt.Appendf(nil, "X%02x", signal)) }

// report is the stop reply.
func (w Stop) report() []byte {
	reason := ""
	if b := w.Break; b != nil {
		switch b.Kind {
		case Software:
			reason = "swbreak:;"
		case Hardware:
			reason = "hwbreak:;"
		case Write:
			reason = fmt.Sprintf("watch:%x;", b.Addr)
		case Read:
			reason = fmt.Sprintf("rwatch:%x;", b.Addr)
		case Access:
			reason = fmt.Sprintf("awatch:%x;", b.Addr)
		}
	}
	return fmt.Appendf(nil, "T%02x%sthread:1;", w.Signal, reason)
}

func (s *Server) send(data []byte) {
	s.last = frame(data)
	s.write(s.last)
}

func (s *Server) acknowledge(c byte) {
	if !s.quiet {
		s.write([]byte{c})
	}
}

// write passes bytes to the connection. An error needs no answer: reading ends
// with the connection, too.
func (s *Server) write(b []byte) { _, _ = s.conn.Write(b) }
