package gdb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeTarget has 256 bytes of memory at 0x1000.
type fakeTarget struct {
	registers Registers
	memory    [256]byte
	breaks    map[Break]bool
	fail      error
}

func (f *fakeTarget) Registers() (Registers, error) { return f.registers, f.fail }

func (f *fakeTarget) SetRegisters(r Registers) error {
	f.registers = r
	return f.fail
}

func (f *fakeTarget) ReadMemory(addr uint64, p []byte) int {
	if addr < 0x1000 || addr >= 0x1100 {
		return 0
	}
	return copy(p, f.memory[addr-0x1000:])
}

func (f *fakeTarget) WriteMemory(addr uint64, p []byte) error {
	if addr < 0x1000 || addr > 0x1100 || uint64(len(p)) > 0x1100-addr {
		return errors.New("no memory")
	}
	copy(f.memory[addr-0x1000:], p)
	return nil
}

func (f *fakeTarget) SetBreak(b Break) error {
	if b.Kind == Read {
		return ErrNotSupported
	}
	f.breaks[b] = true
	return f.fail
}

func (f *fakeTarget) ClearBreak(b Break) error {
	delete(f.breaks, b)
	return nil
}

func newFakeTarget() *fakeTarget {
	f := &fakeTarget{breaks: make(map[Break]bool)}
	for i := range f.memory {
		f.memory[i] = byte(i)
	}
	for i := range f.registers.General {
		f.registers.General[i] = uint64(i)<<56 | 0x11
	}
	f.registers.RIP = 0x401000
	f.registers.Flags = 0x246
	f.registers.GSBase = 0xfeed
	return f
}

func TestRegisterLayout(t *testing.T) {
	if n := binary.Size(Registers{}); n != registersSize {
		t.Errorf("registers have %d bytes, not %d", n, registersSize)
	}
	for _, c := range []struct {
		n            uint64
		offset, size int
	}{{0, 0, 8}, {15, 120, 8}, {16, 128, 8}, {17, 136, 4}, {23, 160, 4}, {24, 164, 10}, {32, 244, 4}, {39, 272, 4},
		{40, 276, 16}, {55, 516, 16}, {56, 532, 4}, {57, 536, 8}, {58, 544, 8}} {
		if offset, size, ok := register(c.n); !ok || offset != c.offset || size != c.size {
			t.Errorf("register %d: %d bytes at %d, want %d at %d", c.n, size, offset, c.size, c.offset)
		}
	}
	for _, n := range []uint64{59, 60, 1 << 32, 1<<64 - 1} {
		if _, _, ok := register(n); ok {
			t.Errorf("there is a register %d", n)
		}
	}
}

func TestDescription(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(description()))
	d.Strict = true
	registers := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "reg" {
			registers++
		}
	}
	if registers != 59 {
		t.Errorf("%d registers", registers)
	}
}

