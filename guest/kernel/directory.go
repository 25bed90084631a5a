package kernel

import "tender/abi"

// Directories: a list of entries each, and one hash table for all of them.

const (
	nameMax = abi.ArchiveMaxName
	// shortName is the length of names that fit an entry.
	shortName = 32
	// Positions in a directory: 0 is before ".", 1 before "..", and after
	// those an entry's cookie is the position behind it.
	cookieFirst = 2
	// entriesPerBucket is what the hash table grows at.
	entriesPerBucket = 2
	firstBuckets     = pageSize / 8
)

// entry is a name in a directory.
type entry struct {
	node, dir      uintptr // *node
	chain          uintptr // *entry: next with the same hash
	next, previous uintptr // *entry, in the directory
	cookie         int64
	name           uintptr // its bytes: short, a longName, or in the archive
	hash           uint32
	length         uint8
	long           bool // name is a longName
	short          [shortName]byte
}

type longName [nameMax + 1]byte

var (
	entryCache cache[entry]
	nameCache  cache[longName]

	// names is the hash table.
	names struct {
		buckets uintptr // of *entry
		mask    uintptr
		count   uintptr
		seed    uint64
	}
)

func namesInit() bool {
	names.buckets = pages.alloc(0, firstBuckets*8, pageMapped)
	names.mask, names.count, names.seed = firstBuckets-1, 0, random64()
	return names.buckets != 0
}

func bucket(hash uint32) *uintptr {
	return at[uintptr](names.buckets + uintptr(hash)&names.mask*8)
}

