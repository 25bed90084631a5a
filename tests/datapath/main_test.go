// Package datapath does to the whole path of frames, from a TAP through the
// tender, the rings and the guest to another TAP, what happens to it in
// operation: bursts, floods, processes that are killed or stopped, interfaces
// that go down or change their MTU, a guest that writes nonsense to its rings.
// Nothing may hang, no frame may be altered or come twice, and the counters of
// all stations on the way add up, exactly.
//
// Real tenders run real images, under hvt and spt, each test in a network
// namespace of its own; the hosts are packet sockets of this process. The tests
// need root, and are skipped, with the reason, without. With -soak, TestSoak
// goes on for as long as is said:
//
//	go test ./tests/datapath -run TestSoak -soak=1h -timeout=2h
package datapath

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

var soak = flag.Duration("soak", 5*time.Second, "run TestSoak for so long")

// parallel is how many tests run at a time: most of them wait.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(suite.Main(m, "datapath", parallel)) }

// guest is a program to run.
type guest struct {
	suite.Artefact
	// ready is what it prints when it has its devices.
	ready string
	// relays says that it passes frames on as they are; a router puts its own
	// addresses in, and counts the time to live down.
	relays bool
}

// The firewalls of the tests: NaCl programs between networks that are called by
// letters.
var (
	between2 = firewall("between2", "ab", true)
	between3 = firewall("between3", "abc", true)
	// silent prints nothing and has no timers, so that only frames wake it.
	silent = firewall("silent", "ab", false)
)

// firewall is one that lets connections begin to ports 1000 to 1999 of UDP and
// to port 5000 of TCP, and lets pass what belongs to them.
func firewall(name, devices string, counting bool) *guest {
	var b strings.Builder
	var routes []string
	for i, d := range strings.Split(devices, "") {
		fmt.Fprintf(&b, "Iface %s { index: %d, address: %s1, netmask: 255.255.255.0 }\n", d, i, networkOf(d))
		routes = append(routes, fmt.Sprintf("\tnet_%s: { net: %s0, netmask: 255.255.255.0, iface: %[1]s }", d, networkOf(d)))
	}
	fmt.Fprintf(&b, "Gateway router {\n%s,\n\tforward: rules\n}\n", strings.Join(routes, ",\n"))
	b.WriteString(`Filter::IP rules {
	if (ct.state == established or ct.state == related) { accept }
	Filter::UDP { if (udp.dport in 1000 - 1999) { accept } }
	Filter::TCP { if (tcp.dport == 5000) { accept } }
	drop
}
`)
	if counting {
		b.WriteString("Timer report { interval: 1, data: [stats] }\n")
	}
	g := &guest{ready: "\n" + devices[len(devices)-1:] + ": mac "}
	g.Name = name + ".hvt"
	g.Make = func(output string) error {
		source := output + ".nacl"
		if err := os.WriteFile(source, []byte(b.String()), 0o644); err != nil {
			return err
		}
		return tender("nacl", "build", source, "-o", output)
	}
	return g
}

// networkOf is the network of a device, but for the last part of an address: the
// guest is 1 and the station 2.
func networkOf(device string) string { return fmt.Sprintf("10.%d.0.", device[0]-'a'+1) }

// program is one in Go, of tests/guests.
func program(name string) *guest {
	g := &guest{ready: "\nb: mac ", relays: true}
	g.Name = name + ".hvt"
	g.Make = func(output string) error {
		return tender("build", "-o", output, filepath.Join("..", "guests", name))
	}
	return g
}

// tender runs the command.
func tender(words ...string) error {
	path, err := suite.Tender.Path()
	if err != nil {
		return err
	}
	return suite.Run(exec.Command(path, words...))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
