package spt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/machine"
)

// Process is one guest, from New to Close. Its methods may be called by
// different goroutines; Run once.
type Process struct {
	name     string
	prologue *prologue
	console  *console
	file     int // the picture
	epoll    int
	timer    int
	stop     int // eventfd that asks the guest to stop; -1 if it cannot be asked
	stopMu   sync.Mutex
	devices  []int // descriptors by ascending handle; -1 for those that stay with the tender
	path     *path // nil if the guest has no UMEM
	life     machine.Life
}

var _ machine.Machine = (*Process)(nil)

// New makes a guest that is ready to run. The caller calls Close.
//
// Besides errors of the image's, it fails with *machine.MissingDevicesError and
// *machine.UndeclaredDeviceError, with seccomp.ErrUnavailable in a program
// built without cgo, and with the unix.Errno of the kernel wrapped.
func New(c Config) (_ *Process, err error) {
	if c.Image == nil {
		return nil, errors.New("no image")
	}
	if err := CheckImage(c.Image); err != nil {
		return nil, err
	}
	p := &Process{name: c.Image.Name, file: -1, epoll: -1, timer: -1, stop: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.release())
		}
	}()
	devices, entries, err := c.Attach()
	if err != nil {
		return nil, err
	}
	boot := bootInfo{entries: entries}
	if err := p.prepare(&c, devices, &boot); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if err := p.draw(&c, boot); err != nil {
		return nil, err
	}
	return p, nil
}

// prepare makes all but the picture, and fills boot.
func (p *Process) prepare(c *Config, devices []machine.Attachment, boot *bootInfo) (err error) {
	if boot.memBytes, err = c.memBytes(); err != nil {
		return err
	}
	if boot.cmdline, err = c.Cmdline(); err != nil {
		return err
	}
	for i, d := range devices {
		boot.entries[d.Handle].Backend = uint64(firstFD + i)
	}
	if err := p.open(c, devices); err != nil {
		return err
	}
	if err := p.openPath(c, devices, boot.memBytes); err != nil {
		return err
	}
	filter, err := policy(devices, takesEvents(c.Image), p.path != nil).Compile()
	if err != nil {
		return fmt.Errorf("cannot make the system-call filter: %w", err)
	}
	if err := checkRoom(boot.memBytes); err != nil {
		return err
	}
	handlers, err := signalsOf(c.Image, boot.memBytes)
	if err != nil {
		return err
	}
	p.prologue, err = newPrologue(boot.memBytes, prologueHead{Stack: boot.memBytes - 8, Entry: c.Image.Entry},
		filepath.Base(p.name), firstFD+len(devices), p.path, handlers, filter)
	return err
}

// draw makes the picture.
func (p *Process) draw(c *Config, boot bootInfo) (err error) {
	if p.file, err = newFile(); err != nil {
		return err
	}
	prologueBytes := uint64(len(p.prologue.bytes)+pageMask) &^ pageMask
	err = fill(p.file, boot.memBytes, boot.memBytes+prologueBytes, func(mem []byte) error {
		var err error
		if boot.kernelEnd, err = c.Image.Load(mem); err != nil {
			return err
		}
		progs, err := layout(c.Image, boot.memBytes, prologueBytes, c.ExecHeap)
		if err != nil {
			return err
		}
		if p.path != nil {
			binary.LittleEndian.PutUint64(mem[c.Image.Tender.UMEM:], p.path.at)
		}
		headers, err := elfHeaders(p.prologue.base, progs)
		if err != nil {
			return err
		}
		copy(mem[:abi.SPTMemBase], headers)
		boot.write(mem)
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := unix.Pwrite(p.file, p.prologue.bytes, int64(p.prologue.base)); err != nil {
		return fmt.Errorf("cannot write to a file in memory: %w", err)
	}
	return nil
}

// timerData is the epoll data of the timer; those of devices are their
// handles. Source: solo5-abi 3.5.
const timerData = 0xfffffffe

// open makes what the guest inherits, and checks what it inherits of the
// caller's.
func (p *Process) open(c *Config, devices []machine.Attachment) (err error) {
	if p.console, err = newConsole(c.Console); err != nil {
		return err
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("cannot create a timer: %w", err)
	}
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("cannot create an epoll set: %w", err)
	}
	if err := p.watch(p.timer, timerData, 0); err != nil {
		return fmt.Errorf("cannot watch the timer: %w", err)
	}
	if takesEvents(c.Image) {
		if p.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return fmt.Errorf("cannot create an eventfd: %w", err)
		}
		// The guest does not read it, so each write is to be an event of its own.
		if err := p.watch(p.stop, abi.SPTStopData, unix.EPOLLET); err != nil {
			return fmt.Errorf("cannot watch an eventfd: %w", err)
		}
	}
	for _, d := range devices {
		fd, err := p.openDevice(d)
		if err != nil {
			return fmt.Errorf("device '%s': %w", d.Name, err)
		}
		p.devices = append(p.devices, fd)
	}
	return nil
}

func (p *Process) openDevice(d machine.Attachment) (int, error) {
	if d.Block != nil {
		fd := d.Block.FD()
		if fd < 0 {
			return -1, errors.New("it has no descriptor, which a process needs: attach a file or run the guest under hvt")
		}
		return fd, nil
	}
	fd := d.Net.FD()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	switch {
	case err != nil:
		return -1, fmt.Errorf("its descriptor %d is not open: %w", fd, err)
	case flags&unix.O_NONBLOCK == 0:
		return -1, fmt.Errorf("its descriptor %d blocks: set O_NONBLOCK", fd)
	}
	return fd, nil
}

// watch adds a descriptor to the epoll set, level-triggered unless flags say
// otherwise.
func (p *Process) watch(fd int, data, flags uint32) error {
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | flags, Fd: int32(data)})
}

// Stop implements machine.Machine: the guest gets SIGTERM. Images that were not
// made by tender cannot be asked.
func (p *Process) Stop() bool {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	if p.stop < 0 {
		return false
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := unix.Write(p.stop, one[:])
	return err == nil
}

// Close releases the guest's memory and descriptors, but no device. A running
// guest must be stopped first, by the context of Run. A second Close is an
// error.
func (p *Process) Close() error {
	if err := p.life.Close(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return p.release()
}

func (p *Process) release() error {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	var errs []error
	for _, fd := range []*int{&p.file, &p.epoll, &p.timer, &p.stop} {
		if *fd >= 0 {
			errs = append(errs, unix.Close(*fd))
			*fd = -1
		}
	}
	if p.path != nil {
		errs = append(errs, p.path.close())
	}
	if p.console != nil {
		errs = append(errs, p.console.close())
	}
	return errors.Join(errs...)
}
