package netback

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPipe(t *testing.T) {
	d, wire := NewPipe(9000)
	defer d.Close()
	defer wire.Close()
	p := make([]byte, 1<<16)
	if _, err := d.ReadFrame(p); err != unix.EAGAIN {
		t.Fatalf("read of an empty pipe: %v", err)
	}
	if _, err := wire.Receive(p, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("receive from an empty pipe: %v", err)
	}
	if d.MTU() != 9000 || d.MAC()[0]&3 != 2 {
		t.Errorf("MTU %d, MAC %x", d.MTU(), d.MAC())
	}
	for i, size := range []int{1, 60, 1514, 9014} {
		out := testFrame(max(size, 14), byte(i))[:size]
		check(t, wire.Send(out))
		waitReadable(t, d.FD())
		n, err := d.ReadFrame(p)
		check(t, err)
		if !bytes.Equal(p[:n], out) {
			t.Errorf("device got %d bytes of %d", n, size)
		}
		check(t, d.WriteFrame(out))
		n, err = wire.Receive(p, time.Second)
		check(t, err)
		if !bytes.Equal(p[:n], out) {
			t.Errorf("wire got %d bytes of %d", n, size)
		}
	}
}

func TestPipeReceiveWaits(t *testing.T) {
	d, wire := NewPipe(1500)
	defer d.Close()
	defer wire.Close()
	sent := make(chan error)
	go func() {
		time.Sleep(20 * time.Millisecond)
		sent <- d.WriteFrame([]byte("late frame"))
	}()
	p := make([]byte, 4)
	n, err := wire.Receive(p, 5*time.Second)
	check(t, err)
	check(t, <-sent)
	if string(p[:n]) != "late" {
		t.Errorf("received %q", p[:n])
	}
}

func TestPipeFull(t *testing.T) {
	d, wire := NewPipe(1500)
	defer d.Close()
	defer wire.Close()
	frame := make([]byte, 1514)
	var sent int
	for sent = 0; sent < 10000; sent++ {
		if err := d.WriteFrame(frame); err == unix.EAGAIN {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if sent < 16 || sent == 10000 {
		t.Fatalf("pipe is full after %d frames", sent)
	}
	for range sent {
		if _, err := wire.Receive(frame, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	check(t, d.WriteFrame(frame))
}

func TestPipeCut(t *testing.T) {
	d, wire := NewPipe(1500)
	check(t, wire.Close())
	if _, err := d.ReadFrame(make([]byte, 10)); err != io.EOF {
		t.Errorf("read: %v", err)
	}
	if err := d.WriteFrame(make([]byte, 14)); err != unix.EPIPE {
		t.Errorf("write: %v", err)
	}
	check(t, d.Close())
	if d.Close() == nil || wire.Close() == nil {
		t.Error("second close succeeds")
	}
}

func TestPipeLeavesNoDescriptors(t *testing.T) {
	before := openFDs(t)
	for range 10 {
		d, wire := NewPipe(1500)
		check(t, d.Close())
		check(t, wire.Close())
	}
	if after := openFDs(t); !maps.Equal(before, after) {
		t.Errorf("descriptors left: before %v, after %v", before, after)
	}
}

func TestPipeAllocates(t *testing.T) {
	d, wire := NewPipe(1500)
	defer d.Close()
	defer wire.Close()
	p := make([]byte, 1514)
	if n := testing.AllocsPerRun(100, func() {
		for _, err := range []error{wire.Send(p), d.WriteFrame(p)} {
			if err != nil {
				t.Error(err)
			}
		}
		if n, err := d.ReadFrame(p); n != len(p) || err != nil {
			t.Error(n, err)
		}
		if _, err := d.ReadFrame(p); err != unix.EAGAIN {
			t.Error(err)
		}
		if _, err := wire.Receive(p, time.Second); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
