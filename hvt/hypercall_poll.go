package hvt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"

	"tender/datapath"
)

// pollArgsSize is of abi.PollArgs: timeout 0, ready set 8, ret 16.
const pollArgsSize = 24

// errStopped comes from POLL when Run's context ended meanwhile, or the guest
// was asked to stop.
var errStopped = errors.New("stopped")

// poller waits for network devices. fds[0] is the eventfd that stops the
// guest, fds[i] the device with handles[i].
type poller struct {
	fds     []unix.PollFd
	devices []int32
	handles []uint8
	// masked says that the guest passes the set of handles to wait for.
	masked  bool
	timeout unix.Timespec
	// wake is the index of an eventfd that ends every wait, 0 for none.
	wake    int
	drained [8]byte
}

func newPoller(stopFD int, masked bool) poller {
	p := poller{masked: masked}
	p.add(stopFD, 0)
	return p
}

func (p *poller) add(fd int, handle uint8) {
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	p.devices = append(p.devices, int32(fd))
	p.handles = append(p.handles, handle)
}

// wait returns the devices of mask that are readable, or 0 after nanos. A
// device in error counts as readable: reading it tells the guest.
func (p *poller) wait(mask, nanos uint64) (ready uint64, err error) {
	for i := 1; i < len(p.fds); i++ {
		p.fds[i].Fd = -1
		if mask&(1<<p.handles[i]) != 0 || i == p.wake {
			p.fds[i].Fd = p.devices[i]
		}
	}
	left := time.Duration(min(nanos, math.MaxInt64/2))
	started := time.Now()
	for {
		p.timeout = unix.NsecToTimespec(int64(max(left, 0)))
		_, err := datapath.Poll(p.fds, &p.timeout)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("cannot wait for the network devices: %w", err)
		}
		left = time.Duration(min(nanos, math.MaxInt64/2)) - time.Since(started)
	}
	if p.fds[0].Revents != 0 {
		return 0, errStopped
	}
	if p.wake != 0 && p.fds[p.wake].Revents != 0 {
		if _, err := unix.Read(int(p.fds[p.wake].Fd), p.drained[:]); err != nil && err != unix.EAGAIN {
			return 0, fmt.Errorf("cannot wait for the network devices: %w", err)
		}
	}
	for i := 1; i < len(p.fds); i++ {
		if i == p.wake {
			continue
		}
		if p.fds[i].Fd >= 0 && p.fds[i].Revents != 0 {
			ready |= 1 << p.handles[i]
		}
	}
	return ready, nil
}

// pollDevices waits until a network device is readable or the relative
// timeout has passed; a timeout of 0 only looks.
func (h *host) pollDevices(gpa uint64) error {
	args, err := h.mem.out(gpa, pollArgsSize)
	if err != nil {
		return err
	}
	mask := uint64(math.MaxUint64)
	if h.poll.masked {
		mask = binary.LittleEndian.Uint64(args[8:])
	}
	ready, err := h.poll.wait(mask, binary.LittleEndian.Uint64(args))
	if err != nil {
		return err
	}
	return h.pollResult(gpa, ready)
}

// pollResult tells the guest what POLL has found.
func (h *host) pollResult(gpa, ready uint64) error {
	args, err := h.mem.out(gpa, pollArgsSize)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(args[8:], ready)
	binary.LittleEndian.PutUint32(args[16:], uint32(bits.OnesCount64(ready)))
	return nil
}
