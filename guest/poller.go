package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"tender/abi"
)

// Poller waits for frames on several network devices at once. It is for one
// goroutine at a time. Wait does not allocate, unless it returns an error.
type Poller struct {
	file     *os.File
	fd       int
	handles  []uint64
	deadline time.Time
	buf      [8]byte
}

// NewPoller makes a Poller for up to 63 devices. The devices stay usable in
// every other way.
func NewPoller(nics ...*NIC) (*Poller, error) {
	f, err := os.OpenFile(abi.PollPath, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("making a poller: %w", err)
	}
	p := &Poller{file: f, fd: int(f.Fd())}
	set := uintptr(0)
	for _, n := range nics {
		p.handles = append(p.handles, n.handle)
		set |= 1 << n.handle
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), abi.IoctlPollSet, set); errno != 0 {
		f.Close()
		return nil, fmt.Errorf("making a poller: %w", errno)
	}
	return p, nil
}

// Wait parks the goroutine until a device has frames or the deadline has
// passed (the zero time is no deadline). Bit i of ready is the i-th device
// given to NewPoller: it stays ready until a read of it has found no frame.
// After the deadline ready is 0 and the error nil.
func (p *Poller) Wait(deadline time.Time) (ready uint64, err error) {
	if ready, err = p.check(syscall.Read(p.fd, p.buf[:])); ready != 0 || err != nil {
		return ready, err
	}
	if !deadline.Equal(p.deadline) {
		if err := p.file.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		p.deadline = deadline
	}
	n, err := p.file.Read(p.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	return p.check(n, err)
}

// check turns what a read gave into the ready set.
func (p *Poller) check(n int, err error) (ready uint64, _ error) {
	if err == syscall.EAGAIN {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("waiting for network devices: %w", err)
	}
	set := binary.LittleEndian.Uint64(p.buf[:])
	for i, h := range p.handles {
		ready |= set >> h & 1 << i
	}
	return ready, nil
}

// Close releases the Poller, not the devices.
func (p *Poller) Close() error { return p.file.Close() }
