package kernel

import "tender/abi"

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
)

// Flags of open, as Linux has them on x86-64.
const (
	openWriteOnly = 0x1
	openReadWrite = 0x2
	openAccess    = 0x3
	openAppend    = 0x400
	openNonblock  = 0x800
	openCloexec   = 0x80000
)

// file is an open file description.
type file struct {
	kind  uint8
	waits bool   // threads may be suspended until something happens to it
	refs  uint32 // descriptors
	flags uint32 // of open and F_SETFL

	// object is what belongs to the kind: the *abi.ManifestEntry of a device,
	// *pipe, *pollSet.
	object uintptr
	// handle of a fileNet or fileBlock.
	handle uintptr
	// count of a fileEvent; of a filePoll the set of handles it waits for,
	// which for a fileNet is its own bit; events of a fileSocket.
	count uint64

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
	return f.orWait(f.read(buf, n))
}

func sysWrite(fd, buf, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	return f.orWait(f.write(buf, n))
}

// iovec is struct iovec.
type iovec struct{ base, len uintptr }

// maxVectors is IOV_MAX.
const maxVectors = 1024

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
		v := at[iovec](vectors + i*sizeOf[iovec]())
		if v.len == 0 {
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

const pathMax = 4096

func sysOpen(path, flags uintptr) int64 {
	name := cstring(path, pathMax)
	if rest, ok := cutPrefix(name, abi.NetPath); ok {
		return openDevice(rest, abi.DeviceNet, fileNet, uint32(flags))
	}
	if rest, ok := cutPrefix(name, abi.BlockPath); ok {
		return openDevice(rest, abi.DeviceBlock, fileBlock, uint32(flags))
	}
	switch string(name) {
	case abi.PollPath:
		return openPoll(uint32(flags))
	case abi.SocketPath:
		fd, _ := openFile(fileSocket, openReadWrite|uint32(flags)&(openNonblock|openCloexec))
		return fd
	case abi.SocketsPath:
		return openSockets(uint32(flags))
	}
	return eNOENT
}

func cutPrefix(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return nil, false
	}
	return s[len(prefix):], true
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

// stat is struct stat, 144 bytes.
type stat struct {
	dev, ino, nlink uint64
	mode, uid, gid  uint32
	_               uint32
	rdev            uint64
	size            int64
	blksize, blocks int64
	times           [6]int64
	_               [3]int64
}

// Types of a file in stat.mode.
const (
	modeFIFO   = 0o010000
	modeChar   = 0o020000
	modeBlock  = 0o060000
	modeSocket = 0o140000
)

func sysFstat(fd, buf uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	s := stat{ino: uint64(fd) + 1, nlink: 1, mode: modeChar | 0o600, blksize: pageSize}
	switch f.kind {
	case fileBlock:
		s.mode = modeBlock | 0o600
		s.size = f.capacity()
	case filePipeReader, filePipeWriter:
		s.mode = modeFIFO | 0o600
	case fileSocket:
		s.mode = modeSocket | 0o777
	case fileEvent, fileEpoll:
		s.mode = 0o600 // anonymous inodes have no type
	}
	*at[stat](buf) = s
	return 0
}
