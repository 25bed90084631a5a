package kernel

import "tender/abi"

// Under spt the CPU's exceptions reach the guest as signals of the host.

// signalStackSize holds the host's signal frame, vector registers included,
// and what onHostSignal needs.
const signalStackSize = 64 << 10

var (
	signalStack [signalStackSize / 8]uint64 // abi.TenderNote.SignalStack
	hostSignal  uintptr                     // its number
	hostContext uintptr                     // *ucontext of the signal
	hostRecord  abi.FaultRecord
)

// onHostSignal is entered on signalStack after a signal of the host, but not
// if a tick has interrupted the kernel. It moves the interrupted registers to
// the current thread and goes on like onFault or onTick. The host's frame is
// not returned to: it masked nothing.
func onHostSignal() {
	m := &at[ucontext](hostContext).mcontext
	hostRecord = abi.FaultRecord{Vector: m.trapno, ErrorCode: m.err, RIP: m.ip, RFLAGS: m.fl, RSP: m.sp, CR2: m.cr2}
	if uintptr(m.sp)-addrOf(&stack) <= stackSize {
		onKernelFault()
	}
	t := self()
	t.restore(m)
	t.loadFromFrame(uintptr(m.fpstate))
	if hostSignal == sigPROF {
		onTick()
	} else {
		onFault()
	}
}
