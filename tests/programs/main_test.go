// Package programs proves that ordinary Go network programs work as they are:
// the appliances that are modules of their own, driven by the clients people
// use with them (curl, openssl, dig, cadaver, a browser's kind of HTTP/2).
//
// The same test runs against the program as a Linux process and as a
// unikernel under hvt and spt, as -under says. A network namespace is the
// client's host; the program is at the other end of its one interface.
// The tests need root, and are skipped, with the reason, without.
package programs

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tender/tests/rig/suite"
)

// under is where programs run.
var under = flag.String("under", "linux,hvt,spt", "run the programs as linux processes, under hvt, under spt: any of them, with commas")

func TestMain(m *testing.M) {
	flag.Parse()
	for name := range strings.SplitSeq(*under, ",") {
		if !slices.Contains(kinds, kind(name)) {
			fmt.Fprintf(os.Stderr, "-under=%s: programs run under %v\n", name, kinds)
			os.Exit(2)
		}
	}
	os.Exit(suite.Main(m, "programs", 0))
}

// kind is what runs a program.
type kind string

const (
	asProcess kind = "linux"
	asHVT     kind = "hvt"
	asSPT     kind = "spt"
)

var kinds = []kind{asProcess, asHVT, asSPT}

// everywhere runs a test once for each kind that -under names.
func everywhere(t *testing.T, test func(*testing.T, kind)) {
	t.Parallel()
	for name := range strings.SplitSeq(*under, ",") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needHost(t, kind(name))
			test(t, kind(name))
		})
	}
}

// needHost skips a test where the host lacks what the kind needs.
func needHost(t testing.TB, k kind) {
	t.Helper()
	suite.NeedNamespaces(t)
	if k != asProcess {
		suite.NeedTAPs(t)
	}
	if k == asHVT {
		suite.NeedKVM(t)
	}
}
