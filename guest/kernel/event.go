package kernel

// eventfd: a counter that can be waited for.

const (
	eventSemaphore = 1
	eventMax       = ^uint64(0) - 1
)

func sysEventfd(count, flags uintptr) int64 {
	if flags&^(eventSemaphore|openNonblock|openCloexec) != 0 {
		return eINVAL
	}
	fd, f := openFile(fileEvent, openReadWrite|uint32(flags)&(openNonblock|openCloexec))
	if f != nil {
		f.count = uint64(uint32(count))
		f.object = flags & eventSemaphore
	}
	return fd
}

func (f *file) readEvent(buf, n uintptr) int64 {
	if n < 8 {
		return eINVAL
	}
	if f.count == 0 {
		return eAGAIN
	}
	v := f.count
	if f.object&eventSemaphore != 0 {
		v = 1
	}
	f.count -= v
	*at[uint64](buf) = v
	notify(f)
	return 8
}

func (f *file) writeEvent(buf, n uintptr) int64 {
	if n < 8 {
		return eINVAL
	}
	v := *at[uint64](buf)
	if v > eventMax {
		return eINVAL
	}
	if v > eventMax-f.count {
		return eAGAIN
	}
	f.count += v
	notify(f)
	return 8
}

func (f *file) pollEvent() uint32 {
	events := uint32(0)
	if f.count != 0 {
		events |= epollIn
	}
	if f.count < eventMax {
		events |= epollOut
	}
	return events
}
