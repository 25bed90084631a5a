package hvt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"tender/abi"
	"tender/hvt/gdb"
	"tender/machine"
)

// debugged is how a guest ended under a real gdb, and what that printed.
type debugged struct {
	output string
	exit   machine.Exit
	err    error
}

// underGDB runs a guest of create's under a gdb that connects and runs the
// commands in batch mode. symbols is a file of symbols or "".
func underGDB(t *testing.T, symbols string, create func(conn net.Conn) *VM, commands ...string) debugged {
	t.Helper()
	needGDB(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	args := []string{"-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set architecture i386:x86-64"}
	if symbols != "" {
		args = append(args, "-ex", "file "+symbols)
	}
	args = append(args, "-ex", fmt.Sprintf("target remote %v", listener.Addr()))
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	output := make(chan string, 1)
	go func() { output <- runGDB(t, args...) }()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var d debugged
	d.exit, d.err = run(t, create(conn))
	d.output = <-output
	if testing.Verbose() {
		t.Logf("%s\n%+v, %v", d.output, d.exit, d.err)
	}
	return d
}

// Breakpoints, steps, registers and memory of a Go guest.
func TestGDBGoGuest(t *testing.T) {
	d := buildDebuggee(t)
	for _, c := range []struct {
		name     string
		arg      string
		commands []string
		output   []string
		status   int
		err      error // of Run
	}{
		{"breakpoint", "none",
			[]string{"info registers rip", "break main.end", "continue", "bt", "print 'main.answer'", "print 'main.answer' = 100",
				"x/2i $pc", "stepi", "stepi", "info registers rip", "finish", "delete", "continue"},
			[]string{"internal/syscall.start", "Breakpoint 1, main.end (args=2", "#0  main.end", "main.inner", "main.main", "$1 = 42", "$2 = 100",
				"=> 0x", "main.end+14", "<main.end+2", "main.inner", "exited normally"}, 0, nil},
		{"status", "abort", []string{"continue"}, []string{"exited with code 0377"}, 255, nil},
		{"fault passed on", "nil", []string{"continue", "bt 1", "print $rax", "continue"},
			[]string{"SIGSEGV", "main.end", "exited normally"}, 0, nil},
		{"fault mended", "nil", []string{"continue", "set $rax = &'main.secret'", "set $pc = $pc", "signal 0"},
			[]string{"SIGSEGV", "exited normally"}, 0, nil},
		{"breakpoint of its own", "breakpoint", []string{"continue", "bt 3", "continue"},
			[]string{"SIGTRAP", "main.end", "exited normally"}, 0, nil},
		{"detach", "none", []string{"break main.end", "continue", "detach"}, []string{"Breakpoint 1,", "detached"}, 0, nil},
		{"detach after a fault", "nil", []string{"break main.end", "continue", "detach"}, []string{"detached"}, 0, nil},
		{"quit", "none", []string{"break main.end", "continue"}, []string{"Breakpoint 1,"}, 0, nil},
		{"kill", "none", []string{"break main.end", "continue", "kill"}, []string{"killed"}, 0, ErrKilled},
		{"kill at the entry", "none", []string{"kill"}, []string{"killed"}, 0, ErrKilled},
		{"many steps", "none", []string{"break main.inner", "continue", "stepi 300", "info registers rip", "delete", "continue"},
			[]string{"Breakpoint 1,", "rip", "exited normally"}, 0, nil},
		{"steps over hypercalls", "none", []string{"stepi 3000", "info registers rip", "continue"}, []string{"rip", "exited normally"}, 0, nil},
		{"registers", "none", []string{"break main.end", "continue", "print $fs_base != 0", "set $xmm3.v4_int32[1] = 77", "set $r12 = 0x123456789abcdef0",
			"print $xmm3.v4_int32[1]", "print/x $r12", "print $eflags", "print/x $cs", "info registers st0", "info registers mxcsr"},
			[]string{"$1 = true", "= 77", "= 0x123456789abcdef0", "= [", "= 0x33", "st0", "mxcsr", "IM DM ZM OM UM PM"}, 0, nil},
		{"memory", "none", []string{"x/4xg &'main.secret'", "set var 'main.secret'[0] = 0x5555", "x/xg &'main.secret'", "x/xb 0x7fffffffffff", "x/xb 0x2000000", "x/xb 0x1ffffff"},
			[]string{"0x0000000000001111", "0x0000000000002222", "0x0000000000005555", "Cannot access memory", "Cannot access memory at address 0x2000000", "0x1ffffff:"}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := underGDB(t, d.symbols, func(conn net.Conn) *VM { return d.start(t, Config{GDB: conn}, c.arg) }, c.commands...)
			mustContain(t, s.output, c.output...)
			if !errors.Is(s.err, c.err) || s.exit.Status != c.status {
				t.Errorf("%+v, %v; want %d, %v", s.exit, s.err, c.status, c.err)
			}
		})
	}
}

