package kernel

// Calls that read and set what is known about a file.

// find is the node that a path or, if flags allow it and the path is empty, a
// descriptor names. Without a node and without an error the descriptor is of
// a file that is not in the tree.
func find(dirfd, path, flags uintptr) (*node, int64) {
	if path == 0 || flags&flagEmptyPath != 0 && bytesAt(path, 1)[0] == 0 {
		if uint32(dirfd) == uint32(atCWD&0xffffffff) {
			if !treeReady() {
				return nil, eNOMEM
			}
			return at[node](workDir), 0
		}
		f := fileAt(uintptr(uint32(dirfd)))
		if f == nil {
			return nil, eBADF
		}
		return f.node(), 0
	}
	how := walkExisting
	if flags&flagNofollow == 0 {
		how |= walkFollow
	}
	p, e := walk(dirfd, path, how)
	return p.node, e
}

// node is that of a file in the tree, or nil.
func (f *file) node() *node {
	switch f.kind {
	case fileRegular, fileDirectory, fileSpecial, filePath:
		return at[node](f.object)
	}
	return nil
}

// stat is struct stat, 144 bytes.
type stat struct {
	dev, ino, nlink             uint64
	mode, uid, gid              uint32
	_                           uint32
	rdev                        uint64
	size                        int64
	blksize, blocks             int64
	accessed, modified, changed timespec
	_                           [3]int64
}

// sysStat is newfstatat.
func sysStat(dirfd, path, buf, flags uintptr) int64 {
	n, e := find(dirfd, path, flags)
	switch {
	case e != 0:
		return e
	case n != nil:
		return n.stat(buf)
	}
	return fileAt(uintptr(uint32(dirfd))).stat(uintptr(uint32(dirfd)), buf)
}

func sysFstat(fd, buf uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if n := f.node(); n != nil {
		return n.stat(buf)
	}
	return f.stat(fd, buf)
}

// stat describes a file that is not in the tree.
func (f *file) stat(fd, buf uintptr) int64 {
	s := stat{ino: uint64(fd) + 1, nlink: 1, mode: modeChar | 0o600, blksize: pageSize}
	switch f.kind {
	case fileConsole:
		s.rdev = specialConsole
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

// sysAccess is faccessat2, for the super-user.
func sysAccess(dirfd, path, mode, flags uintptr) int64 {
	const execute, all = 1, 7
	if mode&^all != 0 {
		return eINVAL
	}
	n, e := find(dirfd, path, flags)
	if e != 0 || n == nil {
		return e
	}
	if mode&execute != 0 && !n.isDir() && n.mode&modeExecute == 0 {
		return eACCES
	}
	return 0
}

// sysChmod is fchmodat2; with a null path fchmod.
func sysChmod(dirfd, path, mode, flags uintptr) int64 {
	n, e := find(dirfd, path, flags)
	switch {
	case e != 0:
		return e
	case n == nil:
		return eINVAL
	case n.isLink():
		return eOPNOTSUPP
	}
	n.mode = n.mode&modeType | uint32(mode)&modePerm
	n.changed = now()
	return 0
}

// sysChown is fchownat; with a null path fchown. Owners are remembered and
// mean nothing.
func sysChown(dirfd, path, uid, gid, flags uintptr) int64 {
	const same = 1<<32 - 1
	n, e := find(dirfd, path, flags)
	switch {
	case e != 0:
		return e
	case n == nil:
		return 0
	}
	if uint32(uid) != same {
		n.uid = uint32(uid)
	}
	if uint32(gid) != same {
		n.gid = uint32(gid)
	}
	n.changed = now()
	return 0
}

// sysUtimes is utimensat.
func sysUtimes(dirfd, path, times, flags uintptr) int64 {
	n, e := find(dirfd, path, flags)
	switch {
	case e != 0:
		return e
	case n == nil:
		return 0
	}
	accessed, modified := timespec{0, timeNow}, timespec{0, timeNow}
	if times != 0 {
		accessed, modified = *at[timespec](times), *at[timespec](times + sizeOf[timespec]())
	}
	return n.setTimes(accessed, modified)
}

// sysTimevals is futimesat, whose times are in microseconds.
func sysTimevals(dirfd, path, times uintptr) int64 {
	n, e := find(dirfd, path, 0)
	switch {
	case e != 0:
		return e
	case n == nil:
		return 0
	}
	accessed, modified := timespec{0, timeNow}, timespec{0, timeNow}
	if times != 0 {
		accessed, modified = *at[timespec](times), *at[timespec](times + sizeOf[timespec]())
		if uint64(accessed.nsec) >= second/1000 || uint64(modified.nsec) >= second/1000 {
			return eINVAL
		}
		accessed.nsec *= 1000
		modified.nsec *= 1000
	}
	return n.setTimes(accessed, modified)
}

// Values of timespec.nsec with a meaning of their own.
const (
	timeNow  = 1<<30 - 1 // UTIME_NOW
	timeOmit = 1<<30 - 2 // UTIME_OMIT
)

func (n *node) setTimes(accessed, modified timespec) int64 {
	if !settable(accessed) || !settable(modified) {
		return eINVAL
	}
	n.changed = now()
	set(&n.accessed, accessed, n.changed)
	set(&n.modified, modified, n.changed)
	return 0
}

func settable(t timespec) bool {
	return uint64(t.nsec) < second || t.nsec == timeNow || t.nsec == timeOmit
}

func set(t *timespec, v, now timespec) {
	switch v.nsec {
	case timeOmit:
	case timeNow:
		*t = now
	default:
		*t = v
	}
}
