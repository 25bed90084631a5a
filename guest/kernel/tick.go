package kernel

import "tender/abi"

// What interrupts the program: ticks, so that a thread that computes without
// end keeps the others from nothing, and the tender's wish that the guest stop.
// Without a tender that ticks, threads change in system calls only.

// The timer of setitimer(ITIMER_PROF), in nanoseconds of CPU time.
var (
	profileInterval int64
	profileLeft     int64 // 0 while there is none
)

// eventsInit tells the tender that the guest is ready for it.
func eventsInit() {
	tender.StackStart = uint64(addrOf(&stack))
	tender.StackEnd = tender.StackStart + stackSize
	tender.Entry = uint64(tickAddress)
}

// onTick is entered after a tick that has interrupted the program; the current
// thread holds all its registers.
func onTick() {
	tick()
	leave()
}

// tick does what is due: samples for a profile, the time, devices that others
// wait for, and somebody else's turn.
func tick() {
	if t := self(); profileLeft != 0 && t.state == threadRunnable {
		if profileLeft -= abi.TickNanos; profileLeft <= 0 {
			if profileLeft += profileInterval; profileLeft <= 0 {
				profileLeft = min(profileInterval, 1) // every tick, or no more
			}
			t.signals |= signalBit(sigPROF)
		}
	}
	monotonic()
	if onSPT || wanted() != 0 {
		pollDevices(0)
	}
	resched = true
}

// leave is the end of every way into the kernel but a fault's: it serves what
// the tender has asked for and picks who runs next.
func leave() {
	if tender.Tick != 0 {
		tender.Tick = 0
		tick()
	}
	if tender.Stop != 0 {
		stop()
	}
	if retries {
		retry()
	}
	schedule()
	if (self().signals|sharedSignals)&^self().sigmask != 0 {
		deliverSignals()
	}
	if onSPT && self().fs != uint64(loadedFS) {
		sptSetFS(uintptr(self().fs))
	}
}

// stop tells the program that the tender wants it to end.
func stop() {
	tender.Stop = 0
	stopping = true
	sysKill(sigTERM)
}

type timeval struct{ sec, usec int64 }

type itimerval struct{ interval, value timeval }

// sysSetitimer knows the timer for profiles. It is as fine as ticks are.
func sysSetitimer(which, new, old uintptr) int64 {
	const prof = 2
	if which != prof {
		return eINVAL
	}
	if old != 0 {
		*at[itimerval](old) = itimerval{microseconds(profileInterval), microseconds(profileLeft)}
	}
	if new == 0 {
		return 0
	}
	v := at[itimerval](new)
	interval, ok1 := v.interval.nanos()
	value, ok2 := v.value.nanos()
	if !ok1 || !ok2 {
		return eINVAL
	}
	profileInterval, profileLeft = interval, value
	return 0
}

func microseconds(n int64) timeval { return timeval{n / second, n % second / 1000} }

// nanos is as that of timespec.
func (t *timeval) nanos() (n int64, ok bool) {
	if t.usec < 0 || t.usec >= 1000000 {
		return 0, false
	}
	s := timespec{t.sec, t.usec * 1000}
	return s.nanos()
}