// A guest that computes and one that sleeps stop when gdb says so, and go on
// afterwards.
func TestGDBInterrupt(t *testing.T) {
	// Ctrl-C while gdb waits for the guest, which has long begun, also on a busy
	// machine.
	const interrupt = "python import threading, os, signal; threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()"
	d := buildDebuggee(t)
	for _, c := range []struct {
		arg    string
		output []string
	}{
		{"spin", []string{"SIGINT", "main.end", "main.inner", "main.main", "exited normally"}},
		{"sleep", []string{"SIGINT", "pollDevices", "exited normally"}},
	} {
		t.Run(c.arg, func(t *testing.T) {
			s := underGDB(t, d.symbols, func(conn net.Conn) *VM { return d.start(t, Config{GDB: conn}, c.arg) },
				interrupt, "continue", "bt", "set var 'main.answer' = 0", "stepi", "stepi", "continue")
			mustContain(t, s.output, c.output...)
			if s.err != nil || s.exit.Status != 0 {
				t.Errorf("%+v, %v", s.exit, s.err)
			}
		})
	}
}

// Guests of instructions, in both modes: breakpoints in read-only text, steps,
// hypercalls on the way.
func TestGDBMachineCode(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		g.op(0x90, 0x90)              // 100000: nop; nop
		g.op(0xbb, 5, 0, 0, 0)        // 100002: mov $5, %ebx
		g.puts("hello")               // 100007: mov, mov, out
		next := textAt + len(g.text)  // behind OUT
		g.store(heapAt, 7)            // a store
		after := textAt + len(g.text) //
		g.op(0xff, 0xc3).halt(3)      // inc %ebx
		create := func(conn net.Conn) *VM { return start(t, g, Config{Start: mode, GDB: conn}) }
		s := underGDB(t, "", create,
			"print/x $pc", "break *0x100002", "continue", "x/i $pc", "stepi", "print $rbx",
			fmt.Sprintf("break *%#x", next), "continue", fmt.Sprintf("print $pc == %#x", next), fmt.Sprintf("tbreak *%#x", after), "continue",
			fmt.Sprintf("x/dw %#x", heapAt), "print $rbx = 41", "stepi", "print $rbx", "delete", "continue")
		mustContain(t, s.output, "= 0x100000", "Breakpoint 1, 0x0000000000100002", "=> 0x100002:\tmov    $0x5,%ebx", "= 5",
			"Breakpoint 2,", "= 1", "Temporary breakpoint 3", "130000:\t7", "= 41", "= 42", "exited with code 03")
		if s.err != nil || s.exit.Status != 3 {
			t.Errorf("%+v, %v", s.exit, s.err)
		}
		// Every step, hypercalls included.
		s = underGDB(t, "", create, "stepi 1000")
		mustContain(t, s.output, "exited with code 03")

		// No debugger, no breakpoint: the guest runs to its end.
		s = underGDB(t, "", create, "break *0x100002", "continue", "detach")
		if s.err != nil || s.exit.Status != 3 {
			t.Errorf("%+v, %v", s.exit, s.err)
		}
		mustContain(t, s.output, "detached")
	})
}

// A guest that breaks the contract stops where it did, and then ends as
// without gdb.
func TestGDBBreach(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		g.op(0x90).out(0x123, 9)
		s := underGDB(t, "", func(conn net.Conn) *VM { return start(t, g, Config{Start: mode, GDB: conn}) },
			"continue", "print $rax", "continue")
		mustContain(t, s.output, "Invalid guest port access", "SIGSEGV", "= 9", "terminated with signal SIGSEGV")
		var guest *GuestError
		if !errors.As(s.err, &guest) || guest.Breach != BreachPort {
			t.Errorf("%v", s.err)
		}
	})
}

