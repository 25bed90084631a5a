package kernel

import "tender/abi"

// Files: the console, the two that the Go runtime's network poller needs,
// and the devices of the manifest.

// Kinds of a file.
const (
	fileNone = iota
	fileConsole
	fileEpoll
	fileEvent
	fileNet
	fileBlock
	filePoll
)

type file struct {
	kind uint8

	// handle of a fileNet or fileBlock, and its manifest entry.
	handle uintptr
	entry  uintptr // *abi.ManifestEntry
	// count of a fileEvent.
	count uint64
	// set of handles of a filePoll; that of a fileNet is its own bit.
	set uint64

	// Registration with epoll: the events wanted, 0 if there is none. With
	// epollEdge an event is reported once, and again after a read has come
	// back empty.
	interest uint32
	reported bool
	data     uint64
}

// maxFiles bounds descriptors: 63 devices, the console, the poller's own.
const maxFiles = 128

var (
	files    [maxFiles]file
	manifest uintptr // *abi.ManifestHeader
)

func fileInit() {
	for fd := range 3 {
		files[fd].kind = fileConsole
	}
}

// fileAt returns nil for a descriptor that is not open.
func fileAt(fd uintptr) *file {
	if fd >= maxFiles || files[fd].kind == fileNone {
		return nil
	}
	return &files[fd]
}

// openFile returns a descriptor and its file; nil when all are in use.
func openFile(kind uint8) (int64, *file) {
	for fd := range files {
		if f := &files[fd]; f.kind == fileNone {
			*f = file{kind: kind}
			return int64(fd), f
		}
	}
	return eNFILE, nil
}

const pathMax = 4096

func sysOpen(path, flags uintptr) int64 {
	name := cstring(path, pathMax)
	if rest, ok := cutPrefix(name, abi.NetPath); ok {
		return openDevice(rest, abi.DeviceNet, fileNet)
	}
	if rest, ok := cutPrefix(name, abi.BlockPath); ok {
		return openDevice(rest, abi.DeviceBlock, fileBlock)
	}
	if rest, ok := cutPrefix(name, abi.PollPath); ok && len(rest) == 0 {
		fd, _ := openFile(filePoll)
		return fd
	}
	return eNOENT
}

func cutPrefix(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return nil, false
	}
	return s[len(prefix):], true
}

// manifestEntry is the device with a handle.
func manifestEntry(handle uintptr) *abi.ManifestEntry {
	return at[abi.ManifestEntry](manifest + sizeOf[abi.ManifestHeader]() + handle*sizeOf[abi.ManifestEntry]())
}

// openDevice opens a device of the manifest; each can be open once.
func openDevice(name []byte, typ abi.DeviceType, kind uint8) int64 {
	n := uintptr(at[abi.ManifestHeader](manifest).Entries)
	for handle := uintptr(1); handle < n && handle < abi.ManifestMaxEntries; handle++ {
		e := manifestEntry(handle)
		if e.Type != typ || e.Attached == 0 || string(cstring(addrOf(&e.Name), abi.MaxNameLen)) != string(name) {
			continue
		}
		for i := range files {
			if files[i].handle == handle && files[i].kind != fileNone {
				return eBUSY
			}
		}
		fd, f := openFile(kind)
		if f != nil {
			f.handle, f.entry = handle, addrOf(e)
			if kind == fileNet {
				f.set = 1 << handle
			}
		}
		return fd
	}
	return eNOENT
}

func sysClose(fd uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	*f = file{}
	return 0
}

func sysRead(fd, buf, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	switch f.kind {
	case fileConsole:
		return 0 // no input: end of file
	case fileEvent, filePoll:
		if n < 8 {
			return eINVAL
		}
		v := f.count
		f.count = 0
		if f.kind == filePoll {
			v = deviceReady & f.set
		}
		if v == 0 {
			f.reported = false
			return eAGAIN
		}
		*at[uint64](buf) = v
		return 8
	case fileNet:
		got, res := hostNetRead(f.handle, buf, n)
		if res == abi.ResultOK {
			return int64(got)
		}
		if res == abi.ResultAgain {
			deviceReady &^= f.set
			f.reported = false
		}
		return resultErrno(res)
	}
	return eINVAL
}

