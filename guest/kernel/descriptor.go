package kernel

import "math/bits"

// Descriptors: the numbers by which the program names open files. Several may
// name one file.

const (
	// maxFiles bounds descriptors.
	maxFiles = 65536
	// slotsPerPage is how many descriptors a page of the table holds.
	slotsPerPage = pageSize / 8

	slotCloexec = 1 // beside the address in a slot: FD_CLOEXEC
)

// slotPage holds what descriptors stand for: the address of a file, with
// slotCloexec.
type slotPage [slotsPerPage]uintptr

// table is the descriptor table. Its pages appear when they are first needed.
var table struct {
	first slotPage
	pages [maxFiles / slotsPerPage]uintptr // *slotPage; the first is table.first

	// Bits of descriptors in use, and of words of used that are all ones: the
	// lowest free descriptor is found in at most 16 steps.
	used [maxFiles / 64]uint64
	full [maxFiles / 64 / 64]uint64
}

// slot is the place of a descriptor, nil if it is out of range or its page
// does not exist.
func slot(fd uintptr) *uintptr {
	if fd >= maxFiles {
		return nil
	}
	page := table.pages[fd/slotsPerPage]
	if page == 0 {
		return nil
	}
	return &at[slotPage](page)[fd%slotsPerPage]
}

// fileAt returns nil for a descriptor that is not open.
func fileAt(fd uintptr) *file {
	s := slot(fd)
	if s == nil || *s == 0 {
		return nil
	}
	return at[file](*s &^ slotCloexec)
}

// lowestFree is the lowest descriptor at or above from that is not in use, or
// maxFiles.
func lowestFree(from uintptr) uintptr {
	if from >= maxFiles {
		return maxFiles
	}
	word := from / 64
	if free := ^table.used[word] & (^uint64(0) << (from % 64)); free != 0 {
		return word*64 + uintptr(bits.TrailingZeros64(free))
	}
	word++
	for group := word / 64; group < uintptr(len(table.full)); group++ {
		free := ^table.full[group]
		if group == word/64 {
			free &= ^uint64(0) << (word % 64)
		}
		if free == 0 {
			continue
		}
		word = group*64 + uintptr(bits.TrailingZeros64(free))
		return word*64 + uintptr(bits.TrailingZeros64(^table.used[word&(maxFiles/64-1)]))
	}
	return maxFiles
}

// setSlot makes a descriptor stand for a file, which counts it as a reference;
// false when there is no memory for the table.
func setSlot(fd uintptr, f *file, cloexec bool) bool {
	page := &table.pages[fd/slotsPerPage%uintptr(len(table.pages))]
	if *page == 0 {
		if *page = pages.alloc(0, pageSize, pageMapped); *page == 0 {
			return false
		}
	}
	v := addrOf(f)
	if cloexec {
		v |= slotCloexec
	}
	at[slotPage](*page)[fd%slotsPerPage] = v
	f.refs++
	word := fd / 64 % uintptr(len(table.used))
	table.used[word] |= 1 << (fd % 64)
	if table.used[word] == ^uint64(0) {
		table.full[word/64] |= 1 << (word % 64)
	}
	return true
}

// clearSlot frees an open descriptor and drops its reference to the file.
func clearSlot(fd uintptr) {
	s := slot(fd)
	f := at[file](*s &^ slotCloexec)
	*s = 0
	word := fd / 64
	table.used[word] &^= 1 << (fd % 64)
	table.full[word/64] &^= 1 << (word % 64)
	abandonWaits(fd, f)
	dropInterests(fd, f)
	f.unref()
}

// install gives a file the lowest free descriptor at or above from. The file
// is closed if there is none and nothing else refers to it.
func install(f *file, from uintptr, cloexec bool) int64 {
	fd := lowestFree(from)
	r := int64(fd)
	if fd >= maxFiles {
		r = eMFILE
	} else if !setSlot(fd, f, cloexec) {
		r = eNOMEM
	}
	if r < 0 && f.refs == 0 {
		f.release()
	}
	return r
}

func sysClose(fd uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if f.kind == fileSocket && sockets != 0 {
		return handUp(0)
	}
	clearSlot(fd)
	return 0
}

// sysCloseRange knows the plain form only.
func sysCloseRange(first, last, flags uintptr) int64 {
	const cloexec = 4
	if first > last || flags&^cloexec != 0 {
		return eINVAL
	}
	for fd := first; fd <= min(last, maxFiles-1); fd++ {
		switch {
		case fileAt(fd) == nil:
		case flags&cloexec != 0:
			*slot(fd) |= slotCloexec
		case isSocket(fd):
			return eINVAL // one call cannot be handed up in parts
		default:
			clearSlot(fd)
		}
	}
	return 0
}

func sysDup(fd uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if isSocket(fd) {
		return handUp(eBADF)
	}
	return install(f, 0, false)
}

// sysDup3 is dup3, and dup2 if same is true: that gives a descriptor for
// itself.
func sysDup3(fd, to, flags uintptr, same bool) int64 {
	f := fileAt(fd)
	if f == nil || to >= maxFiles {
		return eBADF
	}
	if flags&^openCloexec != 0 {
		return eINVAL
	}
	if fd == to {
		if same {
			return int64(to)
		}
		return eINVAL
	}
	if isSocket(fd) || isSocket(to) {
		return handUp(eBADF)
	}
	if fileAt(to) != nil {
		clearSlot(to)
	}
	if !setSlot(to, f, flags&openCloexec != 0) {
		return eNOMEM
	}
	return int64(to)
}

func sysFcntl(fd, cmd, arg uintptr) int64 {
	const dupFD, getFD, setFD, getFL, setFL, dupCloexec = 0, 1, 2, 3, 4, 1030
	const getLock, setLock, setLockWait, openSetLock, openSetLockWait, unlocked = 5, 6, 7, 37, 38, 2
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if isSocket(fd) && cmd != getFD && cmd != setFD {
		return handUp(eBADF)
	}
	switch cmd {
	case dupFD, dupCloexec:
		if arg >= maxFiles {
			return eINVAL
		}
		return install(f, arg, cmd == dupCloexec)
	case getFD:
		return int64(*slot(fd) & slotCloexec)
	case setFD:
		*slot(fd) = addrOf(f) | arg&slotCloexec
		return 0
	case getFL:
		return int64(f.flags)
	case setFL:
		const settable = openAppend | openNonblock
		if f.kind == fileNet || f.kind == filePoll {
			return 0 // never suspend a thread
		}
		f.flags = f.flags&^settable | uint32(arg)&settable
		return 0
	case getLock:
		*at[int16](arg) = unlocked
		return 0
	case setLock, setLockWait, openSetLock, openSetLockWait: // there is no other process
		return 0
	}
	return eINVAL
}
