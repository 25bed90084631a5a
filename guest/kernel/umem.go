package kernel

import (
	"sync/atomic"

	"tender/abi"
)

// The rings that the program shares with the tender. The kernel does not move
// frames: it looks whether there are any, and sleeps and rings.

// umemAddress is where the UMEM is; the tender writes it before the start. It is
// noUMEM in the image, which puts it among initialised data, and 0 after
// umemInit if there is none.
var umemAddress uintptr = noUMEM

const noUMEM = 1

var (
	doorbellOne uint64 = 1
	// umemHandles are the devices with rings.
	umemHandles uint64
)

func umemHeader() *abi.UMEMHeader { return at[abi.UMEMHeader](umemAddress) }

func umemPort(i uintptr) *abi.UMEMPort {
	return at[abi.UMEMPort](umemAddress + sizeOf[abi.UMEMHeader]() + i*sizeOf[abi.UMEMPort]())
}

func umemInit() {
	if umemAddress == noUMEM || umemHeader().Version != abi.UMEMVersion {
		umemAddress = 0
		return
	}
	for i := range uintptr(umemHeader().Ports) {
		umemHandles |= 1 << (umemPort(i).Handle & 63)
	}
}

// umemReady is the set of devices of a set that have frames to receive, need
// chunks that the program can have back, or have failed.
func umemReady(set uint64) (ready uint64) {
	if umemAddress == 0 || set&umemHandles == 0 {
		return 0
	}
	ready = set & umemHandles & atomic.LoadUint64(&umemHeader().Gone)
	back := false
	ports := uintptr(umemHeader().Ports)
	for i := range ports {
		back = back || !umemRing(umemPort(i).Completion).empty()
	}
	for i := range ports {
		p := umemPort(i)
		if bit := uint64(1) << (p.Handle & 63); set&bit != 0 {
			if !umemRing(p.Receive).empty() || back && umemRing(p.Fill).used() < fillNeeds(p) {
				ready |= bit
			}
		}
	}
	return ready
}

// ringIndices is a ring's pair of indices.
type ringIndices abi.UMEMRing

func umemRing(offset uint64) *ringIndices { return at[ringIndices](umemAddress + uintptr(offset)) }

func (r *ringIndices) empty() bool { return r.used() == 0 }

func (r *ringIndices) used() uint32 {
	return atomic.LoadUint32(&r.Producer) - atomic.LoadUint32(&r.Consumer)
}

// fillNeeds is how many chunks the tender wants to see before it receives.
func fillNeeds(p *abi.UMEMPort) uint32 {
	if atomic.LoadUint32(&p.Has)&abi.UMEMChains != 0 {
		return abi.UMEMMaxChain
	}
	return 1
}

// waitDevices sleeps in the tender until a device of the set is ready, for at
// most timeout nanoseconds.
func waitDevices(timeout int64, set uint64) uint64 {
	if umemAddress == 0 {
		return hostPoll(timeout, set)
	}
	ready := umemReady(set)
	if ready == 0 {
		timeout, ready = umemLook(timeout, set)
	}
	if ready != 0 || timeout == 0 && set&^umemHandles == 0 && !onSPT {
		return ready
	}
	sleeps := &umemHeader().GuestSleeps
	atomic.SwapUint32(sleeps, 1) // a full barrier
	if ready = umemReady(set); ready == 0 {
		ready = hostPoll(timeout, set&^umemHandles)&^umemHandles | umemReady(set)
	}
	atomic.StoreUint32(sleeps, 0)
	return ready
}

const (
	// lookNanos is how long the guest looks in vain for frames before it sleeps.
	lookNanos = 50 * 1000
	// lookWorth is what a look that finds frames adds to lookCredit, of which one in
	// vain takes 1, and lookMost the most of it.
	lookWorth, lookMost = 3, 12
	// lookAgain is before how many sleeps there is a look without credit.
	lookAgain = 32
)

var lookCredit, lookSkips uint

// umemLook looks for a while, but no longer than timeout, whether one of the
// devices of a set gets ready: a sleep costs more than a frame. left is what is left of
// timeout. Where looks are mostly in vain they get seldom: with one CPU for all,
// they keep from it whom the guest waits for.
func umemLook(timeout int64, set uint64) (left int64, ready uint64) {
	if timeout == 0 || set&umemHandles == 0 {
		return timeout, 0
	}
	if lookSkips > 0 {
		lookSkips--
		return timeout, 0
	}
	look := min(timeout, lookNanos)
	for until := monotonic() + look; ready == 0 && monotonic() < until; {
		ready = umemReady(set)
	}
	switch {
	case ready != 0:
		lookCredit = min(lookCredit+lookWorth, lookMost)
	case look < lookNanos:
	case lookCredit > 0:
		lookCredit--
	default:
		lookSkips = lookAgain - 1
	}
	return timeout - look, ready
}

// ringDoorbell wakes the tender.
func ringDoorbell() {
	if onSPT {
		linux(linuxWrite, uintptr(uint32(umemHeader().DoorbellFD)), addrOf(&doorbellOne), 8, 0, 0, 0)
		return
	}
	out(abi.UMEMDoorbellPort, 0)
}

// readUMEM is a read of a device with rings.
func (f *file) readUMEM(buf, n uintptr) int64 {
	if n < 8 {
		return eINVAL
	}
	if readySet(f.count) == 0 {
		return eAGAIN
	}
	if f.count&umemHeader().Gone != 0 {
		return eIO
	}
	*at[uint64](buf) = 1
	return 8
}
