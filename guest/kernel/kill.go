package kernel

import "tender/abi"

// Signals that somebody sends: a thread to another one, the tick for a
// profile, the tender that wants the guest to stop. They wait until their
// thread leaves the kernel.

const (
	sigTERM  = 15
	sigCHLD  = 17
	sigPROF  = 27
	sigWINCH = 28

	eSRCH = -3
)

// sharedSignals wait for any thread that takes them.
var sharedSignals uint64

// stopping says that the tender has asked the guest to stop.
var stopping bool

func signalBit(sig uintptr) uint64 { return 1 << (sig - 1) }

// ignored says that a signal does nothing: by the program's will, or because
// nothing is its default action. Stopping is none of ours.
func ignored(sig uintptr) bool {
	const ignore = 1
	switch h := actions[sig].handler; {
	case h == ignore:
		return true
	case h == 0:
		return sig >= sigCHLD && sig <= sigURG || sig == sigWINCH
	}
	return false
}

// sysKill sends a signal to the program: any thread may take it.
func sysKill(sig uintptr) int64 {
	if sig >= numSig {
		return eINVAL
	}
	if sig != 0 && !ignored(sig) {
		sharedSignals |= signalBit(sig)
		rouse(sig)
	}
	return 0
}

// rouse wakes a thread that can take a shared signal, unless there is one that
// runs anyway. Its system call is interrupted.
func rouse(sig uintptr) {
	var sleeper *thread
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.sigmask&signalBit(sig) != 0 {
			continue
		}
		switch t.state {
		case threadRunnable:
			return
		case threadFutex, threadSleep, threadEpoll:
			sleeper = t
		}
	}
	if sleeper != nil {
		wake(sleeper, eINTR)
	}
}

// sysTgkill sends a signal to one thread. One that waits is interrupted, but
// not by SIGURG, which asks the receiver to look up from what it computes.
func sysTgkill(tid, sig uintptr) int64 {
	if sig >= numSig {
		return eINVAL
	}
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state == threadFree || t.tid != int32(tid) {
			continue
		}
		if sig != 0 && !ignored(sig) {
			t.signals |= signalBit(sig)
			if sig != sigURG && t.sigmask&signalBit(sig) == 0 {
				interrupt(t)
			}
		}
		return 0
	}
	return eSRCH
}

// deliverSignals makes the current thread continue in the handlers of the
// signals that wait for it, the last one first. SIGPROF comes before all others:
// it samples where the program was, not what another handler makes of that.
func deliverSignals() {
	t := self()
	for {
		waiting := (t.signals | sharedSignals) &^ t.sigmask
		if waiting == 0 {
			return
		}
		sig := uintptr(1)
		if waiting&signalBit(sigPROF) != 0 {
			sig = sigPROF
		}
		for waiting&signalBit(sig) == 0 {
			sig++
		}
		if t.signals&signalBit(sig) != 0 {
			t.signals &^= signalBit(sig)
		} else {
			sharedSignals &^= signalBit(sig)
		}
		switch {
		case ignored(sig):
		case actions[sig].handler == 0:
			terminate(sig)
		default:
			deliver(t, fault{sig: int32(sig), code: sentBy(sig)}, nil)
		}
	}
}

// sentBy is siginfo's code: that of a timer for SIGPROF, else of kill.
func sentBy(sig uintptr) int32 {
	const kernel, user = 0x80, 0
	if sig == sigPROF {
		return kernel
	}
	return user
}

// terminate ends the program as a signal does that nobody handles. If it is
// the tender's wish, it knows why.
func terminate(sig uintptr) {
	if stopping && sig == sigTERM {
		halt(abi.ExitStopped)
	}
	putString("tender: the program ended itself by signal ")
	putHex(uint64(sig))
	putString("\n")
	t := self()
	abort(&abi.FaultRecord{RIP: t.pc, RFLAGS: t.flags, RSP: t.sp})
}
