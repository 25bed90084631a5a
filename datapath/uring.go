package datapath

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// uringEntries is the size of the submission queue, and of a batch.
const uringEntries = 512

// Numbers of linux/io_uring.h that golang.org/x/sys/unix does not have.
const (
	setupRDisabled   = 1 << 6
	setupCoopTaskrun = 1 << 8

	registerBuffers      = 0
	registerRestrictions = 11
	registerEnableRings  = 12

	restrictionSQEOp    = 1
	restrictionRegister = 0
	opReadv             = 1
	opWritev            = 2
	opReadFixed         = 4
	opWriteFixed        = 5
	opRead              = 22
	rwfNowait           = 8
	enterGetEvents      = 1
	offSQRing           = 0
	offCQRing           = 0x8000000
	offSQEs             = 0x10000000
	featureSingleMmap   = 1
)

// uring is an io_uring that reads and writes files and can do nothing else. All it is told to do is done when submit returns. One thread
// uses it. Source: io_uring_setup(2), io_uring_register(2), io_uring_enter(2).
type uring struct {
	fd           int
	rings, sqes  []byte
	entries      []sqe
	results      []cqe
	sqTail       *uint32
	sqMask       uint32
	cqHead       *uint32
	cqTail       *uint32
	cqMask       uint32
	tail, queued uint32
}

// newUring makes an io_uring for the bytes of memory, which are then pinned.
// The errors wrap the unix.Errno: ENOSYS or EPERM where io_uring is not to be
// had, ENOMEM where memory may not be pinned.
func newUring(memory []byte) (_ *uring, err error) {
	var p uringParams
	fd := -1
	// Kernels before 5.19 do not know the flag, which saves interruptions.
	for _, flags := range []uint32{setupCoopTaskrun, 0} {
		p = uringParams{Flags: setupRDisabled | flags}
		if fd, err = uringSetup(uringEntries, &p); err != unix.EINVAL {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("io_uring_setup: %w", err)
	}
	u := &uring{fd: fd}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.close())
		}
	}()
	if p.Features&featureSingleMmap == 0 {
		return nil, fmt.Errorf("io_uring of a kernel before 5.4: %w", unix.ENOSYS)
	}
	size := max(p.SQ.Array+p.SQEntries*4, p.CQ.CQEs+p.CQEntries*cqeBytes)
	const rw, shared = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if u.rings, err = unix.Mmap(fd, offSQRing, int(size), rw, shared); err != nil {
		return nil, fmt.Errorf("mapping an io_uring: %w", err)
	}
	if u.sqes, err = unix.Mmap(fd, offSQEs, int(p.SQEntries)*sqeBytes, rw, shared); err != nil {
		return nil, fmt.Errorf("mapping an io_uring: %w", err)
	}
	u.view(&p)
	if err := uringRegister(fd, registerBuffers, iovecOf(memory), 1); err != nil {
		return nil, fmt.Errorf("pinning %d bytes of guest memory for io_uring: %w", len(memory), err)
	}
	allowed := []uringRestriction{
		{Opcode: restrictionSQEOp, Op: opRead},
		{Opcode: restrictionSQEOp, Op: opReadv},
		{Opcode: restrictionSQEOp, Op: opWritev},
		{Opcode: restrictionSQEOp, Op: opReadFixed},
		{Opcode: restrictionSQEOp, Op: opWriteFixed},
		{Opcode: restrictionRegister, Op: registerEnableRings},
	}
	if err := uringRegister(fd, registerRestrictions, pointerOf(&allowed[0]), len(allowed)); err != nil {
		return nil, fmt.Errorf("restricting an io_uring: %w", err)
	}
	if err := uringRegister(fd, registerEnableRings, nil, 0); err != nil {
		return nil, fmt.Errorf("enabling an io_uring: %w", err)
	}
	return u, nil
}

// view sets the fields that point into the mapped rings.
func (u *uring) view(p *uringParams) {
	u.sqTail, u.sqMask = at[uint32](u.rings, uint64(p.SQ.Tail)), p.SQEntries-1
	u.cqHead, u.cqTail, u.cqMask = at[uint32](u.rings, uint64(p.CQ.Head)), at[uint32](u.rings, uint64(p.CQ.Tail)), p.CQEntries-1
	u.entries = sliceAt[sqe](u.sqes, 0, p.SQEntries)
	u.results = sliceAt[cqe](u.rings, uint64(p.CQ.CQEs), p.CQEntries)
	array := sliceAt[uint32](u.rings, uint64(p.SQ.Array), p.SQEntries)
	for i := range array {
		array[i] = uint32(i)
	}
	u.tail = atomic.LoadUint32(u.sqTail)
}

// room is how many operations can still be queued.
func (u *uring) room() int { return uringEntries - int(u.queued) }

// queue adds a read or write of p, which comes back with tag: registered memory for
// the operations that are called fixed. p stays until submit returns.
func (u *uring) queue(op uint8, fd int, p []byte, tag uint64) {
	u.add(sqe{Opcode: op, FD: int32(fd), Address: uint64(address(p)), Len: uint32(len(p)), Flags: rwfNowait, UserData: tag})
}

// queueVectors adds a read or write of several pieces of memory, which need not be
// registered. The pieces and the vectors stay until submit returns.
func (u *uring) queueVectors(op uint8, fd int, v []unix.Iovec, tag uint64) {
	u.add(sqe{Opcode: op, FD: int32(fd), Address: uint64(addressOf(v)), Len: uint32(len(v)), Flags: rwfNowait, UserData: tag})
}

func (u *uring) add(s sqe) {
	u.entries[u.tail&u.sqMask] = s
	u.tail++
	u.queued++
}

// submit does all that is queued, and calls done with each result: bytes, or a
// negative errno. The results come in the order of the queue.
func (u *uring) submit(done func(tag uint64, result int32)) error {
	if u.queued == 0 {
		return nil
	}
	atomic.StoreUint32(u.sqTail, u.tail)
	for left := u.queued; left > 0; {
		n, err := uringEnter(u.fd, left, left, enterGetEvents)
		switch err {
		case nil:
			left -= uint32(n)
		case unix.EINTR:
		case unix.EAGAIN: // the kernel is short of memory
			runtime.Gosched()
		default:
			return fmt.Errorf("io_uring_enter: %w", err)
		}
	}
	head := atomic.LoadUint32(u.cqHead)
	for u.queued > 0 {
		for head == atomic.LoadUint32(u.cqTail) {
			if _, err := uringEnter(u.fd, 0, 1, enterGetEvents); err != nil && err != unix.EINTR {
				return fmt.Errorf("io_uring_enter: %w", err)
			}
		}
		c := u.results[head&u.cqMask]
		head++
		u.queued--
		atomic.StoreUint32(u.cqHead, head)
		done(c.UserData, c.Result)
	}
	return nil
}

func (u *uring) close() error {
	var errs []error
	for _, m := range [][]byte{u.sqes, u.rings} {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	return errors.Join(append(errs, unix.Close(u.fd))...)
}
