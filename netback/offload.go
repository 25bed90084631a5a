package netback

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// headerBytes is the size of a virtio network header without the number of
// buffers, which is the kernel's default.
const headerBytes = 10

// HasHeader implements Offloader.
func (t *TAP) HasHeader() bool { return t.buffer != nil }

// SetOffloads implements Offloader.
func (t *TAP) SetOffloads(on bool) error {
	offloads := 0
	if on {
		if !t.HasHeader() {
			return fmt.Errorf("%s: offloads need headers: %w", t.name, unix.EINVAL)
		}
		offloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	}
	if err := unix.IoctlSetInt(t.fd, unix.TUNSETOFFLOAD, offloads); err != nil {
		return fmt.Errorf("%s: TUNSETOFFLOAD: %w", t.name, err)
	}
	return nil
}

// ReadFrame implements Device.
func (t *TAP) ReadFrame(p []byte) (int, error) {
	if !t.HasHeader() || len(p) == 0 {
		return t.port.ReadFrame(p)
	}
	n, err := t.port.ReadFrame(t.buffer[:min(headerBytes+len(p), len(t.buffer))])
	if err != nil {
		return 0, err
	}
	return copy(p, t.buffer[min(headerBytes, n):n]), nil
}

// WriteFrame implements Device.
func (t *TAP) WriteFrame(p []byte) error {
	if !t.HasHeader() {
		return t.port.WriteFrame(p)
	}
	if len(p) > maxFrameBytes {
		return unix.EMSGSIZE
	}
	clear(t.buffer[:headerBytes])
	return t.write(t.buffer[:headerBytes+copy(t.buffer[headerBytes:], p)])
}
