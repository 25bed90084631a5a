// Package e2e proves that `tender --net=tap0 --net=tap1 firewall.hvt` filters
// and forwards real packets: the tender and the image are built as users
// build them, two network namespaces are the hosts, and public clients talk
// through it. Where no client says what is to be said, frames go onto the
// TAP through a packet socket.
//
// Every test has a network of its own, so they run in parallel. They need
// root, /dev/kvm and /dev/net/tun, and are skipped, with the reason, without.
package e2e

import (
	"context"
	"os"
	"testing"

	"tender/tests/rig/suite"
	"tender/toolchain"
)

// parallel is how many tests run at a time: most of them wait for timeouts.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(suite.Main(m, "e2e", parallel)) }

var (
	demo     = suite.Artefact{Name: "demo", Make: suite.Command("tender/tests/demo")}
	firewall = suite.Artefact{Name: "firewall.hvt", Make: func(output string) error {
		_, err := toolchain.Build(context.Background(), toolchain.Options{Package: "tender/appliances/firewall", Output: output})
		return err
	}}
)

// needHost skips a test where the host lacks what all of them need.
func needHost(t testing.TB) {
	t.Helper()
	suite.NeedTAPs(t)
	suite.NeedKVM(t)
}
