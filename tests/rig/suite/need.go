package suite

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tender/hvt"
)

// NeedNamespaces skips a test where it cannot make network namespaces.
func NeedNamespaces(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and TAPs")
	}
	NeedTools(t, "ip")
}

// NeedTAPs skips a test where it cannot make namespaces with TAPs.
func NeedTAPs(t testing.TB) {
	t.Helper()
	NeedNamespaces(t)
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
}

var probeKVM = sync.OnceValues(hvt.ProbeKVM)

// NeedKVM skips a test where there is no KVM that our images run on; one that is
// there and fails is an error.
func NeedKVM(t testing.TB) {
	t.Helper()
	probe, err := probeKVM()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENODEV):
		t.Skipf("needs /dev/kvm: %v", err)
	case err != nil:
		t.Fatal(err)
	case !probe.User:
		t.Skip("needs a /dev/kvm that can start a guest in user mode")
	}
}

// NeedTools skips a test that needs a client which is not installed.
func NeedTools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s: run scripts/deps", name)
		}
	}
}

// UnderBoth runs a test of packets under both tenders at a time, with the
// options that choose the tender, where there are the tools that it needs.
func UnderBoth(t *testing.T, test func(t *testing.T, options []string), tools ...string) {
	t.Parallel()
	t.Run("hvt", func(t *testing.T) {
		t.Parallel()
		NeedTAPs(t)
		NeedKVM(t)
		NeedTools(t, tools...)
		test(t, nil)
	})
	t.Run("spt", func(t *testing.T) {
		t.Parallel()
		NeedTAPs(t)
		NeedTools(t, tools...)
		test(t, []string{"--spt"})
	})
}
