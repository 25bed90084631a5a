package datapath

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var one = []byte{1, 0, 0, 0, 0, 0, 0, 0}

// ring8 makes an eventfd readable.
func ring8(fd int) error {
	if _, err := unix.Write(fd, one); err != nil && err != unix.EAGAIN {
		return fmt.Errorf("ringing an eventfd: %w", err)
	}
	return nil
}

// drain8 makes it unreadable again.
func drain8(fd int) error {
	var p [8]byte
	if _, err := unix.Read(fd, p[:]); err != nil && err != unix.EAGAIN {
		return fmt.Errorf("reading an eventfd: %w", err)
	}
	return nil
}
