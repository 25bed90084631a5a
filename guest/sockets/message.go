package sockets

import (
	"io"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// Message is struct msghdr: what one receive or send moves. The caller owns all
// memory in it; nothing is kept after the call.
type Message struct {
	// Name is where to send to, or the room for the sender's address.
	Name []byte
	// Buffers hold the data, or are filled in order.
	Buffers [][]byte
	// Control is the control messages to send, or the room for those received.
	Control []byte
	// Flags are MSG_*. A receive sets OutFlags.
	Flags int

	// NameLen and ControlLen are set by a receive: the full length of the
	// sender's address, and what was written to Control.
	NameLen, ControlLen int
	OutFlags            int

	sent   int // bytes sent by earlier tries
	cursor cursor
	to     tcpip.FullAddress
	one    [1][]byte
	many   [][]byte // for iovecs, kept for the next user of the message
}

// size is the length of all buffers.
func (m *Message) size() int {
	n := 0
	for _, b := range m.Buffers {
		n += len(b)
	}
	return n
}

var messages = sync.Pool{New: func() any { return new(Message) }}

// newMessage takes a message from the pool.
func newMessage() *Message { return messages.Get().(*Message) }

// free gives a message back, without what it refers to.
func (m *Message) free() {
	many := m.many[:cap(m.many)]
	clear(many)
	*m = Message{many: many[:0]}
	messages.Put(m)
}

// cursor walks over buffers: the stack reads from it and writes to it.
type cursor struct {
	buffers [][]byte
	offset  int // into the first buffer
	left    int
	discard bool // what is written is dropped
}

var (
	_ io.Writer       = (*cursor)(nil)
	_ tcpip.Payloader = (*cursor)(nil)
)

// start puts the cursor at an offset into the buffers.
func (c *cursor) start(buffers [][]byte, offset, size int) {
	*c = cursor{buffers: buffers, left: size - offset}
	c.skip(offset)
}

func (c *cursor) skip(n int) {
	c.offset += n
	for len(c.buffers) != 0 && c.offset >= len(c.buffers[0]) {
		c.offset -= len(c.buffers[0])
		c.buffers = c.buffers[1:]
	}
}

// Len implements tcpip.Payloader: the bytes that are left to read or to fill.
func (c *cursor) Len() int { return c.left }

// Read implements io.Reader.
func (c *cursor) Read(p []byte) (int, error) {
	done := 0
	for done < len(p) && c.left != 0 {
		n := copy(p[done:], c.buffers[0][c.offset:])
		done += n
		c.left -= n
		c.skip(n)
	}
	if done == 0 && len(p) != 0 {
		return 0, io.EOF
	}
	return done, nil
}

// Write implements io.Writer. It writes short when the buffers are full.
func (c *cursor) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) && c.left != 0 {
		n := min(len(p)-done, c.left)
		if !c.discard {
			n = copy(c.buffers[0][c.offset:], p[done:])
			c.skip(n)
		}
		done += n
		c.left -= n
	}
	if done < len(p) {
		return done, io.ErrShortWrite
	}
	return done, nil
}