// nameHash is not to be foreseen by who chooses the names.
func nameHash(dir *node, name []byte) uint32 {
	h := names.seed ^ dir.ino
	for _, c := range name {
		h = (h ^ uint64(c)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return uint32(h)
}

// growNames doubles the table, unless there is no memory: it then gets slow.
func growNames() {
	size := (names.mask + 1) * 8
	bigger := pages.alloc(0, 2*size, pageMapped)
	if bigger == 0 {
		return
	}
	old, oldMask := names.buckets, names.mask
	names.buckets, names.mask = bigger, 2*oldMask+1
	for i := range oldMask + 1 {
		for a := *at[uintptr](old + i*8); a != 0; {
			e := at[entry](a)
			next := e.chain
			b := bucket(e.hash)
			e.chain = *b
			*b = a
			a = next
		}
	}
	pages.release(old, size)
}

// lookup finds a name other than . and .. in a directory that is loaded.
func (dir *node) lookup(name []byte) *entry {
	hash := nameHash(dir, name)
	for a := *bucket(hash); a != 0; {
		e := at[entry](a)
		if e.hash == hash && e.dir == addrOf(dir) && string(bytesAt(e.name, uintptr(e.length))) == string(name) {
			return e
		}
		a = e.chain
	}
	return nil
}

// insert gives a node a name in the directory, which must not have it yet. The
// name is copied unless keep says that its memory stays as it is.
func (dir *node) insert(name []byte, n *node, keep bool) int64 {
	if dir.links == 0 {
		return eNOENT // removed
	}
	if n.links >= maxLinks || dir.links >= maxLinks {
		return eMLINK
	}
	if !charge(sizeOf[entry]()) {
		return eNOSPC
	}
	e := entryCache.get()
	if e == nil {
		refund(sizeOf[entry]())
		return eNOSPC
	}
	switch {
	case keep:
		e.name = addrOf(&name[0])
	case len(name) <= shortName:
		e.name = addrOf(&e.short)
	default:
		long := nameCache.get()
		if long == nil {
			entryCache.put(e)
			refund(sizeOf[entry]())
			return eNOSPC
		}
		e.name, e.long = addrOf(long), true
	}
	if !keep {
		copy(bytesAt(e.name, uintptr(len(name))), name)
	}
	e.length = uint8(len(name))
	e.node, e.dir, e.hash = addrOf(n), addrOf(dir), nameHash(dir, name)
	b := bucket(e.hash)
	e.chain = *b
	*b = addrOf(e)
	dir.cookie++
	e.cookie = dir.cookie
	e.previous = dir.last
	if dir.last != 0 {
		at[entry](dir.last).next = addrOf(e)
	} else {
		dir.first = addrOf(e)
	}
	dir.last = addrOf(e)
	dir.count++
	if n.isDir() {
		n.entry = addrOf(e)
		dir.links++
	} else {
		n.links++
	}
	if names.count++; names.count > (names.mask+1)*entriesPerBucket {
		growNames()
	}
	return 0
}

// replace makes the entry name another node of the same sort, directory or
// not; it returns the one it named before, which has lost a name.
func (e *entry) replace(n *node) *node {
	old := at[node](e.node)
	e.node = addrOf(n)
	if n.isDir() {
		old.links, old.entry = 0, 0
		n.entry = addrOf(e)
	} else {
		n.links++
		old.links--
	}
	old.changed = now()
	return old
}

// remove takes the entry out of its directory. The caller sees to the links
// of what it named.
func (e *entry) remove() {
	dir := at[node](e.dir)
	for link := bucket(e.hash); *link != 0; link = &at[entry](*link).chain {
		if *link == addrOf(e) {
			*link = e.chain
			break
		}
	}
	if e.previous != 0 {
		at[entry](e.previous).next = e.next
	} else {
		dir.first = e.next
	}
	if e.next != 0 {
		at[entry](e.next).previous = e.previous
	} else {
		dir.last = e.previous
	}
	dir.count--
	dir.removals++
	names.count--
	if at[node](e.node).isDir() {
		dir.links--
	}
	if e.long {
		nameCache.put(at[longName](e.name))
	}
	entryCache.put(e)
	refund(sizeOf[entry]())
}

// parent is the directory that a directory is in; the root's is itself, one
// that was removed has none.
func (dir *node) parent() *node {
	switch {
	case dir == &root:
		return dir
	case dir.entry == 0:
		return nil
	}
	return at[node](at[entry](dir.entry).dir)
}

// dirent is the start of struct linux_dirent64; the name follows.
type dirent struct {
	ino  uint64
	off  int64
	len  uint16
	kind uint8
}

const direntName = 19

// putEntry stores an entry and returns its size, 0 if it does not fit.
func putEntry(buf, room uintptr, n *node, name []byte, position int64) uintptr {
	size := (direntName + uintptr(len(name)) + 1 + 7) &^ 7
	if size > room {
		return 0
	}
	d := at[dirent](buf)
	d.ino, d.off, d.len, d.kind = n.ino, position, uint16(size), uint8(n.mode&modeType>>12)
	tail := bytesAt(buf+direntName, size-direntName)
	clear(tail[copy(tail, name):])
	return size
}

var dots = [2]byte{'.', '.'}

// sysGetdents is getdents64.
func sysGetdents(fd, buf, room uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if f.kind != fileDirectory {
		return eNOTDIR
	}
	dir := at[node](f.object)
	if dir.links == 0 {
		return eNOENT
	}
	if e := dir.load(); e != 0 {
		return e
	}
	done := uintptr(0)
	for f.offset >= 0 && f.offset < cookieFirst {
		n := dir
		if f.offset == 1 {
			n = dir.parent()
		}
		size := putEntry(buf+done, room-done, n, dots[:f.offset+1], f.offset+1)
		if size == 0 {
			break
		}
		done += size
		f.offset++
	}
	full := f.offset < cookieFirst
	for a := f.position(dir); a != 0 && !full; {
		e := at[entry](a)
		size := putEntry(buf+done, room-done, at[node](e.node), bytesAt(e.name, uintptr(e.length)), e.cookie)
		if full = size == 0; !full {
			done += size
			f.offset, a = e.cookie, e.next
			f.handle, f.count = a, dir.removals
		}
	}
	if full && done == 0 {
		return eINVAL
	}
	return int64(done)
}

// position is the entry after the offset of an open directory. Where the last
// read ended is kept in handle; it holds as long as nothing was removed since.
func (f *file) position(dir *node) uintptr {
	if f.handle != 0 && f.count == dir.removals {
		if e := at[entry](f.handle); e.previous == 0 && f.offset == cookieFirst ||
			e.previous != 0 && at[entry](e.previous).cookie == f.offset {
			return f.handle
		}
	}
	if dir.last == 0 || at[entry](dir.last).cookie <= f.offset {
		return 0
	}
	a := dir.first
	for a != 0 && at[entry](a).cookie <= f.offset {
		a = at[entry](a).next
	}
	return a
}
