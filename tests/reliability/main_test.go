// Package reliability does to a guest what networks do: frames are lost,
// reordered, repeated, delayed and damaged, addresses change, cables are pulled;
// strangers flood, scan and send nonsense; thousands of connections come and
// go. The guest must go on serving, and its memory must be what it was.
//
// The guest is the web server of appliances/, under hvt and spt. Tests need root,
// and are skipped, with the reason, without. What they do to the guest is
// determined by -seed. They take a minute; with -long, they do ten to fifty
// times as much:
//
//	go test ./tests/reliability -long -timeout 60m
package reliability

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

var (
	long = flag.Bool("long", false, "do much more of everything")
	seed = flag.Uint64("seed", 1, "determines what is done to frames, and which nonsense is sent")
)

// scratch is the folder of what is built here.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// parallel is how many guests there are at a time: most tests wait.
const parallel = "6"

func run(m *testing.M) int {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", parallel)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "tender-reliability-*"); err != nil {
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
	return m.Run()
}

// much is a number for the short form of the tests, or one for the long form.
func much(short, inLong int) int {
	if *long {
		return inLong
	}
	return short
}

// programs builds the tender, and the guest's image with it.
var programs = sync.OnceValues(func() (p struct{ tender, image string }, err error) {
	p.tender, p.image = filepath.Join(scratch, "tender"), filepath.Join(scratch, "web.hvt")
	build := exec.Command("go", "build", "-o", p.tender, "tender/cmd/tender")
	build.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
	for _, cmd := range []*exec.Cmd{build, exec.Command(p.tender, "build", "-o", p.image, filepath.Join("..", "..", "appliances", "web"))} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("%s: %w: %s", cmd, err, out)
		}
	}
	return p, nil
})

// tenders are the ways to run the guest, as options.
var tenders = []struct {
	name    string
	options []string
}{{"hvt", nil}, {"spt", []string{"--spt"}}}

// underBoth runs a test under both tenders, with the tender's options.
func underBoth(t *testing.T, test func(t *testing.T, options []string)) {
	t.Parallel()
	for _, tender := range tenders {
		t.Run(tender.name, func(t *testing.T) {
			t.Parallel()
			needHost(t, tender.name == "hvt")
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
	needTool(t, "ip")
	if !kvm {
		return
	}
	if probe, err := probeKVM(); err != nil {
		t.Skipf("needs /dev/kvm: %v", err)
	} else if !probe.User {
		t.Skip("needs a /dev/kvm that can start a guest in user mode")
	}
}

func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s: run scripts/deps", name)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
