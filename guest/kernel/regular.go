package kernel

// Calls on the contents of open files.

func (f *file) readRegular(buf, n uintptr) int64 {
	r := f.readAt(buf, n, f.offset)
	if r > 0 {
		f.offset += r
	}
	return r
}

func (f *file) writeRegular(buf, n uintptr) int64 {
	off := f.offset
	if f.flags&openAppend != 0 {
		off = at[node](f.object).size
	}
	r := f.writeAt(buf, n, off)
	if r > 0 {
		f.offset = off + r
	}
	return r
}

func (f *file) readAt(buf, n uintptr, off int64) int64 {
	if f.flags&openAccess == openWriteOnly {
		return eBADF
	}
	return at[node](f.object).read(buf, n, off)
}

func (f *file) writeAt(buf, n uintptr, off int64) int64 {
	if f.flags&openAccess == 0 {
		return eBADF
	}
	return at[node](f.object).write(buf, n, off)
}

// transfer is one pread or pwrite.
func (f *file) transfer(write bool, buf, n uintptr, off int64) int64 {
	if off < 0 {
		return eINVAL
	}
	switch f.kind {
	case fileBlock:
		return f.transferBlocks(write, buf, n, uintptr(off))
	case fileRegular:
		if !write {
			return f.readAt(buf, n, off)
		}
		if f.flags&openAppend != 0 {
			off = at[node](f.object).size // as Linux does
		}
		return f.writeAt(buf, n, off)
	case fileSpecial:
		if write {
			return f.writeSpecial(n)
		}
		return f.readSpecial(buf, n)
	case fileDirectory:
		if !write {
			return eISDIR
		}
		return eBADF
	case filePath:
		return eBADF
	}
	return eSPIPE
}

// sysTransfer is pread64 and pwrite64.
func sysTransfer(write bool, fd, buf, n, offset uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	return f.transfer(write, buf, min(n, maxTransfer), int64(offset))
}

// sysTransferVector is preadv and pwritev.
func sysTransferVector(write bool, fd, vectors, n, offset uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if n > maxVectors || int64(offset) < 0 {
		return eINVAL
	}
	done := int64(0)
	for i := range n {
		v := *at[iovec](vectors + i*sizeOf[iovec]())
		v.len = min(v.len, maxTransfer)
		r := f.transfer(write, v.base, v.len, int64(offset)+done)
		if r < 0 && done == 0 {
			return r
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

// sysTransferVector2 is preadv2 and pwritev2, without flags.
func sysTransferVector2(write bool, fd, vectors, n, offset, flags uintptr) int64 {
	switch {
	case flags != 0:
		return eOPNOTSUPP
	case offset == ^uintptr(0):
		return sysVector(write, fd, vectors, n)
	}
	return sysTransferVector(write, fd, vectors, n, offset)
}

func sysLseek(fd uintptr, offset int64, whence uintptr) int64 {
	const start, current, end, data, hole = 0, 1, 2, 3, 4
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	size := int64(0)
	switch f.kind {
	case fileRegular:
		size = at[node](f.object).size
	case fileDirectory:
	case fileSpecial:
		return 0
	case filePath:
		return eBADF
	default:
		return eSPIPE
	}
	switch whence {
	case start:
	case current:
		offset = addOffset(f.offset, offset)
	case end:
		offset = addOffset(size, offset)
	case data, hole: // all is data
		if offset < 0 || offset >= size {
			return eNXIO
		}
		if whence == hole {
			offset = size
		}
	default:
		return eINVAL
	}
	if offset < 0 {
		return eINVAL
	}
	f.offset = offset
	return offset
}

// addOffset is the sum of an offset in a file and another; negative when it
// would overflow.
func addOffset(a, b int64) int64 {
	if b > maxTime-a {
		return -1
	}
	return a + b
}

// writable is the node of a regular file that is open for writing.
func writable(fd uintptr) (*node, int64) {
	f := fileAt(fd)
	switch {
	case f == nil:
		return nil, eBADF
	case f.kind == filePath:
		return nil, eBADF
	case f.kind != fileRegular || f.flags&openAccess == 0:
		return nil, eINVAL
	}
	return at[node](f.object), 0
}

func setSize(n *node, size int64) int64 {
	switch {
	case size < 0:
		return eINVAL
	case size > maxFileSize:
		return eFBIG
	}
	n.truncate(size)
	n.touch()
	return 0
}

func sysFtruncate(fd uintptr, size int64) int64 {
	n, e := writable(fd)
	if e != 0 {
		return e
	}
	return setSize(n, size)
}

func sysTruncate(path uintptr, size int64) int64 {
	p, e := walk(atCWD, path, walkFollow|walkExisting)
	switch {
	case e != 0:
		return e
	case p.node.isDir():
		return eISDIR
	case !p.node.isRegular():
		return eINVAL
	}
	return setSize(p.node, size)
}

// sysFallocate makes room or holes.
func sysFallocate(fd, mode uintptr, offset, size int64) int64 {
	const keepSize, punchHole = 1, 2
	n, e := writable(fd)
	switch {
	case e == eINVAL:
		return eBADF // not open for writing
	case e != 0:
		return e
	case offset < 0 || size <= 0:
		return eINVAL
	case size > maxFileSize || offset > maxFileSize-size:
		return eFBIG
	}
	end := offset + size
	switch mode {
	case punchHole | keepSize:
		return n.punch(offset, end)
	case 0, keepSize:
	default:
		return eOPNOTSUPP
	}
	for i := uintptr(offset) / pageSize; i < (uintptr(end)+pageSize-1)/pageSize; i++ {
		if n.makePage(i) == 0 {
			return eNOSPC
		}
	}
	if mode == 0 && end > n.size {
		n.size = end
	}
	n.touch()
	return 0
}

// sysSync is fsync and fdatasync. Block devices have nothing to flush: what
// their writes outlive is the tender's affair.
func sysSync(fd uintptr) int64 {
	f := fileAt(fd)
	switch {
	case f == nil || f.kind == filePath:
		return eBADF
	case f.kind == fileRegular, f.kind == fileDirectory, f.kind == fileBlock:
		return 0
	}
	return eINVAL
}