// Commands and the replies to them; "+" is an action, which has none.
func TestCommands(t *testing.T) {
	for _, c := range []struct {
		command, reply string
		resume         *Resume
	}{
		{"", "", nil},
		{"?", "T05thread:1;", nil},
		{"m1000,4", "00010203", nil},
		{"m10fe,10", "feff", nil},
		{"m1100,4", "E0e", nil},
		{"m1000,0", "", nil},
		{"mffffffffffffffff,ffffffffffffffff", "E0e", nil},
		{"m1000", "E01", nil},
		{"mxyz,4", "E01", nil},
		{"m10000000000000000,4", "E01", nil},
		{"M1000,2:abcd", "OK", nil},
		{"M1000,3:abcd", "E01", nil},
		{"M1000,2:abc", "E01", nil},
		{"M10ff,2:abcd", "E0e", nil},
		{"p10", "0010400000000000", nil},
		{"p0", "1100000000000000", nil},
		{"p3a", "edfe000000000000", nil},
		{"p3b", "E01", nil},
		{"p", "E01", nil},
		{"P10=0807060504030201", "OK", nil},
		{"P10=08", "E01", nil},
		{"P3b=00", "E01", nil},
		{"G00", "E01", nil},
		{"Z0,1000,1", "OK", nil},
		{"Z2,1000,8;X1", "OK", nil},
		{"Z3,1000,8", "", nil},
		{"Z9,1000,8", "", nil},
		{"Z0,1000", "E01", nil},
		{"Z", "E01", nil},
		{"z0,1000,1", "OK", nil},
		{"c", "+", &Resume{}},
		{"s", "+", &Resume{Action: Step}},
		{"C0b", "+", &Resume{Signal: SIGSEGV}},
		{"S05", "+", &Resume{Action: Step, Signal: SIGTRAP}},
		{"C", "E01", nil},
		{"C100", "E01", nil},
		{"c401234", "+", &Resume{}},
		{"cq", "E01", nil},
		{"vCont?", "vCont;c;C;s;S", nil},
		{"vCont;c", "+", &Resume{}},
		{"vCont;s:1;c", "+", &Resume{Action: Step}},
		{"vCont;C0b:1;c", "+", &Resume{Signal: SIGSEGV}},
		{"vCont", "E01", nil},
		{"vCont;t", "E01", nil},
		{"vMustReplyEmpty", "", nil},
		{"vKill;1", "OK", &Resume{Action: Kill}},
		{"k", "+", &Resume{Action: Kill}},
		{"D", "OK", &Resume{Action: Detach}},
		{"D;1", "OK", &Resume{Action: Detach}},
		{"Hg0", "OK", nil},
		{"T1", "OK", nil},
		{"qC", "QC1", nil},
		{"qAttached:1", "1", nil},
		{"qfThreadInfo", "m1", nil},
		{"qsThreadInfo", "l", nil},
		{"qSupported:a;b", "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+", nil},
		{"qXfer:features:read:target.xml:0,5", "m<?xml", nil},
		{"qXfer:features:read:target.xml:ffffff,5", "E01", nil},
		{"qXfer:features:read:other.xml:0,5", "", nil},
		{"qXfer:features:write:target.xml:0:x", "", nil},
		{"qRcmd,00", "", nil},
		{"X1000,0:", "", nil},
		{"!", "", nil},
		{"\x00", "", nil},
	} {
		s := &Server{}
		target := newFakeTarget()
		reply, resume := s.obey(target, Stop{Signal: SIGTRAP}, []byte(c.command))
		got := string(reply)
		if reply == nil {
			got = "+"
		}
		if got != c.reply || (resume == nil) != (c.resume == nil) || resume != nil && *resume != *c.resume {
			t.Errorf("%q: %q, %+v; want %q, %+v", c.command, got, resume, c.reply, c.resume)
		}
		target.fail = errors.New("broken")
		if strings.ContainsAny(c.command[:min(1, len(c.command))], "pPG") && !strings.HasPrefix(c.reply, "E") {
			if reply, _ := s.obey(target, Stop{}, []byte(c.command)); string(reply) != "E05" {
				t.Errorf("%q on a broken target: %q", c.command, reply)
			}
		}
	}
}

func TestAllRegisters(t *testing.T) {
	s, target := &Server{}, newFakeTarget()
	g, _ := s.obey(target, Stop{}, []byte("g"))
	if len(g) != 2*registersSize {
		t.Fatalf("%d digits", len(g))
	}
	want := target.registers
	target.registers = Registers{}
	if reply, _ := s.obey(target, Stop{}, append([]byte{'G'}, g...)); string(reply) != "OK" || target.registers != want {
		t.Errorf("%q: %+v", reply, target.registers)
	}
	if _, resume := s.obey(target, Stop{}, []byte("c5555")); resume == nil || target.registers.RIP != 0x5555 {
		t.Errorf("RIP = %#x", target.registers.RIP)
	}
	if reply, _ := s.obey(target, Stop{}, []byte("qXfer:features:read:target.xml:0,ffffff")); string(reply) != "l"+description() {
		t.Errorf("%q", reply)
	}
}

