package kernel

import "tender/abi"

// Program is os.Args[0]; the toolchain sets it when it links.
var Program = "guest"

const (
	// rtStack is what the Go runtime takes for the first thread's g0 stack,
	// with room for what runs below its own limit.
	rtStack = 64<<10 + 16<<10
	// stackShifts is the number of places of that stack, a page apart; it
	// differs from one boot to the next.
	stackShifts = 16
	// maxMemory is what the runtime's heap addresses reach.
	maxMemory = 8 << 30
	// maxArgs bounds os.Args.
	maxArgs = 1024
)

var (
	randomBytes [16]byte // AT_RANDOM
	arg0        [256]byte
	memLimitEnv [40]byte // "GOMEMLIMIT=…"
)

// machine is what the boot info of either target says.
type machine struct {
	memSize, kernelEnd, cmdline uintptr
}

// boot prepares everything that the Go runtime expects of an operating
// system, and its first stack.
func boot() {
	var m machine
	if bootInfo == abi.SPTBootInfo {
		m = bootSPT(at[abi.SPTBoot](bootInfo))
	} else {
		m = bootHVT(at[abi.HVTBoot](bootInfo))
	}
	randomInit()
	vectorInit()
	wallAt = monotonic()
	wallBase = hostWalltime()
	threadInit()
	fileInit()
	umemInit()
	layOut(&m)
	eventsInit()
}

func bootHVT(b *abi.HVTBoot) machine {
	if bootCS&3 == 0 {
		kernelModeInit()
	} else {
		record = abi.UserFaultRecord
	}
	clockInit(b.CycleHz)
	manifest = uintptr(b.Manifest)
	return machine{memSize: uintptr(b.MemSize), kernelEnd: uintptr(b.KernelEnd), cmdline: uintptr(b.Cmdline)}
}

func bootSPT(b *abi.SPTBoot) machine {
	onSPT = true
	tscSteady = steadyTSC()
	wallGood = guessFor
	record = addrOf(&hostRecord)
	sptEpollFD, sptTimerFD = uintptr(uint32(b.EpollFD)), uintptr(uint32(b.TimerFD))
	manifest = uintptr(b.Manifest)
	return machine{memSize: uintptr(b.MemSize), kernelEnd: uintptr(b.KernelEnd), cmdline: uintptr(b.Cmdline)}
}

// layOut divides memory from the top down: command line words, pointers (argc,
// argv, envp and auxv, as at the entry of a Linux process), the runtime's
// stack, and pages for all else. The last 16 bytes stay unused, since no
// hypercall buffer may end there.
func layOut(m *machine) {
	line := cstring(m.cmdline, abi.CmdlineSize)
	top := min(m.memSize, maxMemory)
	words := (top - 16 - abi.CmdlineSize) &^ 15
	words -= uintptr(random64()) % stackShifts * pageSize
	vector := words - (maxArgs+16)*8
	bootSP = vector
	if m.kernelEnd > vector-rtStack {
		die("too little memory beside the image: start it with a larger --mem")
	}
	pages.init(m.kernelEnd, vector-rtStack)
	pages.shift(uintptr(tender.HeapAt), random64())

	p := pointerList{vector}
	argc := at[uint64](p.push(0))
	p.push(program())
	first := p.next
	n := splitWords(skipLogOptions(line), words, &p)
	variables := p.takeEnvironment(first, n)
	*argc = 1 + n - variables
	p.push(0)
	p.push(memoryLimit())
	for i := range variables {
		p.push(environment[i])
	}
	p.push(0)
	const atNull, atPagesz, atRandom = 0, 6, 25
	fillRandom(randomBytes[:])
	p.push(atPagesz)
	p.push(pageSize)
	p.push(atRandom)
	p.push(addrOf(&randomBytes))
	p.push(atNull)
	p.push(0)
}

// pointerList writes words one after another.
type pointerList struct{ next uintptr }

func (p *pointerList) push(v uintptr) uintptr {
	*at[uintptr](p.next) = v
	p.next += 8
	return p.next - 8
}

func program() uintptr {
	n := copy(arg0[:len(arg0)-1], Program)
	arg0[n] = 0
	return addrOf(&arg0)
}

// skipLogOptions drops the leading words that Solo5's own bindings consume.
func skipLogOptions(line []byte) []byte {
	for {
		rest, ok := cutPrefix(line, "--solo5:")
		if !ok {
			return line
		}
		for len(rest) > 0 && rest[0] != ' ' {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return rest
		}
		line = rest[1:]
	}
}

// splitWords copies the line to dst, cut at single spaces, and pushes the
// address of each word. An empty line has no words; two spaces in a row have
// an empty one between them. Words beyond maxArgs are not cut.
func splitWords(line []byte, dst uintptr, p *pointerList) uint64 {
	if len(line) == 0 {
		return 0
	}
	out := bytesAt(dst, uintptr(len(line))+1)
	p.push(dst)
	n := uint64(1)
	for i, c := range line {
		if c == ' ' && n < maxArgs {
			c = 0
			p.push(dst + uintptr(i) + 1)
			n++
		}
		out[i] = c
	}
	out[len(line)] = 0
	return n
}

// maxVariables bounds what the arguments add to the environment.
const maxVariables = 64

var environment [maxVariables]uintptr // strings KEY=VALUE

// takeEnvironment takes the leading words of the form --env=KEY=VALUE out of the
// n words whose addresses start at first, and notes them in environment.
func (p *pointerList) takeEnvironment(first uintptr, n uint64) (taken uint64) {
	for taken < min(n, maxVariables) {
		word := *at[uintptr](first + uintptr(taken)*8)
		rest, ok := cutPrefix(cstring(word, abi.CmdlineSize), "--env=")
		if !ok || len(rest) == 0 {
			break
		}
		environment[taken] = addrOf(&rest[0])
		taken++
	}
	for i := taken; i < n; i++ {
		*at[uintptr](first + uintptr(i-taken)*8) = *at[uintptr](first + uintptr(i)*8)
	}
	p.next -= uintptr(taken) * 8
	return taken
}

// memoryLimit is the environment string that tells the garbage collector how
// much there is: three quarters of free memory. It is a soft limit: the rest is
// for fragmentation, since address space and memory are the same here.
func memoryLimit() uintptr {
	limit := uint64(pages.free) * pageSize / 4 * 3
	n := copy(memLimitEnv[:], "GOMEMLIMIT=")
	digits := 1
	for v := limit; v >= 10; v /= 10 {
		digits++
	}
	for i := n + digits - 1; i >= n; i-- {
		memLimitEnv[i] = byte('0' + limit%10)
		limit /= 10
	}
	memLimitEnv[n+digits] = 0
	return addrOf(&memLimitEnv)
}
