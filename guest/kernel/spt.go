package kernel

import "tender/abi"

// Under spt the guest is a process that may make a dozen system calls, on the
// descriptors it was given (solo5-abi 3.4).

// Linux x86-64 system calls that the filter of spt allows.
const (
	linuxRead           = 0
	linuxWrite          = 1
	linuxPread          = 17
	linuxPwrite         = 18
	linuxSigreturn      = 15
	linuxArchPrctl      = 158
	linuxClockGettime   = 228
	linuxExitGroup      = 231
	linuxEpollPwait     = 281
	linuxTimerfdSettime = 286
)

const (
	clockRealtime  = 0
	clockMonotonic = 1

	// sptTimer is the epoll data of the timer; those of devices are their
	// handles.
	sptTimer = 0xfffffffe
)

var (
	sptEpollFD, sptTimerFD uintptr

	sptExpires int64 // when the timer is set for, or 0
	sptTime    timespec
	sptExpiry  [2]timespec // struct itimerspec: interval and value
	sptEvents  [abi.ManifestMaxEntries]epollEvent
)

func sptClock(id uintptr) int64 {
	linux(linuxClockGettime, id, addrOf(&sptTime), 0, 0, 0, 0)
	return sptTime.sec*second + sptTime.nsec
}

func sptWrite(fd, data, n uintptr) {
	for n > 0 {
		done := linux(linuxWrite, fd, data, n, 0, 0, 0)
		if done == eINTR {
			continue
		}
		if done <= 0 {
			return // nobody reads the console: best effort
		}
		data += uintptr(done)
		n -= uintptr(done)
	}
}

func sptExit(status int32) {
	linux(linuxExitGroup, uintptr(status), 0, 0, 0, 0, 0)
}

// sptSetFS loads the FS base of the thread that is about to run.
func sptSetFS(base uintptr) {
	const setFS = 0x1002
	linux(linuxArchPrctl, setFS, base, 0, 0, 0, 0)
	loadedFS = base
}

// sptPoll waits for all devices: the set of the tender's epoll descriptor is
// fixed.
func sptPoll(timeout int64) uint64 {
	wait := ^uintptr(0) // for ever, since the timer ends it
	if timeout == 0 {
		wait = 0
	} else if until := clock + timeout; sptExpires <= clock || until < sptExpires {
		// A timer that ends too early ends a sleep too early, and no more.
		sptExpires = until
		sptExpiry[1] = timespec{timeout / second, timeout%second | 1}
		linux(linuxTimerfdSettime, sptTimerFD, 0, addrOf(&sptExpiry), 0, 0, 0)
	}
	n := int64(eINTR)
	for n == eINTR {
		n = linux(linuxEpollPwait, sptEpollFD, addrOf(&sptEvents), abi.ManifestMaxEntries, wait, 0, 0)
	}
	ready := uint64(0)
	for i := int64(0); i < n && i < abi.ManifestMaxEntries; i++ {
		switch data := *at[uint64](addrOf(&sptEvents[i].data)); data {
		case sptTimer, abi.SPTWakeData:
		case abi.SPTStopData:
			tender.Stop = 1
		default:
			ready |= 1 << (data & 63)
		}
	}
	return ready
}

// sptFD is the descriptor behind a handle.
func sptFD(handle uintptr) uintptr {
	return uintptr(uint32(manifestEntry(handle).Backend))
}

func sptNetRead(handle, data, n uintptr) (uintptr, abi.Result) {
	switch got := linux(linuxRead, sptFD(handle), data, n, 0, 0, 0); {
	case got > 0:
		return uintptr(got), abi.ResultOK
	case got == eAGAIN || got == eINTR:
		return 0, abi.ResultAgain
	}
	return 0, abi.ResultUnspec // 0 bytes too: the peer of a socket has gone
}

// sptNetWrite bounds frames as the hvt tender does: the MTU, the Ethernet
// header and two VLAN tags.
func sptNetWrite(handle, data, n uintptr) abi.Result {
	info := at[abi.NetInfo](addrOf(&manifestEntry(handle).Info))
	if n > uintptr(info.MTU)+abi.EtherHeaderSize+8 {
		return abi.ResultInval
	}
	switch done := linux(linuxWrite, sptFD(handle), data, n, 0, 0, 0); {
	case done == int64(n) || done == eAGAIN:
		return abi.ResultOK
	case done == eINVAL:
		return abi.ResultInval
	}
	return abi.ResultUnspec
}

func sptBlock(write bool, handle, offset, data, n uintptr) abi.Result {
	call := uintptr(linuxPread)
	if write {
		call = linuxPwrite
	}
	if linux(call, sptFD(handle), data, n, offset, 0, 0) != int64(n) {
		return abi.ResultUnspec
	}
	return abi.ResultOK
}
