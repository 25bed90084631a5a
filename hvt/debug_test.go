package hvt

import (
	"fmt"
	"net"
	"testing"

	"tender/machine"
)

// debugging is a guest under a real gdb that runs a list of commands.
type debugging struct {
	output string
	exit   machine.Exit
	err    error
}

// underGDB runs a guest of make under gdb, which reads symbols from a file, ""
// for none, connects, and runs the commands in batch mode.
func underGDB(t *testing.T, symbols string, make func(conn net.Conn) *VM, commands ...string) debugging {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	args := []string{"-ex", "set confirm off", "-ex", "set pagination off"}
	if symbols != "" {
		args = append(args, "-ex", "file "+symbols)
	} else {
		args = append(args, "-ex", "set architecture i386:x86-64")
	}
	args = append(args, "-ex", fmt.Sprintf("target remote %v", listener.Addr()))
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	output := make2(func() string { return runGDB(t, args...) })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var d debugging
	d.exit, d.err = run(t, make(conn))
	d.output = <-output
	if testing.Verbose() {
		t.Logf("%s\n%+v, %v", d.output, d.exit, d.err)
	}
	return d
}

// make2 runs f beside and gives its result.
func make2(f func() string) <-chan string {
	result := make(chan string, 1)
	go func() { result <- f() }()
	return result
}

// Breakpoints, steps, registers and memory of a Go guest.
func TestGDBGoGuest(t *testing.T) {
	d := buildDebuggee(t)
	guest := func(args ...string) func(net.Conn) *VM {
		return func(conn net.Conn) *VM { return d.start(t, Config{GDB: conn}, args...) }
	}
	t.Run("breakpoint", func(t *testing.T) {
		s := underGDB(t, d.symbols, guest("none"), "info registers rip", "break main.end", "continue", "bt", "info args",
			"print 'main.answer'", "print 'main.answer' = 100", "x/2i $pc", "stepi", "stepi", "info registers rip", "next", "finish", "delete", "continue")
		mustContain(t, s.output, "rip", "Breakpoint 1", "main.end (args=2", "main.inner", "main.main", "$1 = 42", "$2 = 100", "=> 0x", "rip", "main.inner", "exited normally")
		if s.err != nil || s.exit.Status != 0 {
			t.Errorf("%+v, %v", s.exit, s.err)
		}
	})
}
