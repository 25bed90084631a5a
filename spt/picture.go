package spt

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// A picture is the guest's address space as an executable file: a byte's
// offset in it is its address in the guest. The ELF header and the program
// headers lie where no process has memory, below abi.SPTMemBase, and the
// prologue lies above guest memory.

const pageMask = abi.PageSize - 1

// Sizes of the ELF64 structs, and the program headers that every kernel takes:
// older ones, Debian's 6.1 among them, want them to fit a page.
const (
	headerSize = 64
	progSize   = 56
	maxProgs   = abi.PageSize / progSize
)

// layout is the segments of a picture: boot info and the memory behind it, the
// image's segments with their rights and the memory between and behind them,
// which the kernel fills with zeros, and the prologue. ranges and segs are of
// the same image, which fits the memory.
func layout(im *image.Image, memBytes, prologueBytes uint64, execHeap bool) ([]elf.Prog64, error) {
	data := elf.PF_R | elf.PF_W
	if execHeap {
		data |= elf.PF_X
	}
	progs := []elf.Prog64{
		// Without this header, old kernels make all memory executable.
		{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	}
	// Of a segment [start, end), the file has what lies before fileEnd.
	add := func(start, fileEnd, end uint64, flags elf.ProgFlag) {
		if start != end {
			progs = append(progs, elf.Prog64{
				Type: uint32(elf.PT_LOAD), Flags: uint32(flags), Off: start, Vaddr: start, Paddr: start,
				Filesz: fileEnd - start, Memsz: end - start, Align: abi.PageSize,
			})
		}
	}

	free := uint64(bootEnd) // the end of what is laid out
	ranges := im.Ranges()
	firstEnd := memBytes
	if len(ranges) > 0 {
		firstEnd = ranges[0].Start
	}
	add(abi.SPTMemBase, bootEnd, firstEnd, data)
	free = firstEnd
	i := 0
	for _, s := range im.Segments {
		if s.Filesz == 0 {
			continue
		}
		r := ranges[i]
		i++
		add(free, free, r.Start, data)
		flags, fileEnd := r.Flags&(elf.PF_R|elf.PF_W|elf.PF_X), r.End
		if flags&elf.PF_X != 0 {
			flags |= elf.PF_R // the contract reads from text
		}
		if flags&elf.PF_W != 0 {
			// The kernel makes writable memory behind the file only.
			fileEnd = min(r.End, (s.Vaddr+s.Filesz+pageMask)&^uint64(pageMask))
		}
		add(r.Start, fileEnd, r.End, flags)
		free = r.End
	}
	add(free, free, memBytes, data)
	add(memBytes, memBytes+prologueBytes, memBytes+prologueBytes, elf.PF_R|elf.PF_X)
	if len(progs) > maxProgs {
		return nil, fmt.Errorf("the image has %d segments, more than a process can be made of; link it with fewer", len(im.Segments))
	}
	return progs, nil
}

// elfHeaders are the first bytes of an executable of the segments.
func elfHeaders(entry uint64, progs []elf.Prog64) ([]byte, error) {
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Entry: entry, Phoff: headerSize, Ehsize: headerSize, Phentsize: progSize, Phnum: uint16(len(progs)),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	b, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		return nil, err
	}
	return binary.Append(b, binary.LittleEndian, progs)
}

// newFile makes an empty file in memory that may be executed.
func newFile() (int, error) {
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3, every one may
		fd, err = unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	}
	switch err {
	case nil:
		return fd, nil
	case unix.EACCES:
		return -1, fmt.Errorf("cannot create an executable file in memory: %w; allow it with `sysctl vm.memfd_noexec=0`", err)
	}
	return -1, fmt.Errorf("cannot create a file in memory: %w", err)
}

// fill sets the file's size and runs write on its first memBytes bytes, which
// are zero.
func fill(fd int, memBytes, size uint64, write func(mem []byte) error) (err error) {
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return fmt.Errorf("cannot make a file of %d MiB in memory: %w; is a limit of file sizes set (ulimit -f)?", size>>20, err)
	}
	mem, err := unix.Mmap(fd, 0, int(memBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("cannot map %d MiB: %w; give the guest less", memBytes>>20, err)
	}
	defer func() { err = errors.Join(err, unix.Munmap(mem)) }()
	return write(mem)
}

// checkRoom asks the kernel whether it would give a process the memory, since
// it kills one it cannot give it to.
func checkRoom(memBytes uint64) error {
	mem, err := unix.Mmap(-1, 0, int(memBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("the kernel refuses %d MiB of guest memory: %w; give the guest less, raise the limits of memory (ulimit -v, ulimit -d) or allow it with `sysctl vm.overcommit_memory=1`", memBytes>>20, err)
	}
	return unix.Munmap(mem)
}
