package abi

// An archive is the read-only tree of files that an image carries: an
// ArchiveHeader, Nodes times ArchiveNode, and the names and contents that
// those refer to. All offsets count bytes from the start of the archive, all
// numbers are little endian. The guest kernel reads it where it lies: the
// contents of files are not copied.
//
// The toolchain puts it into a read-only segment and its address and size in
// bytes into the variable archive of the guest kernel, a [2]uint64, whose
// first word is ArchiveNone in an image without one.
const (
	ArchiveMagic   = 0x6576_6968_6372_6174 // "tarchive"
	ArchiveVersion = 1
	ArchiveNone    = 1<<64 - 1

	// ArchiveMaxName is the longest name in bytes. Names are not empty, not .
	// or .., and hold neither a slash nor a NUL.
	ArchiveMaxName = 255
	// ArchiveMaxTarget is the longest target of a symbolic link in bytes.
	ArchiveMaxTarget = 4095
)

// ArchiveHeader is at the start of an archive.
type ArchiveHeader struct {
	Magic   uint64
	Version uint32
	Nodes   uint32 // at least 1
	Bytes   uint64 // of the whole archive
	_       uint64
}

// ArchiveNode is a file, directory or symbolic link. The first is the root
// directory; its name means nothing.
type ArchiveNode struct {
	// Mode is that of Linux's struct stat: type and permissions. The types are
	// S_IFREG, S_IFDIR and S_IFLNK.
	Mode    uint32
	NameLen uint32
	Name    uint64 // offset
	// MTime is seconds since 1970 UTC.
	MTime int64
	// Data and Size are the offset and length of a file's contents or of a
	// link's target. The children of a directory are the Size nodes from
	// number Data on, in ascending order of their names' bytes; they come
	// after the directory itself.
	Data uint64
	Size uint64
}
