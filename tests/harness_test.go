package tests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/blockback"
	"tender/hvt"
	"tender/image"
	"tender/machine"
	"tender/netback"
	"tender/spt"
	"tender/toolchain"
)

// timeLimit is what a guest may take; most end within milliseconds.
const timeLimit = 60 * time.Second

// imageDir holds the images of this run of the tests.
var imageDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tender-tests-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	imageDir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

var (
	builtMu sync.Mutex
	built   = map[string]func() (string, error){}
)

// imageOf is the path of the image of a package below this folder; it is
// built once.
func imageOf(t testing.TB, pkg string) string {
	t.Helper()
	builtMu.Lock()
	build := built[pkg]
	if build == nil {
		build = sync.OnceValues(func() (string, error) {
			out := filepath.Join(imageDir, filepath.Base(pkg)+".hvt")
			_, err := toolchain.Build(context.Background(), toolchain.Options{Package: pkg, Output: out})
			return out, err
		})
		built[pkg] = build
	}
	builtMu.Unlock()
	path, err := build()
	if err != nil {
		t.Fatalf("building %s: %v", pkg, err)
	}
	return path
}

// guest is a program to run, and with what.
type guest struct {
	name    string // below guests/, or the path of an image
	args    []string
	memMiB  uint64 // 0 for 64
	net     map[string]netback.Device
	block   map[string]blockback.Device
	console io.Writer // gets the output too
}

// ended is how a guest ended.
type ended struct {
	status  int
	console string
}

// tenderKind chooses the tender: make test runs this package with both.
var tenderKind = flag.String("tender", "hvt", "run guests under hvt or spt")

func newMachine(c machine.Config) (machine.Machine, error) {
	if *tenderKind == "spt" {
		return spt.New(spt.Config{Config: c})
	}
	return hvt.New(hvt.Config{Config: c})
}

// run runs a guest until it ends by itself.
func run(t testing.TB, g guest) ended {
	t.Helper()
	if *tenderKind == "hvt" {
		needKVM(t)
	}
	path := g.name
	if !filepath.IsAbs(path) {
		path = imageOf(t, "./guests/"+g.name)
	}
	im, err := image.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if g.memMiB == 0 {
		g.memMiB = 64
	}
	var console bytes.Buffer
	config := machine.Config{Image: im, Args: g.args, MemBytes: g.memMiB << 20, Net: g.net, Block: g.block, Console: &console}
	if g.console != nil {
		config.Console = io.MultiWriter(&console, g.console)
	}
	vm, err := newMachine(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	exit, err := vm.Run(ctx)
	if err != nil {
		t.Fatalf("%v; console:\n%s", err, short(console.String()))
	}
	return ended{status: exit.Status, console: console.String()}
}

// mustPrint wants status 0 and exactly this output.
func (e ended) mustPrint(t testing.TB, want string) {
	t.Helper()
	e.mustEnd(t, 0)
	if e.console != want {
		t.Errorf("console:\n%s\nwant:\n%s", short(e.console), short(want))
	}
}

// mustEnd wants a status, and all of the texts in the output.
func (e ended) mustEnd(t testing.TB, status int, texts ...string) {
	t.Helper()
	ok := e.status == status
	for _, s := range texts {
		ok = ok && strings.Contains(e.console, s)
	}
	if !ok {
		t.Errorf("status %d, want %d with %q on the console:\n%s", e.status, status, texts, short(e.console))
	}
}

// short cuts long output.
func short(s string) string {
	const most = 4000
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s\n[… %d bytes …]\n%s", s[:most/2], len(s)-most, s[len(s)-most/2:])
}

// needKVM skips a test where there is no /dev/kvm that can run our images; one
// that is there and fails is an error.
func needKVM(t testing.TB) {
	t.Helper()
	probe, err := probeKVM()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENODEV):
		t.Skipf("this needs /dev/kvm: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	if !probe.User {
		t.Skip("this needs a /dev/kvm that can start a guest in user mode")
	}
}

var probeKVM = sync.OnceValues(hvt.ProbeKVM)
