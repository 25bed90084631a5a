package kernel

import "tender/abi"

// What the kernel wants of the tender. Each is a hypercall under hvt and a
// system call of the host under spt.

// onSPT says that this is a process of an spt tender.
var onSPT bool

func hostPuts(data, n uintptr) {
	if onSPT {
		sptWrite(1, data, n)
		return
	}
	hyperPuts(data, n)
}

// hostWalltime is nanoseconds since 1970 UTC.
func hostWalltime() int64 {
	if onSPT {
		return sptClock(clockRealtime)
	}
	return hyperWalltime()
}

// hostPoll sleeps until a device of the set is readable or the timeout has
// passed, and returns the readable ones. A tender that does not know masks
// reports, and wakes for, all devices.
func hostPoll(timeout int64, set uint64) uint64 {
	if onSPT {
		return sptPoll(timeout)
	}
	return hyperPoll(timeout, set)
}

// hostNetRead reads a frame from a device of the manifest.
func hostNetRead(handle, data, n uintptr) (uintptr, abi.Result) {
	if onSPT {
		return sptNetRead(handle, data, n)
	}
	return hyperNet(abi.HypercallNetRead, handle, data, n)
}

// hostNetWrite writes a frame; one the host has no room for is lost.
func hostNetWrite(handle, data, n uintptr) abi.Result {
	if onSPT {
		return sptNetWrite(handle, data, n)
	}
	_, r := hyperNet(abi.HypercallNetWrite, handle, data, n)
	return r
}

// hostBlock transfers one block.
func hostBlock(write bool, handle, offset, data, n uintptr) abi.Result {
	if onSPT {
		return sptBlock(write, handle, offset, data, n)
	}
	return hyperBlock(write, handle, offset, data, n)
}

// halt ends the guest.
func halt(status int32) {
	end(status, 0)
}

// abort ends the guest with abi.ExitAbort. A core file will show it where the
// record says, in the form of Solo5's trap frames.
func abort(r *abi.FaultRecord) {
	haltCookie = [len(haltCookie)]uint64{r.CR2, r.ErrorCode, r.RIP, uint64(bootCS), r.RFLAGS, r.RSP, uint64(bootSS)}
	end(abi.ExitAbort, addrOf(&haltCookie))
}

func end(status int32, cookie uintptr) {
	if onSPT {
		sptExit(status)
	} else {
		hyperHalt(status, cookie)
	}
	for {
	}
}

// die ends the guest after a message; for conditions the kernel cannot go on
// from.
func die(reason string) {
	putString("tender: guest kernel: ")
	putString(reason)
	putString("\n")
	halt(abi.ExitAbort)
}

func putString(s string) {
	b := stringBytes(s)
	hostPuts(addrOf(&b[0]), uintptr(len(b)))
}

var hexDigits [18]byte

func putHex(v uint64) {
	hexDigits[0], hexDigits[1] = '0', 'x'
	for i := range 16 {
		hexDigits[17-i] = "0123456789abcdef"[v>>(4*i)&15]
	}
	hostPuts(addrOf(&hexDigits[0]), 18)
}
