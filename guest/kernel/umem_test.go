package kernel

import (
	"testing"

	"tender/abi"
)

// A guest looks for frames before it sleeps, not for ever, and seldom where that is
// mostly in vain.
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
	defer func() { umemAddress, umemHandles, deviceFiles, deviceReady, lookCredit, lookSkips = 0, 0, 0, 0, 0, 0 }()

	const set = 1 << handle
	for _, timeout := range []int64{0, 1000, lookNanos, second} {
		lookSkips = 0
		before := monotonic()
		left, ready := umemLook(timeout, set)
		if want := max(0, timeout-lookNanos); left != want || ready != 0 {
			t.Errorf("%d ns to wait: %d left and %#x ready; want %d left", timeout, left, ready, want)
		}
		if took := monotonic() - before; took < timeout-left {
			t.Errorf("%d ns to wait: looked for %d ns, and %d are left", timeout, took, left)
		}
	}
	if left, ready := umemLook(second, 1<<(handle+1)); left != second || ready != 0 {
		t.Errorf("for a device without rings: %d left, %#x ready", left, ready)
	}

	// looks are those before a number of sleeps, of which one in so many finds frames.
	looks := func(sleeps, finds int) (n int) {
		lookCredit, lookSkips = 0, 0
		for i := range sleeps {
			umemRing(rings).Producer = 0
			if i%finds == 0 {
				umemRing(rings).Producer = 1
			}
			if left, ready := umemLook(lookNanos, set); left == 0 || ready != 0 {
				n++
			}
		}
		return n
	}
	const sleeps = 100 * lookAgain
	if n := looks(sleeps, sleeps+1); n < 100 || n > 100+lookMost {
		t.Errorf("%d looks before %d sleeps, all but one in vain", n, sleeps)
	}
	if n := looks(sleeps, lookWorth); n != sleeps {
		t.Errorf("%d looks before %d sleeps, one in %d with frames", n, sleeps, lookWorth)
	}
}
