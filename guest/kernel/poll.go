package kernel

// What is known about the devices comes from POLL hypercalls, or from the rings.

// pollGap is how long a POLL stays good for callers that will not sleep anyway.
const pollGap = 100 * 1000 // ns

var (
	deviceReady uint64 // handles known to be readable: a read has not come back empty since
	lastPoll    int64
)

// wanted is the set of devices somebody waits for and that are not known to
// be ready.
func wanted() uint64 {
	set := uint64(0)
	for a := deviceFiles; a != 0; {
		f := at[file](a)
		a = f.nextDevice
		if f.interests != 0 {
			set |= f.count
		}
	}
	return set &^ deviceReady
}

// readySet is what of a set is ready. Of devices with rings that is seen at
// once; but only pollDevices makes them known as ready, since it tells all who
// wait for them.
func readySet(set uint64) uint64 {
	rings := set & umemHandles
	ready := umemReady(rings)
	deviceReady &^= rings &^ ready
	return deviceReady&set | ready
}

// pollDevices asks the tender, sleeping for at most timeout nanoseconds.
func pollDevices(timeout int64) {
	news := waitDevices(timeout, wanted()) &^ deviceReady
	deviceReady |= news
	lastPoll = monotonic()
	for a := deviceFiles; a != 0 && news != 0; {
		f := at[file](a)
		a = f.nextDevice
		if f.count&news != 0 {
			notify(f)
		}
	}
}

// lookAtDevices is pollDevices without sleeping, unless that was done just
// now or nobody cares; it says whether it was done.
func lookAtDevices() bool {
	set := wanted()
	if umemReady(set) == 0 && (set&^umemHandles == 0 || monotonic()-lastPoll < pollGap) {
		return false
	}
	pollDevices(0)
	return true
}
