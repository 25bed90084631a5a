package kernel

// sysMapFile is mmap of a file: the program gets a copy of what is in the file
// now. A mapping that should follow or make later changes is refused.
func sysMapFile(addr, n, prot, flags, fd, offset uintptr) int64 {
	const shared, sharingMask, protRead, protWrite = 1, 3, 1, 2
	f := fileAt(fd)
	switch {
	case f == nil:
		return eBADF
	case f.kind != fileRegular:
		return eNODEV
	case n == 0 || offset%pageSize != 0 || int64(offset) < 0:
		return eINVAL
	case f.flags&openAccess == openWriteOnly:
		return eACCES
	case flags&sharingMask&shared != 0 && prot&protWrite != 0 && f.flags&openAccess == 0:
		return eACCES
	case flags&sharingMask&shared != 0 && f.flags&openAccess != 0:
		return eNODEV
	}
	r := sysMmap(addr, n, prot|protRead, flags|mapAnonymous)
	if r > 0 {
		at[node](f.object).read(uintptr(r), n, int64(offset))
	}
	return r
}
