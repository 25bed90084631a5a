package kernel

// What files may take of the memory. The kernel's own objects are small and
// counted roughly: a file or directory costs nodeCost beside its contents and
// names.

const (
	// storageShare is the part of memory, as it was when the first file was
	// touched, that files may take: 1/storageShare. The rest is the program's;
	// its garbage collector's limit leaves this much free.
	storageShare = 4
	// storageReserve is the part that a file does not take even then if
	// nothing else is left: 1/storageReserve.
	storageReserve = 32

	nodeCost = 256
)

// storage counts bytes.
var storage struct {
	limit   uintptr
	used    uintptr
	reserve int // pages
	nodes   uint64
}

func storageInit() {
	storage.limit = uintptr(pages.free) * pageSize / storageShare
	storage.reserve = pages.free / storageReserve
	storage.used, storage.nodes = 0, 0
}

// charge takes bytes of what files may have; false if they are not there.
func charge(n uintptr) bool {
	if n > storage.limit-min(storage.used, storage.limit) || pages.free < storage.reserve {
		return false
	}
	storage.used += n
	return true
}

func refund(n uintptr) { storage.used -= min(n, storage.used) }

// newPage is a zero page for a file, 0 if there is none.
func newPage() uintptr {
	if !charge(pageSize) {
		return 0
	}
	page := pages.alloc(0, pageSize, pageMapped)
	if page == 0 {
		refund(pageSize)
	}
	return page
}

func freePage(page uintptr) {
	pages.release(page, pageSize)
	refund(pageSize)
}

// statfs is struct statfs, 120 bytes.
type statfs struct {
	kind, blockBytes        int64
	blocks, free, available uint64
	nodes, freeNodes        uint64
	id                      [2]int32
	nameLen, fragBytes      int64
	flags                   int64
	_                       [4]int64
}

func fillStatfs(buf uintptr) int64 {
	const tmpfs = 0x01021994
	free := uint64(storage.limit-min(storage.used, storage.limit)) / pageSize
	if spare := uint64(max(0, pages.free-storage.reserve)); free > spare {
		free = spare
	}
	perPage := uint64(pageSize / nodeCost)
	*at[statfs](buf) = statfs{
		kind: tmpfs, blockBytes: pageSize, fragBytes: pageSize, nameLen: nameMax,
		blocks: uint64(storage.limit) / pageSize, free: free, available: free,
		nodes: storage.nodes + free*perPage, freeNodes: free * perPage,
	}
	return 0
}

func sysStatfs(path, buf uintptr) int64 {
	if p, e := walk(atCWD, path, walkFollow|walkExisting); p.node == nil {
		return e
	}
	return fillStatfs(buf)
}

func sysFstatfs(fd, buf uintptr) int64 {
	if fileAt(fd) == nil {
		return eBADF
	}
	return fillStatfs(buf)
}
