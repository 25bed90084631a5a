// Package nacl proves that what is written in NaCl happens to real packets:
// `tender nacl build` makes images of programs, network namespaces are the
// hosts around them, and public clients talk through them. What no client says
// goes as frames through packet sockets; a Linux router with the same rules as
// nftables must let the same frames pass.
//
// Everything runs under hvt and spt, each test in a network of its own. The
// tests need root, and are skipped, with the reason, without.
package nacl

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"tender/hvt"
	"tender/tests/rig"
)

// parallel is how many tests run at a time: most of them wait.
const parallel = "6"

// scratch is the folder of what is built here.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "tender-nacl-test-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		rig.Abandon()
		os.RemoveAll(scratch)
		os.Exit(1)
	}()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", parallel)
	}
	return m.Run()
}

var buildTender = sync.OnceValues(func() (string, error) {
	output := filepath.Join(scratch, "tender")
	cmd := exec.Command("go", "build", "-o", output, "tender/cmd/tender")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building tender: %w: %s", err, out)
	}
	return output, nil
})

func tender(t testing.TB) string {
	t.Helper()
	path, err := buildTender()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// images are those that have been built, by their programs.
var images struct {
	sync.Mutex
	paths map[string]string
}

// imageOf builds the image of a program, once.
func imageOf(t testing.TB, program string) string {
	t.Helper()
	images.Lock()
	defer images.Unlock()
	if path := images.paths[program]; path != "" {
		return path
	}
	path := filepath.Join(scratch, fmt.Sprintf("program%d.hvt", len(images.paths)))
	source := path + ".nacl"
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tender(t), "nacl", "build", source, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("tender nacl build: %v: %s\n%s", err, out, program)
	}
	if images.paths == nil {
		images.paths = map[string]string{}
	}
	images.paths[program] = path
	return path
}

// programOf reads a program of the language's own tests.
func programOf(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "nacl", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tenders are the ways to run an image, as options.
var tenders = []struct {
	name    string
	options []string
}{{"hvt", nil}, {"spt", []string{"--spt"}}}

// underBoth runs a test under both tenders, with the tender's options.
func underBoth(t *testing.T, test func(t *testing.T, options []string), tools ...string) {
	t.Parallel()
	for _, tender := range tenders {
		t.Run(tender.name, func(t *testing.T) {
			t.Parallel()
			needHost(t, tender.name == "hvt")
			needTools(t, tools...)
			test(t, tender.options)
		})
	}
}

var probeKVM = sync.OnceValues(hvt.ProbeKVM)

// needHost skips a test where the host lacks something.
func needHost(t testing.TB, kvm bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and TAPs")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	needTools(t, "ip")
	if !kvm {
		return
	}
	if probe, err := probeKVM(); err != nil {
		t.Skipf("needs /dev/kvm: %v", err)
	} else if !probe.User {
		t.Skip("needs a /dev/kvm that can start a guest in user mode")
	}
}

func needTools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s: run scripts/deps", name)
		}
	}
}
