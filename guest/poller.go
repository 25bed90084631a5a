package guest

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Poller waits for frames on several network devices at once. It is for one
// goroutine at a time. Wait does not allocate, unless it returns an error.
type Poller struct {
	waiter   *waiter
	deadline time.Time
}

// NewPoller makes a Poller for up to 63 devices. The devices stay usable in
// every other way.
func NewPoller(nics ...*NIC) (*Poller, error) {
	if len(nics) > 63 {
		return nil, fmt.Errorf("making a poller: %d network devices are too many", len(nics))
	}
	for _, n := range nics {
		if n.rings == nil {
			continue
		}
		if err := n.rings.lend(); err != nil {
			return nil, err
		}
	}
	w, err := newWaiter(nics)
	if err != nil {
		return nil, fmt.Errorf("making a poller: %w", err)
	}
	return &Poller{waiter: w}, nil
}

// Wait parks the goroutine until a device has frames or the deadline has
// passed (the zero time is no deadline). Bit i of ready is the i-th device
// given to NewPoller: it stays ready until a read of it has found no frame.
// After the deadline ready is 0 and the error nil.
func (p *Poller) Wait(deadline time.Time) (ready uint64, err error) {
	if ready, err = p.waiter.look(); ready == 0 && err == nil {
		ready, err = p.park(deadline)
	}
	if err != nil {
		return 0, fmt.Errorf("waiting for network devices: %w", err)
	}
	return ready, nil
}

func (p *Poller) park(deadline time.Time) (ready uint64, err error) {
	if !deadline.Equal(p.deadline) {
		if err := p.waiter.file.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		p.deadline = deadline
	}
	ready, err = p.waiter.park()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	return ready, err
}

// Close releases the Poller, not the devices.
func (p *Poller) Close() error { return p.waiter.file.Close() }