// Hardware breakpoints and watchpoints, as far as this KVM has them.
func TestGDBHardware(t *testing.T) {
	needKVM(t)
	inBothModes(t, func(t *testing.T, mode Start) {
		can, err := debugRegistersFor(mode)
		if err != nil {
			t.Fatal(err)
		}
		g := &testGuest{}
		g.op(0x90, 0x90).store(heapAt, 7).op(0x90).halt(3)
		create := func(conn net.Conn) *VM { return start(t, g, Config{Start: mode, GDB: conn}) }
		s := underGDB(t, "", create, "hbreak *0x100001", "continue", "delete", "continue")
		if can.execute {
			mustContain(t, s.output, "Breakpoint 1, 0x0000000000100001", "exited with code 03")
		} else {
			mustContain(t, s.output, "Could not insert hardware breakpoint")
		}
		s = underGDB(t, "", create, "set can-use-hw-watchpoints 1", fmt.Sprintf("watch *(int*)%#x", heapAt), "continue", "delete", "continue")
		if can.watch {
			mustContain(t, s.output, "atchpoint 1:", "New value = 7", "exited with code 03")
		} else {
			mustContain(t, s.output, "Could not insert hardware watchpoint")
		}
	})
}

// The end of the context ends a guest that gdb has stopped, and the end of
// gdb does not end one that runs. Nothing is left.
func TestGDBEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	inBothModes(t, func(t *testing.T, mode Start) {
		ours, theirs := net.Pipe()
		vm := start(t, spinning(), Config{Start: mode, GDB: theirs})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := vm.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped by gdb: %v", err)
		}
		ours.Close()

		ours, theirs = net.Pipe()
		g := &testGuest{}
		g.call(abi.HypercallPoll, g.put(abi.PollArgs{TimeoutNanos: 50e6})).halt(5)
		vm = start(t, g, Config{Start: mode, GDB: theirs})
		go func() {
			packet := "$c#63"
			ours.Write([]byte(packet))
			time.Sleep(10 * time.Millisecond)
			ours.Close()
		}()
		mustHalt(t, vm, 5)

		// gdb comes and goes before the first instruction.
		ours, theirs = net.Pipe()
		ours.Close()
		mustHalt(t, start(t, g, Config{Start: mode, GDB: theirs}), 5)
	})
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// Breakpoints do not show in memory, and memory written over them stays.
func TestBreakpointsHidden(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		g.op(0x11, 0x22, 0x33)
		vm := start(t, g, Config{Start: mode})
		d := &debugger{vm: vm, software: make(map[uint64]byte)}
		at := gdb.Break{Kind: gdb.Software, Addr: textAt + 1}
		for range 2 {
			if err := d.SetBreak(at); err != nil {
				t.Fatal(err)
			}
		}
		read := func() string {
			var p [3]byte
			n := d.ReadMemory(textAt, p[:])
			return fmt.Sprintf("%x", p[:n])
		}
		if s := read(); s != "112233" {
			t.Errorf("memory is %s", s)
		}
		if b := vm.host.mem.bytes[textAt+1]; b != d.opcode() {
			t.Errorf("breakpoint is %#x", b)
		}
		if err := d.WriteMemory(textAt, []byte{0x44, 0x55}); err != nil {
			t.Fatal(err)
		}
		if s := read(); s != "445533" || vm.host.mem.bytes[textAt+1] != d.opcode() {
			t.Errorf("memory is %s", s)
		}
		for range 2 {
			if err := d.ClearBreak(at); err != nil {
				t.Fatal(err)
			}
		}
		if s := read(); s != "445533" || vm.host.mem.bytes[textAt+1] != 0x55 {
			t.Errorf("memory is %s", s)
		}
		for _, addr := range []uint64{testMem, testMem - 1, 1<<64 - 1, 1 << 63} {
			if err := d.WriteMemory(addr, []byte{1, 2}); err == nil {
				t.Errorf("wrote across the end, at %#x", addr)
			}
			if n := d.ReadMemory(addr, make([]byte, 2)); n != 0 && addr != testMem-1 {
				t.Errorf("read %d bytes at %#x", n, addr)
			}
			if err := d.SetBreak(gdb.Break{Kind: gdb.Software, Addr: addr | 1<<40}); err == nil {
				t.Errorf("breakpoint at %#x", addr|1<<40)
			}
		}
	})
}

func TestDebugRegisters(t *testing.T) {
	for _, c := range []struct {
		i    int
		b    gdb.Break
		want uint64
	}{
		{0, gdb.Break{Kind: gdb.Hardware, Size: 1}, 0x402},
		{1, gdb.Break{Kind: gdb.Write, Size: 4}, 0x408 | 0xd<<20},
		{3, gdb.Break{Kind: gdb.Access, Size: 8}, 0x480 | 0xb<<28},
		{2, gdb.Break{Kind: gdb.Write, Size: 1}, 0x420 | 1<<24},
	} {
		if got := debugRegisterEnable(c.i, &c.b); got != c.want {
			t.Errorf("%d, %+v: %#x, want %#x", c.i, c.b, got, c.want)
		}
	}
}
