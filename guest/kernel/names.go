package kernel

// Calls that change the names in the tree.

// Flags of calls that take a directory and a path: AT_*.
const (
	flagNofollow    = 0x100
	flagRemoveDir   = 0x200
	flagEffective   = 0x200 // AT_EACCESS
	flagFollow      = 0x400
	flagNoAutomount = 0x800
	flagEmptyPath   = 0x1000
)

// sysMake is mkdirat and mknodat, with the type in the mode.
func sysMake(dirfd, path uintptr, mode uint32, device uint64) int64 {
	p, e := walk(dirfd, path, walkName)
	switch {
	case e != 0:
		return e
	case p.node != nil:
		return eEXIST
	}
	switch mode & modeType {
	case modeDir, modeRegular, modeSocket:
	case 0:
		mode |= modeRegular
	default:
		return ePERM
	}
	_, e = create(p, mode&(modeType|modePerm)&^umask, device)
	return e
}

// sysMkdir is mkdirat.
func sysMkdir(dirfd, path, mode uintptr) int64 {
	return sysMake(dirfd, path, modeDir|uint32(mode)&0o1777, 0)
}

// sysSymlink is symlinkat.
func sysSymlink(target, dirfd, path uintptr) int64 {
	t := userPath(target)
	switch {
	case t == nil:
		return eNAMETOOLONG
	case len(t) == 0:
		return eNOENT
	}
	p, e := walk(dirfd, path, walkName)
	switch {
	case e != 0:
		return e
	case p.node != nil:
		return eEXIST
	case p.slash:
		return eNOENT
	}
	n := newNode(modeLink | 0o777)
	if n == nil {
		return eNOSPC
	}
	if e = n.write(target, uintptr(len(t)), 0); e >= 0 {
		e = p.dir.insert(p.name, n, false)
	}
	if e != 0 {
		n.drop()
		return e
	}
	p.dir.touch()
	return 0
}

// sysReadlink is readlinkat.
func sysReadlink(dirfd, path, buf, n uintptr) int64 {
	if int(n) <= 0 {
		return eINVAL
	}
	p, e := walk(dirfd, path, walkExisting)
	if e != 0 {
		return e
	}
	if !p.node.isLink() {
		return eINVAL
	}
	return int64(copy(bytesAt(buf, min(n, pathMax)), p.node.target()))
}

// sysLink is linkat.
func sysLink(fromDir, from, toDir, to, flags uintptr) int64 {
	if flags&^flagFollow != 0 {
		return eINVAL
	}
	how := walkExisting
	if flags&flagFollow != 0 {
		how |= walkFollow
	}
	old, e := walk(fromDir, from, how)
	if e != 0 {
		return e
	}
	p, e := walk(toDir, to, walkName)
	switch {
	case e != 0:
		return e
	case p.node != nil:
		return eEXIST
	case p.slash:
		return eNOENT
	case old.node.isDir():
		return ePERM
	}
	if e = p.dir.insert(p.name, old.node, false); e != 0 {
		return e
	}
	old.node.changed = now()
	p.dir.touch()
	return 0
}

// sysUnlink is unlinkat.
func sysUnlink(dirfd, path, flags uintptr) int64 {
	if flags&^flagRemoveDir != 0 {
		return eINVAL
	}
	p, e := walk(dirfd, path, walkName|walkExisting)
	if e != 0 {
		return e
	}
	n := p.node
	if flags&flagRemoveDir == 0 {
		switch {
		case n.isDir():
			return eISDIR
		case p.slash:
			return eNOTDIR
		}
		p.dir.lookup(p.name).remove()
		p.dir.touch()
		n.unlink()
		return 0
	}
	switch {
	case !n.isDir():
		return eNOTDIR
	case string(p.name) == ".":
		return eINVAL
	case string(p.name) == "..":
		return eNOTEMPTY
	case p.dir == nil: // the root
		return eBUSY
	}
	if e := n.load(); e != 0 {
		return e
	}
	if n.count != 0 {
		return eNOTEMPTY
	}
	n.removeDir()
	p.dir.touch()
	return 0
}

// removeDir takes an empty directory out of the tree.
func (dir *node) removeDir() {
	at[entry](dir.entry).remove()
	dir.entry, dir.links = 0, 0
	dir.drop()
}

// sysRename is renameat2; flags other than RENAME_NOREPLACE are not known.
func sysRename(fromDir, from, toDir, to, flags uintptr) int64 {
	const noReplace = 1
	if flags&^noReplace != 0 {
		return eINVAL
	}
	old, e := walk(fromDir, from, walkName)
	if e != 0 {
		return e
	}
	p, e := walk(toDir, to, walkName)
	n := old.node
	switch {
	case e != 0:
		return e
	case old.dir == nil:
		return eBUSY
	case p.dir == nil && flags&noReplace == 0:
		return eBUSY
	case p.dir == nil:
		return eEXIST
	case n == nil:
		return eNOENT
	case p.node != nil && flags&noReplace != 0:
		return eEXIST
	case !n.isDir() && (old.slash || p.slash):
		return eNOTDIR
	case p.dir.within(n):
		return eINVAL
	case p.node != nil && old.dir.within(p.node):
		return eNOTEMPTY
	case p.node == n:
		return 0
	}
	if p.node != nil {
		e = replaceNode(p, n)
	} else {
		e = p.dir.insert(p.name, n, false)
	}
	if e != 0 {
		return e
	}
	old.dir.lookup(old.name).remove()
	if !n.isDir() {
		n.links--
	}
	n.changed = now()
	old.dir.touch()
	p.dir.touch()
	return 0
}

// within says whether a directory is another node or below it.
func (dir *node) within(n *node) bool {
	for dir != nil && dir != n && dir != &root {
		dir = dir.parent()
	}
	return dir == n
}

// replaceNode makes the name of one node that of another.
func replaceNode(p place, n *node) int64 {
	old := p.node
	switch {
	case n.isDir() && !old.isDir():
		return eNOTDIR
	case !n.isDir() && old.isDir():
		return eISDIR
	}
	if old.isDir() {
		if e := old.load(); e != 0 {
			return e
		}
		if old.count != 0 {
			return eNOTEMPTY
		}
	}
	p.dir.lookup(p.name).replace(n).drop()
	return 0
}
