package kernel

import "tender/abi"

// The image's archive of files, as it becomes directories and nodes. Where it
// is damaged, directories cannot be read: EIO.

// archive is the address and the size of the archive; the toolchain sets it.
var archive = [2]uint64{abi.ArchiveNone, 0}

// openArchive is the archive's header, nil if there is none that can be used.
func openArchive() *abi.ArchiveHeader {
	address, bytes := archive[0], archive[1]
	if address == abi.ArchiveNone || bytes < uint64(sizeOf[abi.ArchiveHeader]()) {
		return nil
	}
	h := at[abi.ArchiveHeader](uintptr(address))
	room := (bytes - uint64(sizeOf[abi.ArchiveHeader]())) / uint64(sizeOf[abi.ArchiveNode]())
	if h.Magic != abi.ArchiveMagic || h.Version != abi.ArchiveVersion || h.Bytes != bytes || h.Nodes == 0 || uint64(h.Nodes) > room {
		return nil
	}
	return h
}

// archiveNode is a node by its number, which is below the header's Nodes.
func archiveNode(number uint64) *abi.ArchiveNode {
	return at[abi.ArchiveNode](uintptr(archive[0]) + sizeOf[abi.ArchiveHeader]() + uintptr(number)*sizeOf[abi.ArchiveNode]())
}

// inArchive says whether a range lies within the archive.
func inArchive(offset, size uint64) bool {
	return offset <= archive[1] && size <= archive[1]-offset
}

// load makes the entries of a directory that comes from the archive. If there
// is no room for all of them it is tried again another time.
func (dir *node) load() int64 {
	if dir.unpack == 0 {
		return 0
	}
	h := openArchive()
	number := uint64(dir.unpack - 1)
	if h == nil || number >= uint64(h.Nodes) {
		return eIO
	}
	d := archiveNode(number)
	if d.Size > uint64(h.Nodes) || d.Data > uint64(h.Nodes)-d.Size || d.Size > 0 && d.Data <= number {
		return eIO
	}
	unpack := dir.unpack
	dir.unpack = 0 // lookup is not to come back here
	for i := d.Data; i < d.Data+d.Size; i++ {
		if e := dir.loadNode(archiveNode(i), i); e != 0 {
			dir.unpack = unpack
			return e
		}
	}
	return 0
}

// loadNode makes one entry, unless the directory has it already.
func (dir *node) loadNode(a *abi.ArchiveNode, number uint64) int64 {
	if a.NameLen == 0 || a.NameLen > nameMax || !inArchive(a.Name, uint64(a.NameLen)) {
		return eIO
	}
	name := bytesAt(uintptr(archive[0]+a.Name), uintptr(a.NameLen))
	if !validName(name) {
		return eIO
	}
	if dir.lookup(name) != nil {
		return 0
	}
	typ := a.Mode & modeType
	switch {
	case typ == modeDir:
	case typ != modeRegular && typ != modeLink, !inArchive(a.Data, a.Size),
		typ == modeLink && (a.Size == 0 || a.Size > abi.ArchiveMaxTarget):
		return eIO
	}
	n := newNode(a.Mode & (modeType | modePerm))
	if n == nil {
		return eNOSPC
	}
	n.unpackFrom(a, number)
	if e := dir.insert(name, n, true); e != 0 {
		n.links = 0
		n.drop()
		return e
	}
	return 0
}

// unpackFrom sets what a fresh node has of its archive node.
func (n *node) unpackFrom(a *abi.ArchiveNode, number uint64) {
	n.modified = timespec{a.MTime, 0}
	n.accessed, n.changed = n.modified, n.modified
	if n.isDir() {
		n.unpack = uint32(number) + 1
		return
	}
	n.packed, n.packedSize, n.size = uintptr(archive[0]+a.Data), int64(a.Size), int64(a.Size)
}

// validName says whether a directory may have the name.
func validName(name []byte) bool {
	if string(name) == "." || string(name) == ".." {
		return false
	}
	for _, c := range name {
		if c == 0 || c == '/' {
			return false
		}
	}
	return true
}
