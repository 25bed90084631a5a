package gdb

import (
	"bufio"
	"bytes"
	"testing"
)

// What frame makes, readPacket reads.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("m1000,4"))
	f.Add([]byte("}#$*\x03\x00\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := read(bufio.NewReader(bytes.NewReader(frame(data))))
		if len(data) > maxPacket {
			if err != nil || m.kind != garbled {
				t.Fatalf("%d bytes: %v, %v", len(data), m.kind, err)
			}
			return
		}
		if err != nil || m.kind != command || !bytes.Equal(m.data, data) {
			t.Fatalf("%q became %v, %q, %v", data, m.kind, m.data, err)
		}
	})
}

// FuzzConversation sends the server anything. It answers with packets, writes
// nowhere but to memory there is, and ends with its connection.
func FuzzConversation(f *testing.F) {
	for _, commands := range [][]string{
		{"qSupported", "?", "g", "c"}, {"Z0,1000,1", "vCont;s:1", "vCont;c", "D"}, {"m1000,ffffffff", "M1000,1:ff", "P10=00", "k"},
		{"qXfer:features:read:target.xml:0,ffb", "QStartNoAckMode", "G00", "X1000,2:}]}"}, {"C0b;1000", "s1000", "H", "z9,,"},
	} {
		var b []byte
		for _, c := range commands {
			b = append(b, frame([]byte(c))...)
		}
		f.Add(b)
	}
	f.Add([]byte("\x03\x03--$#00$}#7d+$m1000,4#8e"))
	f.Fuzz(func(t *testing.T, data []byte) {
		conn := &script{Reader: bytes.NewReader(data)}
		s := NewServer(conn, func() {})
		target := newFakeTarget()
		for resume := (Resume{Action: Continue}); resume.Action < Detach; {
			resume = s.Serve(target, Stop{Signal: SIGTRAP})
		}
		s.Close()
		r := bufio.NewReader(&conn.out)
		for {
			m, err := read(r)
			if err != nil {
				break
			}
			if m.kind == garbled {
				t.Fatalf("a garbled answer to %q", data)
			}
		}
	})
}

// script is a connection with all of its input known.
type script struct {
	*bytes.Reader
	out bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) Close() error                { return nil }
