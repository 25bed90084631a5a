package kernel

// Open files: what descriptors refer to.

// Kinds of a file.
const (
	fileConsole = iota
	fileEpoll
	fileEvent
	fileNet
	fileBlock
	filePoll
	filePipeReader
	filePipeWriter
	fileSocket
	fileSockets
	fileRegular
	fileDirectory
	fileSpecial // a character device of the tree
	filePath    // opened with O_PATH, no directory
)

// file is an open file description.
type file struct {
	kind  uint8
	waits bool   // threads may be suspended until something happens to it
	refs  uint32 // descriptors
	flags uint32 // of open and F_SETFL

	// object is what belongs to the kind: the *abi.ManifestEntry of a device,
	// *pipe, *pollSet, *node.
	object uintptr
	// handle of a fileNet or fileBlock; of a fileDirectory the *entry at its
	// offset, if that is known.
	handle uintptr
	// count of a fileEvent; of a filePoll the set of handles it waits for,
	// which for a fileNet is its own bit; events of a fileSocket; of a
	// fileDirectory the removals when handle was set.
	count uint64
	// offset in a fileRegular or fileDirectory.
	offset int64

	interests  uintptr // *interest: registrations with epoll
	nextDevice uintptr // *file, in the list of those that POLL is for
}

var (
	fileCache cache[file]
	console   file
	manifest  uintptr // *abi.ManifestHeader
)

// fileInit opens the console; there is no memory to be had yet.
func fileInit() {
	table.pages[0] = addrOf(&table.first)
	console = file{kind: fileConsole, flags: openReadWrite, refs: 1} // never to be released
	for fd := range uintptr(3) {
		setSlot(fd, &console, false)
	}
}

// newFile returns a file that no descriptor refers to, or nil without memory.
func newFile(kind uint8, flags uint32) *file {
	f := fileCache.get()
	if f != nil {
		f.kind, f.flags = kind, flags&^openCloexec
	}
	return f
}

// openFile makes a file and its first descriptor; the file is nil when there
// is no room for either.
func openFile(kind uint8, flags uint32) (int64, *file) {
	f := newFile(kind, flags)
	if f == nil {
		return eNFILE, nil
	}
	fd := install(f, 0, flags&openCloexec != 0)
	if fd < 0 {
		return fd, nil
	}
	return fd, f
}

// unref is the end of a descriptor.
func (f *file) unref() {
	if f.refs--; f.refs == 0 {
		f.release()
	}
}

// release ends a file that nothing refers to.
func (f *file) release() {
	switch f.kind {
	case fileEpoll:
		closePollSet(f)
	case fileNet, fileBlock, filePoll:
		closeDevice(f)
	case filePipeReader, filePipeWriter:
		closePipe(f)
	case fileSockets:
		closeSockets()
	case fileRegular, fileDirectory, fileSpecial, filePath:
		if f.object != 0 {
			at[node](f.object).unref()
		}
	}
	fileCache.put(f)
}

// read and write give eAGAIN when the file has nothing or no room now,
// whatever its flags.
func (f *file) read(buf, n uintptr) int64 {
	switch f.kind {
	case fileConsole:
		return 0 // no input: end of file
	case fileEvent:
		return f.readEvent(buf, n)
	case filePoll:
		return f.readReady(buf, n)
	case fileNet:
		return f.readFrame(buf, n)
	case filePipeReader:
		return f.readPipe(buf, n)
	case filePipeWriter:
		return eBADF
	case fileSocket:
		return handUp(eNOTSOCK)
	case fileSockets:
		return readCall(buf, n)
	case fileRegular:
		return f.readRegular(buf, n)
	case fileDirectory:
		return eISDIR
	case fileSpecial:
		return f.readSpecial(buf, n)
	case filePath:
		return eBADF
	}
	return eINVAL
}

func (f *file) write(buf, n uintptr) int64 {
	switch f.kind {
	case fileConsole:
		if n != 0 {
			hostPuts(buf, n)
		}
		return int64(n)
	case fileEvent:
		return f.writeEvent(buf, n)
	case fileNet:
		return f.writeFrame(buf, n)
	case filePipeReader:
		return eBADF
	case filePipeWriter:
		return f.writePipe(buf, n)
	case fileSocket:
		return handUp(eNOTSOCK)
	case fileRegular:
		return f.writeRegular(buf, n)
	case fileDirectory, filePath:
		return eBADF
	case fileSpecial:
		return f.writeSpecial(n)
	}
	return eINVAL
}

// poll is what the file is ready for, as epoll events.
func (f *file) poll() uint32 {
	switch f.kind {
	case fileEvent:
		return f.pollEvent()
	case fileNet, filePoll:
		return f.pollDevice()
	case filePipeReader, filePipeWriter:
		return f.pollPipe()
	case fileSockets:
		return pollCalls()
	}
	return 0
}

func sysRead(fd, buf, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	return f.orWait(f.read(buf, min(n, maxTransfer)))
}

func sysWrite(fd, buf, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	return f.orWait(f.write(buf, min(n, maxTransfer)))
}

// iovec is struct iovec.
type iovec struct{ base, len uintptr }

const (
	maxVectors = 1024 // IOV_MAX
	// maxTransfer bounds one read or write in bytes, as Linux does.
	maxTransfer = 1<<31 - pageSize
)

// sysVector is readv and writev. It ends at the first vector that was not
// transferred whole. An array of one vector is the plain call.
func sysVector(write bool, fd, vectors, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if n > maxVectors {
		return eINVAL
	}
	done := int64(0)
	for i := range n {
		v := *at[iovec](vectors + i*sizeOf[iovec]())
		if v.len = min(v.len, maxTransfer); v.len == 0 {
			continue
		}
		var r int64
		if write {
			r = f.write(v.base, v.len)
		} else {
			r = f.read(v.base, v.len)
		}
		if r < 0 && done == 0 {
			return f.orWait(r)
		}
		if r > 0 {
			done += r
		}
		if r < 0 || uintptr(r) < v.len {
			break
		}
	}
	return done
}

func sysIoctl(fd, request, arg uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	const nonblock = 0x5421 // FIONBIO
	switch f.kind {
	case fileNet, fileBlock, filePoll:
		return f.ioctlDevice(request, arg)
	case fileSocket:
		return f.ioctlSocket(fd, request, arg)
	case fileSockets:
		return ioctlSockets(request, arg)
	case fileEvent, filePipeReader, filePipeWriter:
		if request != nonblock {
			break
		}
		f.flags &^= openNonblock
		if *at[uint32](arg) != 0 {
			f.flags |= openNonblock
		}
		return 0
	}
	return eNOTTY
}
