package spt

import (
	"debug/elf"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/datapath"
	"tender/machine"
	"tender/netback"
)

// path is the data path of an image that moves frames through a UMEM: memory
// that the tender and the guest's process have in common. The process has no
// descriptors of network devices then.
type path struct {
	thread *datapath.Thread
	names  []string // of the devices
	// at is where the guest has the UMEM, bytes its size, memory its file.
	at, bytes      uint64
	memory         int
	mapping        []byte
	doorbell, wake int // eventfds
}

const (
	// pathShare is the part of the guest's memory that its UMEM may be as large
	// as: it comes on top.
	pathShare = 4
	// pathGap is room for the prologue between guest memory and the UMEM.
	pathGap = 4 << 20
)

// openPath makes the UMEM of an image that uses one, and otherwise has the
// guest wait for its devices itself.
func (p *Process) openPath(c *Config, devices []machine.Attachment, memBytes uint64) (err error) {
	var handles []int
	var nets []netback.Device
	for _, d := range devices {
		if d.Net != nil {
			handles, nets = append(handles, d.Handle), append(nets, d.Net)
		}
	}
	note := tenderNote(c.Image)
	if len(nets) > 0 && note != nil && note.Flags&abi.FlagUMEM != 0 {
		l, err := datapath.NewLayout(len(nets), memBytes/pathShare)
		if err == nil {
			return p.makePath(c, devices, l, handles, nets, memBytes)
		}
		c.Logf("%s: frames cost the guest a system call each: %v", p.name, err)
	}
	for i, d := range devices {
		if d.Net == nil {
			continue
		}
		if o, ok := d.Net.(netback.Offloader); ok && o.HasHeader() {
			return fmt.Errorf("device '%s': its frames have headers, which only rings can take, and for them there is too little memory: give the guest more", d.Name)
		}
		if _, ok := d.Net.(netback.Batcher); ok {
			return fmt.Errorf("device '%s': only rings can take its frames, which this image does not use, or has too little memory for: attach a TAP, or run it under hvt", d.Name)
		}
		if err := p.watch(p.devices[i], uint32(d.Handle), 0); err != nil {
			return fmt.Errorf("device '%s': cannot wait for its frames: %w", d.Name, err)
		}
	}
	return nil
}

func (p *Process) makePath(c *Config, devices []machine.Attachment, l datapath.Layout, handles []int, nets []netback.Device, memBytes uint64) (err error) {
	if err := checkWord(c, memBytes); err != nil {
		return err
	}
	const align = 2 << 20
	p.path = &path{memory: -1, doorbell: -1, wake: -1, bytes: l.Bytes(), at: (memBytes + pathGap) &^ (align - 1)}
	if p.path.memory, err = unix.MemfdCreate("umem", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING); err != nil {
		return fmt.Errorf("cannot create a file in memory: %w", err)
	}
	if err := unix.Ftruncate(p.path.memory, int64(l.Bytes())); err != nil {
		return fmt.Errorf("cannot make a file of %d MiB in memory: %w; is a limit of file sizes set (ulimit -f)?", l.Bytes()>>20, err)
	}
	if _, err := unix.FcntlInt(uintptr(p.path.memory), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return fmt.Errorf("cannot fix the size of a file in memory: %w", err)
	}
	if p.path.mapping, err = unix.Mmap(p.path.memory, 0, int(l.Bytes()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("cannot map %d MiB: %w", l.Bytes()>>20, err)
	}
	for _, fd := range []*int{&p.path.doorbell, &p.path.wake} {
		if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return fmt.Errorf("cannot create an eventfd: %w", err)
		}
	}
	// The guest does not read it, so each write is to be an event of its own.
	if err := p.watch(p.path.wake, abi.SPTWakeData, unix.EPOLLET); err != nil {
		return fmt.Errorf("cannot watch an eventfd: %w", err)
	}
	u, err := datapath.NewUMEM(p.path.mapping, l, handles)
	if err != nil {
		return err
	}
	u.SetDoorbell(firstFD + len(devices))
	for i, d := range devices {
		if d.Net != nil {
			p.devices[i] = -1
			p.path.names = append(p.path.names, d.Name)
		}
	}
	p.path.thread, err = datapath.NewThread(u, nets, p.path.doorbell, p.path.wake, c.Logf)
	return err
}

// checkWord says whether the image's word for the address of the UMEM can be
// written.
func checkWord(c *Config, memBytes uint64) error {
	at := c.Image.Tender.UMEM
	for _, s := range c.Image.Segments {
		end := s.Vaddr + s.Filesz
		if s.Flags&elf.PF_W != 0 && at%8 == 0 && at >= s.Vaddr && at < end && end-at >= 8 && end <= memBytes {
			return nil
		}
	}
	return fmt.Errorf("the image's word for the UMEM at %#x is not in the file's part of a segment that can be written; build the image again", at)
}

// start serves the guest until end; a failure ends the guest.
func (p *path) start(fail func(error)) { p.thread.Start(fail) }

// end stops the service. Frames that the guest posted before it ended are sent.
func (p *path) end() error { return p.thread.Stop() }

func (p *path) close() error {
	var errs []error
	if p.thread != nil {
		errs = append(errs, p.thread.Close())
	}
	if p.mapping != nil {
		errs = append(errs, unix.Munmap(p.mapping))
	}
	for _, fd := range []int{p.memory, p.doorbell, p.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// NetCounters are those of the network devices, in the manifest's order. There
// are none if the guest has the devices' descriptors itself.
func (p *Process) NetCounters() []datapath.DeviceCounters { return p.path.counters() }

// PinIO keeps the thread that moves the guest's frames on a CPU, the first being
// 0. It is called before Run, at most once, and does nothing for a guest that
// has the devices' descriptors itself.
func (p *Process) PinIO(cpu int) error {
	if p.path == nil {
		return nil
	}
	return p.path.thread.Pin(cpu)
}

func (p *path) counters() (all []datapath.DeviceCounters) {
	if p == nil {
		return nil
	}
	for i, name := range p.names {
		all = append(all, datapath.DeviceCounters{Name: name, Counters: p.thread.Counters(i)})
	}
	return all
}
