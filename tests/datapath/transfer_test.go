package datapath

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// host moves a device to a namespace with a host of Linux's, in the place of
// its station.
func (l *lab) host(device string) *rig.Namespace {
	l.t.Helper()
	n, err := rig.NewNamespace(device)
	must(l.t, err)
	l.t.Cleanup(func() {
		if err := n.Close(); err != nil {
			l.t.Error(err)
		}
	})
	l.set(device, "netns", n.Name)
	must(l.t, errors.Join(
		n.IP("addr", "add", networkOf(device)+"2/24", "dev", device),
		n.IP("link", "set", "dev", device, "up"),
		n.IP("route", "add", "default", "via", networkOf(device)+"1"),
	))
	return n
}

// listen awaits transfers at a host's address. It is open for all of a test: as long as a
// child of this process has not called exec, a port that was closed is still taken.
func (l *lab) listen(at *rig.Namespace, address string) *net.TCPListener {
	l.t.Helper()
	var listener net.Listener
	must(l.t, at.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	l.t.Cleanup(func() { listener.Close() })
	return listener.(*net.TCPListener)
}

// transfer sends bytes from a host to a listener by TCP, and compares them.
func transfer(from *rig.Namespace, listener *net.TCPListener, bytes int) error {
	want := make(chan [sha256.Size]byte, 1)
	sent := make(chan error, 1)
	go func() {
		sent <- from.Do(func() error {
			c, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
			if err != nil {
				return err
			}
			defer c.Close()
			data := make([]byte, bytes)
			rand.NewChaCha8([32]byte{}).Read(data)
			want <- sha256.Sum256(data)
			c.SetDeadline(time.Now().Add(60 * time.Second))
			_, err = c.Write(data)
			return err
		})
	}()
	listener.SetDeadline(time.Now().Add(10 * time.Second))
	c, err := listener.Accept()
	if err != nil {
		return errors.Join(err, <-sent)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(60 * time.Second))
	h := sha256.New()
	n, err := io.Copy(h, c)
	if err = errors.Join(err, <-sent); err != nil {
		return fmt.Errorf("%d of %d bytes: %w", n, bytes, err)
	}
	if got := [sha256.Size]byte(h.Sum(nil)); n != int64(bytes) || got != <-want {
		return fmt.Errorf("%d of %d bytes came, or others than were sent", n, bytes)
	}
	return nil
}

// TestTransfers has two hosts of Linux's transfer one thing after the other, while the
// tender is stopped and continued, a cable is out for a moment, and the MTU of the
// sender changes.
func TestTransfers(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		a, b := l.host("a"), l.host("b")
		signal := func(s syscall.Signal) func() error { return func() error { return l.cmd.Process.Signal(s) } }
		set := func(n *rig.Namespace, device string, words ...string) func() error {
			return func() error { return n.IP(append([]string{"link", "set", "dev", device}, words...)...) }
		}
		changes := []func() error{
			signal(syscall.SIGSTOP), signal(syscall.SIGCONT), set(a, "a", "mtu", "1400"), set(b, "b", "carrier", "off"),
			set(b, "b", "carrier", "on"), set(a, "a", "mtu", "1500"), signal(syscall.SIGSTOP), signal(syscall.SIGCONT),
		}
		changed := make(chan error, 1)
		go func() {
			var errs []error
			for _, change := range changes {
				time.Sleep(150 * time.Millisecond)
				errs = append(errs, change())
			}
			changed <- errors.Join(errs...)
		}()
		listener := l.listen(b, networkOf("b")+"2:5000")
		start := time.Now()
		done := false
		n := 0
		for ; !done || n < 2; n++ {
			must(t, transfer(a, listener, 16<<20))
			select {
			case err := <-changed:
				must(t, err)
				done = true
			default:
			}
		}
		t.Logf("%d transfers within %v", n, time.Since(start))
	})
}
