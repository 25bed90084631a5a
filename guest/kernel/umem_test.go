package kernel

import (
	"testing"

	"tender/abi"
)

// A guest looks for frames before it sleeps, not for ever, and not for a device
// that is in a poll set.
func TestLook(t *testing.T) {
	hostClock()
	umemAddress = mapRegion(t, pageSize)
	*umemHeader() = abi.UMEMHeader{Version: abi.UMEMVersion, Ports: 1}
	const handle, rings = 3, 1024
	*umemPort(0) = abi.UMEMPort{
		Handle: handle, Receive: rings, Fill: rings + 128, Completion: rings + 256, Transmit: rings + 384,
	}
	umemInit()
	device := file{kind: fileNet, count: 1 << handle, interests: 1}
	listDevice(&device)
	defer func() { umemAddress, umemHandles, deviceFiles, deviceReady, lookFailures, lookSkips = 0, 0, 0, 0, 0, 0 }()

	for _, timeout := range []int64{0, 1000, lookNanos, second} {
		lookFailures, lookSkips = 0, 0
		before := monotonic()
		left, ready := umemLook(timeout)
		if want := max(0, timeout-lookNanos); left != want || ready != 0 {
			t.Errorf("%d ns to wait: %d left and %#x ready; want %d left", timeout, left, ready, want)
		}
		if took := monotonic() - before; took < timeout-left {
			t.Errorf("%d ns to wait: looked for %d ns, and %d are left", timeout, took, left)
		}
	}
	looks := 0
	for range 100 << maxLookFailures {
		if left, _ := umemLook(lookNanos); left == 0 {
			looks++
		}
	}
	if looks < 100 || looks > 100+2*maxLookFailures {
		t.Errorf("%d looks before %d sleeps", looks, 100<<maxLookFailures)
	}
	umemRing(rings).Producer = 1
	lookSkips = 0
	if _, ready := umemLook(second); ready != 1<<handle {
		t.Errorf("with a frame %#x is ready", ready)
	}
	if lookFailures != 0 {
		t.Errorf("%d looks count as failed after one that was not in vain", lookFailures)
	}
	set := file{kind: filePoll, count: 1 << handle}
	listDevice(&set)
	if left, ready := umemLook(second); left != second || ready != 0 {
		t.Errorf("in a poll set: %d left, %#x ready", left, ready)
	}
}
