package netback

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// port is a descriptor with one frame per read and write; it is the data path
// of every device. It owns fd.
type port struct {
	fd  int
	mac [6]byte
	mtu int
}

// ReadFrame implements Device.
func (p *port) ReadFrame(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, unix.EAGAIN
	}
	for {
		n, err := unix.Read(p.fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err != unix.EINTR:
			return 0, err
		}
	}
}

// WriteFrame implements Device.
func (p *port) WriteFrame(b []byte) error {
	if len(b) > maxFrameBytes {
		return unix.EMSGSIZE
	}
	return p.write(b)
}

// write is one write, with errors as WriteFrame's.
func (p *port) write(b []byte) error {
	for {
		n, err := unix.Write(p.fd, b)
		switch {
		case err == unix.EINTR:
		case err == unix.EIO:
			return nil // what a TAP says while its interface is down
		case err == nil && n != len(b):
			return unix.EMSGSIZE
		default:
			return err
		}
	}
}

// FD implements Device.
func (p *port) FD() int { return p.fd }

// MAC implements Device.
func (p *port) MAC() [6]byte { return p.mac }

// MTU implements Device.
func (p *port) MTU() int { return p.mtu }

// Close implements Device.
func (p *port) Close() error {
	fd := p.fd
	p.fd = -1
	return closeOnce(fd)
}

// closeOnce closes a descriptor whose owner has forgotten it already. The
// kernel releases it even when close reports an error, so it is not retried.
func closeOnce(fd int) error {
	if fd < 0 {
		return fmt.Errorf("closing a network device: %w", os.ErrClosed)
	}
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("closing a network device: %w", err)
	}
	return nil
}
