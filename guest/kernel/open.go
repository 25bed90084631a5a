package kernel

import "tender/abi"

// Flags of open, as Linux has them on x86-64.
const (
	openWriteOnly = 0x1
	openReadWrite = 0x2
	openAccess    = 0x3
	openCreate    = 0x40
	openExclusive = 0x80
	openTruncate  = 0x200
	openAppend    = 0x400
	openNonblock  = 0x800
	openLarge     = 0x8000
	openDirectory = 0x10000
	openNofollow  = 0x20000
	openCloexec   = 0x80000
	openPathOnly  = 0x200000
	openTemporary = 0x400000

	// openKept is what F_GETFL gives back.
	openKept = openAccess | openAppend | openNonblock | openLarge | openPathOnly
)

var umask uint32 = 0o022

func sysUmask(mask uintptr) int64 {
	old := umask
	umask = uint32(mask) & 0o777
	return int64(old)
}

// openPath opens what is no file of the tree: the devices of package abi. ok
// is false for all other paths.
func openPath(name []byte, flags uint32) (fd int64, ok bool) {
	if rest, ok := cutPrefix(name, abi.NetPath); ok {
		return openDevice(rest, abi.DeviceNet, fileNet, flags), true
	}
	if rest, ok := cutPrefix(name, abi.BlockPath); ok {
		return openDevice(rest, abi.DeviceBlock, fileBlock, flags), true
	}
	switch string(name) {
	case abi.PollPath:
		return openPoll(flags), true
	case abi.SocketPath:
		fd, _ := openFile(fileSocket, openReadWrite|flags&(openNonblock|openCloexec))
		return fd, true
	case abi.SocketsPath:
		return openSockets(flags), true
	}
	return 0, false
}

func cutPrefix(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return nil, false
	}
	return s[len(prefix):], true
}

// sysOpen is openat.
func sysOpen(dirfd, path, fl, mode uintptr) int64 {
	flags := uint32(fl)
	p := userPath(path)
	if p == nil {
		return eNAMETOOLONG
	}
	if fd, ok := openPath(p, flags); ok {
		return fd
	}
	if flags&openPathOnly != 0 {
		flags &= openPathOnly | openDirectory | openNofollow | openCloexec
	}
	switch {
	case flags&openTemporary != 0:
		return eOPNOTSUPP
	case flags&(openCreate|openDirectory) == openCreate|openDirectory:
		return eINVAL
	}
	how := walkFollow
	if flags&openNofollow != 0 || flags&(openCreate|openExclusive) == openCreate|openExclusive {
		how = 0
	}
	if flags&openCreate != 0 {
		how |= walkCreate
	} else {
		how |= walkExisting
	}
	at, e := walk(dirfd, path, how)
	if e != 0 {
		return e
	}
	n := at.node
	created := n == nil
	if created {
		if n, e = create(at, modeRegular|uint32(mode)&modePerm&^umask, 0); e != 0 {
			return e
		}
	}
	return openNode(n, flags, created)
}

// create makes a file, directory or special file where a walk has found none.
func create(p place, mode uint32, device uint64) (*node, int64) {
	if p.slash && mode&modeType != modeDir {
		return nil, eNOENT
	}
	n := newNode(mode)
	if n == nil {
		return nil, eNOSPC
	}
	n.device = device
	if e := p.dir.insert(p.name, n, false); e != 0 {
		n.links = 0
		n.drop()
		return nil, e
	}
	p.dir.touch()
	return n, 0
}

// openNode gives a node that exists a descriptor.
func openNode(n *node, flags uint32, created bool) int64 {
	writes := flags&(openAccess|openTruncate) != 0
	switch {
	case !created && flags&(openCreate|openExclusive) == openCreate|openExclusive:
		return eEXIST
	case flags&openDirectory != 0 && !n.isDir():
		return eNOTDIR
	case flags&openPathOnly != 0:
	case n.isLink():
		return eLOOP
	case n.isDir() && (writes || flags&openCreate != 0):
		return eISDIR
	case n.mode&modeType == modeChar:
		return openSpecial(n, flags)
	case n.mode&modeType == modeSocket, n.mode&modeType == modeFIFO:
		return eNXIO
	}
	kind := uint8(fileRegular)
	switch {
	case n.isDir():
		kind = fileDirectory
	case flags&openPathOnly != 0:
		kind = filePath
	}
	f := newFile(kind, flags&openKept)
	if f == nil {
		return eNFILE
	}
	f.object = addrOf(n)
	n.refs++
	fd := install(f, 0, flags&openCloexec != 0)
	if fd >= 0 && flags&openTruncate != 0 && kind == fileRegular && n.size != 0 {
		n.truncate(0)
		n.touch()
	}
	return fd
}

// openSpecial opens a character device.
func openSpecial(n *node, flags uint32) int64 {
	switch n.device {
	case specialNull, specialZero, specialFull, specialRandom, specialUrandom:
		f := newFile(fileSpecial, flags&openKept)
		if f == nil {
			return eNFILE
		}
		f.object = addrOf(n)
		n.refs++
		return install(f, 0, flags&openCloexec != 0)
	case specialConsole:
		return install(&console, 0, flags&openCloexec != 0)
	}
	return eNXIO
}

func (f *file) readSpecial(buf, n uintptr) int64 {
	switch at[node](f.object).device {
	case specialNull:
		return 0
	case specialRandom, specialUrandom:
		fillRandom(bytesAt(buf, n))
	default:
		clear(bytesAt(buf, n))
	}
	return int64(n)
}

func (f *file) writeSpecial(n uintptr) int64 {
	if at[node](f.object).device == specialFull && n != 0 {
		return eNOSPC
	}
	return int64(n)
}
