package hvt

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"

	"tender/machine"
)

// gdbClient is a gdb in a few lines, for machines that have none.
type gdbClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// send sends a packet.
func (c *gdbClient) send(text string) {
	c.t.Helper()
	var sum byte
	for _, b := range []byte(text) {
		sum += b
	}
	if _, err := fmt.Fprintf(c.conn, "$%s#%02x", text, sum); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
}

// reply is the next packet of the server's.
func (c *gdbClient) reply() string {
	c.t.Helper()
	text, err := c.r.ReadString('#')
	if err == nil {
		_, err = c.r.Discard(2)
	}
	if err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
	_, text, _ = strings.Cut(text, "$")
	return strings.TrimSuffix(text, "#")
}

// ask sends a packet and checks the answer.
func (c *gdbClient) ask(text, want string) {
	c.t.Helper()
	c.send(text)
	if got := c.reply(); got != want {
		c.t.Fatalf("%s: %q, want %q", text, got, want)
	}
}

// register is a general one, or RIP, by its number.
func (c *gdbClient) register(n int) uint64 {
	c.t.Helper()
	c.send(fmt.Sprintf("p%x", n))
	b, err := hex.DecodeString(c.reply())
	if err != nil || len(b) != 8 {
		c.t.Fatalf("register %d: %x, %v", n, b, err)
	}
	return binary.LittleEndian.Uint64(b)
}

const (
	clientRBX = 1
	clientRIP = 16
)

// at checks where the guest is.
func (c *gdbClient) at(rip uint64) {
	c.t.Helper()
	if got := c.register(clientRIP); got != rip {
		c.t.Fatalf("RIP = %#x, want %#x", got, rip)
	}
}

// debuggedBy starts a guest under a client.
func debuggedBy(t *testing.T, g *testGuest, mode Start) (*gdbClient, func() (machine.Exit, error)) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	vm := start(t, g, Config{Start: mode, GDB: theirs})
	type end struct {
		exit machine.Exit
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		exit, err := run(t, vm)
		ended <- end{exit, err}
	}()
	c := &gdbClient{t, ours, bufio.NewReader(ours)}
	c.send("QStartNoAckMode")
	if got := c.reply(); got != "OK" {
		t.Fatalf("%q", got)
	}
	return c, func() (machine.Exit, error) {
		e := <-ended
		return e.exit, e.err
	}
}

// Breakpoints, steps, faults and Ctrl-C, by any KVM in both modes.
func TestDebugger(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		g.op(0x90, 0x90).op(0xbb, 5, 0, 0, 0) // nop; nop; mov $5, %ebx
		g.puts("hello")
		behind := uint64(textAt + len(g.text))
		g.op(0xff, 0xc3).op(0xeb, 0xfe) // inc %ebx; jmp .
		spin := behind + 2
		g.halt(3)
		c, end := debuggedBy(t, g, mode)
		c.ask("?", "T05thread:1;")
		c.at(textAt)
		c.ask(fmt.Sprintf("Z0,%x,1", textAt+2), "OK")
		c.ask("vCont;c", "T05swbreak:;thread:1;")
		c.at(textAt + 2)
		c.ask(fmt.Sprintf("m%x,5", textAt+2), "bb05000000")
		c.ask(fmt.Sprintf("z0,%x,1", textAt+2), "OK")
		c.ask("vCont;s", "T05thread:1;")
		c.at(textAt + 7)
		if rbx := c.register(clientRBX); rbx != 5 {
			t.Errorf("RBX = %d", rbx)
		}
		c.ask("P1=2900000000000000", "OK")
		// Over the hypercall, instruction by instruction.
		for rip, steps := uint64(0), 0; rip != behind; steps++ {
			if steps == 5 {
				t.Fatalf("at %#x after %d steps", rip, steps)
			}
			c.ask("vCont;s", "T05thread:1;")
			if rip = c.register(clientRIP); rip > behind {
				t.Fatalf("a step beyond %#x: %#x", behind, rip)
			}
		}
		c.ask("vCont;s", "T05thread:1;")
		if rbx := c.register(clientRBX); rbx != 42 {
			t.Errorf("RBX = %d", rbx)
		}
		for range 3 {
			c.send("vCont;c")
			if _, err := c.conn.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			if got := c.reply(); got != "T02thread:1;" {
				t.Fatalf("Ctrl-C: %q", got)
			}
			c.at(spin)
		}
		c.ask(fmt.Sprintf("M%x,2:9090", spin), "OK")
		c.ask("vCont;c", "W03")
		if exit, err := end(); err != nil || exit.Status != 3 {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

// A fault of a user-mode guest is gdb's first, and its handler's if gdb passes
// it on.
func TestDebuggerFault(t *testing.T) {
	for _, c := range []struct{ order, answer string }{{"vCont;C0b", "W4d"}, {"C0b", "W4d"}, {"D", "OK"}} {
		g := &testGuest{}
		g.op(0x48, 0x8b, 0x04, 0x25, 8, 0, 0, 0).halt(0) // mov 8, %rax
		client, end := debuggedBy(t, g, StartUser)
		client.ask("vCont;c", "T0bthread:1;")
		client.at(textAt)
		if c.order == "D" { // the fault comes again, and goes to the guest
			client.ask("D", "OK")
		} else {
			client.ask("vCont;c", "T0bthread:1;") // likewise, and to gdb
			client.ask(c.order, c.answer)
		}
		if exit, err := end(); err != nil || exit.Status != faultStatus {
			t.Errorf("%s: %+v, %v", c.order, exit, err)
		}
	}
}

// The debug registers, as far as this KVM has them.
func TestDebuggerHardware(t *testing.T) {
	needKVM(t)
	inBothModes(t, func(t *testing.T, mode Start) {
		can, err := debugRegistersFor(mode)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", can)
		g := &testGuest{}
		g.op(0x90, 0x90).store(heapAt+4, 7).op(0x90).halt(3)
		behind := uint64(textAt + 2 + 11)
		c, end := debuggedBy(t, g, mode)
		if can.execute {
			c.ask(fmt.Sprintf("Z1,%x,1", textAt+1), "OK")
			c.ask("vCont;c", "T05hwbreak:;thread:1;")
			c.at(textAt + 1)
			c.ask(fmt.Sprintf("z1,%x,1", textAt+1), "OK")
			c.ask("vCont;s", "T05thread:1;")
			c.at(textAt + 2)
		} else {
			c.ask(fmt.Sprintf("Z1,%x,1", textAt+1), "")
		}
		c.ask(fmt.Sprintf("Z3,%x,4", heapAt), "")
		if can.watch {
			c.ask(fmt.Sprintf("Z2,%x,8", heapAt), "OK")
			c.ask(fmt.Sprintf("Z4,%x,3", heapAt), "E05")
			c.ask(fmt.Sprintf("Z2,%x,8", heapAt+4), "E05")
			c.ask("vCont;c", fmt.Sprintf("T05watch:%x;thread:1;", heapAt))
			c.at(behind)
		} else {
			c.ask(fmt.Sprintf("Z2,%x,8", heapAt), "")
		}
		c.ask("vCont;c", "W03")
		if exit, err := end(); err != nil || exit.Status != 3 {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}