func TestReports(t *testing.T) {
	for want, stop := range map[string]Stop{
		"T02thread:1;":             {Signal: SIGINT},
		"T05swbreak:;thread:1;":    {Signal: SIGTRAP, Break: &Break{Software, 0x1000, 1}},
		"T05hwbreak:;thread:1;":    {Signal: SIGTRAP, Break: &Break{Hardware, 0x1000, 1}},
		"T05watch:1000;thread:1;":  {Signal: SIGTRAP, Break: &Break{Write, 0x1000, 4}},
		"T05rwatch:1000;thread:1;": {Signal: SIGTRAP, Break: &Break{Read, 0x1000, 4}},
		"T05awatch:1000;thread:1;": {Signal: SIGTRAP, Break: &Break{Access, 0x1000, 4}},
	} {
		if got := string(stop.report()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A conversation: acknowledgements, a damaged packet, one sent again, Ctrl-C,
// the end.
func TestConversation(t *testing.T) {
	ours, theirs := net.Pipe()
	var notices atomic.Int32
	s := NewServer(theirs, func() { notices.Add(1) })
	resumes := make(chan Resume, 10)
	go func() {
		target := newFakeTarget()
		for _, stop := range []Stop{{Signal: SIGTRAP}, {Signal: SIGINT, Text: "news"}, {Signal: SIGINT}} {
			resumes <- s.Serve(target, stop)
		}
		s.Exited(300)
		s.Died(SIGKILL)
		s.Close()
	}()
	r := bufio.NewReader(ours)
	say := func(text string) {
		t.Helper()
		if _, err := io.WriteString(ours, text); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	say("+$qC#b4")
	expect("+$QC1#c5")
	say("-")
	expect("$QC1#c5")
	say("$qC#b5")
	expect("-")
	say("$qC#zz")
	expect("-")
	say("$g" + strings.Repeat("0", maxPacket+5) + "#00")
	expect("-")
	say("junk$q$qC#b4")
	expect("+$QC1#c5")
	say(string(frame([]byte("m1023,1"))))
	expect("+$23#65")
	say(string(frame([]byte("QStartNoAckMode"))))
	expect("+$OK#9a")
	say("\x03$c#63")
	expect("$O6e657773#2d$T02thread:1;#d4")
	say("$vCont;s#b8")
	expect("$T02thread:1;#d4")
	say("$D#44")
	expect("$OK#9a$W2c#ec$X09#c1")
	for _, want := range []Resume{{}, {Action: Step}, {Action: Detach}} {
		if got := <-resumes; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("%v at the end", err)
	}
	if notices.Load() < 10 {
		t.Errorf("%d notices", notices.Load())
	}
}

// A connection that ends is as good as a detach, at any point.
func TestConnectionEnds(t *testing.T) {
	for _, text := range []string{"", "$", "$m10", "$m1000,4#", "$m1000,4#8", "+++", "$}"} {
		ours, theirs := net.Pipe()
		s := NewServer(theirs, func() {})
		go func() {
			io.WriteString(ours, text)
			ours.Close()
		}()
		if resume := s.Serve(newFakeTarget(), Stop{}); resume.Action != Detach {
			t.Errorf("%q: %+v", text, resume)
		}
		s.Close()
	}
}

// Close ends a server whose messages nobody takes.
func TestCloseWhileFlooded(t *testing.T) {
	ours, theirs := net.Pipe()
	s := NewServer(theirs, func() {})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := ours.Write([]byte{3}); err != nil {
				return
			}
		}
	}()
	for !s.Pending() {
	}
	s.Close()
	<-ended
}

func ExampleServer() {
	conn := &script{Reader: bytes.NewReader(frame([]byte("vCont;s")))}
	s := NewServer(conn, func() {})
	defer s.Close()
	resume := s.Serve(newFakeTarget(), Stop{Signal: SIGTRAP})
	fmt.Println(resume.Action == Step)
	// Output: true
}
