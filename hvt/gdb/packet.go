package gdb

import (
	"bufio"
	"encoding/hex"
	"fmt"
)

// maxPacket is the size of the largest packet in either direction, what frames
// it not counted. gdb is told, and keeps to it.
const maxPacket = 16 << 10

// kind is the kind of a message from gdb.
type kind int

const (
	command   kind = iota // a packet
	garbled               // a packet that is damaged or too large
	interrupt             // Ctrl-C
	resend                // the last packet did not arrive
	closed                // the connection has ended
)

// message is what gdb sends; data is that of a command.
type message struct {
	kind kind
	data []byte
}

// read takes the next message. It fails only if the connection does.
func read(r *bufio.Reader) (message, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return message{kind: closed}, err
		}
		switch c {
		case '$':
			return readPacket(r)
		case 3:
			return message{kind: interrupt}, nil
		case '-':
			return message{kind: resend}, nil
		}
		// Acknowledgements need no answer; other bytes are between packets.
	}
}

// readPacket reads behind the dollar sign.
func readPacket(r *bufio.Reader) (message, error) {
	var data []byte
	var sum byte
	intact := true
	for escaped := false; ; {
		c, err := r.ReadByte()
		if err != nil {
			return message{kind: closed}, err
		}
		if c == '#' {
			intact = intact && !escaped
			break
		}
		if c == '$' { // the rest of the last packet was lost
			data, sum, intact, escaped = data[:0], 0, true, false
			continue
		}
		sum += c
		switch {
		case escaped:
			c, escaped = c^0x20, false
		case c == '}':
			escaped = true
			continue
		}
		if len(data) == maxPacket {
			intact = false
			continue
		}
		data = append(data, c)
	}
	var digits [2]byte
	for i := range digits {
		var err error
		if digits[i], err = r.ReadByte(); err != nil {
			return message{kind: closed}, err
		}
	}
	var want [1]byte
	if _, err := hex.Decode(want[:], digits[:]); err != nil || want[0] != sum || !intact {
		return message{kind: garbled}, nil
	}
	return message{command, data}, nil
}

// frame is a packet with what frames it.
func frame(data []byte) []byte {
	out := make([]byte, 0, len(data)+8)
	out = append(out, '$')
	var sum byte
	for _, c := range data {
		if c == '$' || c == '#' || c == '}' || c == '*' {
			out, sum = append(out, '}'), sum+'}'
			c ^= 0x20
		}
		out, sum = append(out, c), sum+c
	}
	return fmt.Appendf(out, "#%02x", sum)
}
