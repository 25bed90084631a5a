package kernel

import "tender/abi"

// One argument struct per hypercall: there is one vCPU, and they must lie
// below 4 GiB, as all static data does.
var (
	wallArgs  abi.WalltimeArgs
	putsArgs  abi.PutsArgs
	pollArgs  abi.PollArgs
	netArgs   abi.NetArgs
	blockArgs abi.BlockArgs
	haltArgs  abi.HaltArgs

	// haltCookie is where the guest was when it aborted.
	haltCookie [abi.HaltCookieSize / 8]uint64
)

func hypercall(n uint16, args uintptr) {
	out(abi.HypercallPort+uint64(n), uint64(args))
}

func hyperWalltime() int64 {
	hypercall(abi.HypercallWalltime, addrOf(&wallArgs))
	return int64(wallArgs.Nanos)
}

func hyperPuts(data, n uintptr) {
	putsArgs = abi.PutsArgs{Data: uint64(data), Len: uint64(n)}
	hypercall(abi.HypercallPuts, addrOf(&putsArgs))
}

func hyperPoll(timeout int64, set uint64) uint64 {
	pollArgs = abi.PollArgs{TimeoutNanos: uint64(timeout), ReadySet: set}
	hypercall(abi.HypercallPoll, addrOf(&pollArgs))
	if pollArgs.Ret <= 0 {
		return 0
	}
	return pollArgs.ReadySet
}

func hyperNet(call uint16, handle, data, n uintptr) (uintptr, abi.Result) {
	netArgs = abi.NetArgs{Handle: uint64(handle), Data: uint64(data), Len: uint64(n)}
	hypercall(call, addrOf(&netArgs))
	return uintptr(netArgs.Len), netArgs.Ret
}

func hyperBlock(write bool, handle, offset, data, n uintptr) abi.Result {
	blockArgs = abi.BlockArgs{Handle: uint64(handle), Offset: uint64(offset), Data: uint64(data), Len: uint64(n)}
	call := uint16(abi.HypercallBlockRead)
	if write {
		call = abi.HypercallBlockWrite
	}
	hypercall(call, addrOf(&blockArgs))
	return blockArgs.Ret
}

// hyperHalt ends the guest; cookie is 0 or the address of haltCookie.
func hyperHalt(status int32, cookie uintptr) {
	haltArgs = abi.HaltArgs{Status: status, Cookie: uint64(cookie)}
	hypercall(abi.HypercallHalt, addrOf(&haltArgs))
}
