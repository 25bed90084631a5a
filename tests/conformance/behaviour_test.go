package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"tender/abi"
)

// end is how a guest has to end: with exactly this output, and a message that
// contains err; none at all if err is "".
type end struct {
	status   int
	out, err string
}

// Ends that many rows share.
var (
	success  = end{out: "SUCCESS"}
	survived = end{out: "SURVIVED"}
	absent   = end{status: -1} // no such guest for the target
)

// trapped is the report of hvt guests about an exception.
func trapped(vector, code int, address uint64) end {
	return end{status: abi.ExitAbort, out: fmt.Sprintf("trap %d error %d address %d\n", vector, code, address)}
}

// killed is the end by a signal; nothing is printed.
func killed(s syscall.Signal) end { return end{status: 128 + int(s)} }

// refused is the end of a guest that breaks the contract.
func refused(message string) end { return end{status: abi.ExitFailure, err: message} }

// The table of the suite: what each guest does, and how that ends under each
// target. Source: solo5-abi 1 to 6.
func TestBehaviour(t *testing.T) {
	const fault = "host/guest translation fault"
	var long bytes.Buffer
	for i := range 70000 {
		long.WriteByte(byte('a' + i%26))
	}
	full := strings.Repeat("x", abi.CmdlineSize-1)
	table := []struct {
		guest    string
		args     []string
		hvt, spt end
		native   bool // on hvt, beyond the emulator of software KVM
	}{
		{"args", nil, end{}, end{}, false},
		{"args", []string{"one"}, end{out: "one"}, end{out: "one"}, false},
		{"args", []string{"--one", "two words", "", "--", "x"}, end{out: "--one two words  -- x"}, end{out: "--one two words  -- x"}, false},
		{"args", []string{"--solo5:quiet", "x"}, end{out: "--solo5:quiet x"}, end{out: "--solo5:quiet x"}, false},
		{"args", []string{full}, end{out: full}, end{out: full}, false},
		{"args", []string{full + "x"}, refused("Guest command line too long"), refused("Guest command line too long"), false},
		{"exit", []string{"0"}, end{}, end{}, false},
		{"exit", []string{"1"}, end{status: 1}, end{status: 1}, false},
		{"exit", []string{"77"}, end{status: 77}, end{status: 77}, false},
		{"exit", []string{"256"}, end{}, end{}, false},
		{"exit", []string{"4294967295"}, end{status: 255}, end{status: 255}, false},
		{"abort", nil, end{status: abi.ExitAbort}, end{status: abi.ExitAbort}, false},
		{"largewrite", nil, end{out: long.String()}, end{out: long.String()}, false},
		{"relocation", nil, success, success, false},
		{"bss", nil, success, success, false},

		{"zeropage", nil, trapped(14, 2, 8), killed(syscall.SIGSEGV), false},
		{"highaddress", nil, trapped(14, 2, 16<<30), killed(syscall.SIGSEGV), false},
		{"noncanonical", nil, trapped(13, 0, 0), killed(syscall.SIGSEGV), false},
		{"storetext", nil, refused(fault), killed(syscall.SIGSEGV), false},
		{"storerodata", nil, refused(fault), killed(syscall.SIGSEGV), false},
		{"loadtext", nil, survived, survived, false},
		{"execdata", nil, survived, killed(syscall.SIGSEGV), false},
		{"execrodata", nil, survived, survived, false},
		{"execheap", nil, survived, killed(syscall.SIGSEGV), false},
		{"storeboot", nil, trapped(14, 3, abi.HVTBootInfo), survived, false},
		{"divide", nil, trapped(0, 0, 0), killed(syscall.SIGFPE), false},
		{"undefined", nil, trapped(6, 0, 0), killed(syscall.SIGILL), false},
		{"breakpoint", nil, trapped(3, 0, 0), killed(syscall.SIGTRAP), true},
		{"halt", nil, refused("unhandled exit: exit_reason=0x5"), killed(syscall.SIGSEGV), false},
		{"port", nil, refused("Invalid guest port access"), absent, false},
		{"inport", nil, refused("Invalid guest port access"), absent, false},
		{"byteport", nil, refused("Invalid guest port access"), absent, false},
		{"triplefault", nil, refused("unhandled exit: exit_reason=0x8"), absent, false},
		{"tlsunset", nil, trapped(14, 0, 0), killed(syscall.SIGSEGV), false},
		{"tls", nil, success, success, false},
		{"sse", nil, success, success, true},
		{"past", nil, end{}, end{}, false},
	}
	onEach(t, func(t *testing.T, target string) {
		for _, c := range table {
			want := c.hvt
			if target == "spt" {
				want = c.spt
			}
			name := c.guest
			if len(c.args) > 0 {
				name = fmt.Sprintf("%s %.20q", c.guest, c.args)
			}
			if want == absent {
				continue
			}
			t.Run(name, func(t *testing.T) {
				if target == "hvt" && c.native {
					needNative(t)
				}
				got := run(t, append([]string{"--mem=4", guest(t, c.guest, target)}, c.args...)...)
				want.compare(t, got)
			})
		}
	})
}