func sysWrite(fd, buf, n uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	switch f.kind {
	case fileConsole:
		if n != 0 {
			hostPuts(buf, n)
		}
		return int64(n)
	case fileEvent:
		if n < 8 {
			return eINVAL
		}
		f.count += *at[uint64](buf)
		f.reported = false
		wakePollers()
		return 8
	case fileNet:
		if res := hostNetWrite(f.handle, buf, n); res != abi.ResultOK {
			return resultErrno(res)
		}
		return int64(n)
	}
	return eINVAL
}

// sysTransfer is pread and pwrite of whole blocks. A write beyond the end
// writes nothing, since os.File could not tell the program how much of it was
// done. The contract promises one block per call, and the filter of spt allows
// no more; but an hvt tender takes any number, and an exit costs far more than
// a block. So all is tried at once there, and block by block to find out how
// far it goes if that fails.
func sysTransfer(write bool, fd, buf, n, offset uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if f.kind != fileBlock {
		return eSPIPE
	}
	info := at[abi.BlockInfo](addrOf(&at[abi.ManifestEntry](f.entry).Info))
	size, capacity := uintptr(info.BlockBytes), uintptr(info.CapacityBytes)
	if size == 0 || n%size != 0 || offset%size != 0 {
		return eINVAL
	}
	if left := capacity - min(offset, capacity); n > left {
		if write {
			return eNOSPC
		}
		n = left - left%size
	}
	if !onSPT && n > size && hostBlock(write, f.handle, offset, buf, n) == abi.ResultOK {
		return int64(n)
	}
	done := uintptr(0)
	for ; done < n; done += size {
		if res := hostBlock(write, f.handle, offset+done, buf+done, size); res != abi.ResultOK {
			if done == 0 {
				return resultErrno(res)
			}
			break
		}
	}
	return int64(done)
}

func resultErrno(r abi.Result) int64 {
	switch r {
	case abi.ResultAgain:
		return eAGAIN
	case abi.ResultInval:
		return eINVAL
	}
	return eIO
}

func sysIoctl(fd, request, arg uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	switch {
	case request == abi.IoctlDeviceInfo && f.entry != 0:
		*at[abi.DeviceInfo](arg) = abi.DeviceInfo{
			Handle: uint64(f.handle),
			Info:   at[abi.ManifestEntry](f.entry).Info,
		}
		return 0
	case request == abi.IoctlPollSet && f.kind == filePoll:
		f.set, f.reported = uint64(arg), false
		return 0
	}
	return eNOTTY
}

func sysFcntl(fd, cmd uintptr) int64 {
	const getFD, setFD, getFL, setFL = 1, 2, 3, 4
	const readWrite, nonblock = 2, 0x800
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	switch cmd {
	case getFD, setFD, setFL:
		return 0
	case getFL:
		if f.kind == fileConsole || f.kind == fileBlock {
			return readWrite
		}
		return readWrite | nonblock
	}
	return eINVAL
}

// stat is the start of struct stat; 144 bytes in all.
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

func sysFstat(fd, buf uintptr) int64 {
	const charDevice, blockDevice, readWrite = 0o020000, 0o060000, 0o600
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	s := stat{ino: uint64(fd) + 1, nlink: 1, mode: charDevice | readWrite, blksize: pageSize}
	if f.kind == fileBlock {
		s.mode = blockDevice | readWrite
		s.size = int64(at[abi.BlockInfo](addrOf(&at[abi.ManifestEntry](f.entry).Info)).CapacityBytes)
	}
	*at[stat](buf) = s
	return 0
}
