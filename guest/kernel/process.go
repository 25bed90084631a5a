package kernel

// What a program may ask about its process and its system.

// utsname is struct utsname.
type utsname struct {
	system, node, release, version, machine, domain [65]byte
}

// hostName is what sethostname has set; the program's name until then.
var (
	hostName    [65]byte
	hostNameLen int
)

func sysUname(buf uintptr) int64 {
	u := at[utsname](buf)
	*u = utsname{}
	copy(u.system[:], "Linux")
	if hostNameLen != 0 {
		u.node = hostName
	} else {
		copy(u.node[:64], Program)
	}
	copy(u.release[:], "6.6.0-tender")
	copy(u.version[:], "#1 tender unikernel")
	copy(u.machine[:], "x86_64")
	copy(u.domain[:], "(none)")
	return 0
}

func sysSethostname(name, n uintptr) int64 {
	if n > 64 {
		return eINVAL
	}
	clear(hostName[:])
	hostNameLen = copy(hostName[:], bytesAt(name, n))
	return 0
}

// onlyRoot answers the calls that change identity, by the ids they set: there
// is one user, and ^0 stands for no change.
func onlyRoot(nr uint64, a, b, c uintptr) int64 {
	const setreuid, setregid, setresuid, setresgid = 113, 114, 117, 119
	switch nr {
	case setreuid, setregid:
		c = 0
	case setresuid, setresgid:
	default:
		b, c = 0, 0
	}
	for _, id := range [3]uint32{uint32(a), uint32(b), uint32(c)} {
		if id != 0 && id != 1<<32-1 {
			return ePERM
		}
	}
	return 0
}

// keepCaps is a flag of the process that is remembered and means nothing.
var keepCaps uintptr

// sysPrctl knows the names of threads, which nobody reads, and keepCaps.
func sysPrctl(option, arg uintptr) int64 {
	const getKeepCaps, setKeepCaps, setName = 7, 8, 15
	switch {
	case option == getKeepCaps:
		return int64(keepCaps)
	case option == setKeepCaps && arg <= 1:
		keepCaps = arg
		return 0
	case option == setName:
		return 0
	}
	return eINVAL
}

func sysGetresuid(real, effective, saved uintptr) int64 {
	*at[uint32](real), *at[uint32](effective), *at[uint32](saved) = 0, 0, 0
	return 0
}

// sysGetrusage says that all time since the boot was the program's: the guest
// does not know when it has slept.
func sysGetrusage(buf uintptr) int64 {
	type rusage struct {
		user, system timespec // timeval in fact
		_            [14]int64
	}
	n := monotonic() - second
	*at[rusage](buf) = rusage{user: timespec{n / second, n % second / 1000}}
	return 0
}

// sysinfo is struct sysinfo.
type sysinfo struct {
	uptime                      int64
	loads                       [3]uint64
	total, free, shared, buffer uint64
	swap, freeSwap              uint64
	processes                   uint16
	_                           [3]uint16
	high, freeHigh              uint64
	unit                        uint32
	_                           uint32
}

func sysSysinfo(buf uintptr) int64 {
	*at[sysinfo](buf) = sysinfo{
		uptime:    monotonic()/second - 1,
		total:     uint64(len(pages.state)) * pageSize,
		free:      uint64(pages.free) * pageSize,
		processes: 1,
		unit:      1,
	}
	return 0
}