func (want end) compare(t testing.TB, got outcome) {
	t.Helper()
	said := strings.Contains(got.err, want.err)
	if want.err == "" {
		// A tender may tell the operator about the signal of a guest.
		said = got.err == "" || want.status > 128 && want.status != abi.ExitAbort
	}
	if got.status != want.status || got.out != want.out || !said {
		t.Errorf("status %d, stdout %.200q, stderr %q; want %d, %.200q, %q", got.status, got.out, got.err, want.status, want.out, want.err)
	}
}

// An operator may weaken an spt guest, and is warned.
func TestExecutableHeap(t *testing.T) {
	need(t, "spt")
	got := run(t, "--mem=4", "--x-exec-heap", guest(t, "execheap", "spt"))
	if got.status != 0 || got.out != survived.out || !strings.HasPrefix(got.err, "tender: ") {
		t.Errorf("%+v", got)
	}
}

// The boot info, and the state at entry, for sizes of memory.
func TestBoot(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		const mib = 1 << 20
		for _, c := range []struct {
			option   string
			hvt, spt uint64 // what the guest sees
		}{
			{"", 512 * mib, 512 * mib},
			{"--mem=2", 2 * mib, 2 * mib},
			{"--mem=3", 2 * mib, 3 * mib},
			{"--mem=64", 64 * mib, 64 * mib},
			{"--mem=4096", 4096 * mib, 0},
			{"--mem=4097", 4096 * mib, 0},
		} {
			want, boot, args := c.hvt, uint64(abi.HVTBootInfo), []string{}
			// The header and the entry that is reserved stand before the
			// command line.
			cmdline := boot + 56 + 8 + 104
			if target == "spt" {
				want, boot = c.spt, abi.SPTBootInfo
				cmdline = boot + 40 + 8 + 104
			}
			if want == 0 {
				continue
			}
			if c.option != "" {
				args = append(args, c.option)
			}
			got := run(t, append(args, guest(t, "boot", target))...)
			var at, mem, stack, end, linked, top, words uint64
			_, err := fmt.Sscanf(got.out, "boot %d memory %d stack %d end %d linked %d top %d cmdline %d\n", &at, &mem, &stack, &end, &linked, &top, &words)
			if err != nil || got.status != 0 || at != boot || mem != want || stack != mem-8 || end != linked || top != 0 || words != cmdline {
				t.Errorf("%q: status %d, %q, stderr %q; want memory %d", c.option, got.status, got.out, got.err, want)
			}
		}
	})
}

// The host does not start an image as a program.
func TestExecutedDirectly(t *testing.T) {
	for _, target := range Targets {
		path := guest(t, "exit", target)
		if err := exec.Command(path).Run(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want that its interpreter is not found", target, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
