package netback

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A TAP with headers is like one without to callers of ReadFrame and WriteFrame.
func TestTAPHeaders(t *testing.T) {
	newHost(t)
	link := addTAP(t, "tap0", 1500)
	d, err := OpenTAP("tap0", Options{Header: true})
	check(t, err)
	defer d.Close()
	if !d.HasHeader() {
		t.Fatal("no headers")
	}
	exchange(t, d, link)
	for _, c := range []struct {
		bytes int
		want  error
	}{{0, unix.EINVAL}, {13, unix.EINVAL}, {14, nil}, {maxFrameBytes, nil}, {maxFrameBytes + 1, unix.EMSGSIZE}} {
		if err := d.WriteFrame(make([]byte, c.bytes)); err != c.want {
			t.Errorf("%d bytes: %v, want %v", c.bytes, err, c.want)
		}
	}
	cutsFrames(t, d, hostEnd(t, link))
	p := make([]byte, 20)
	if n := testing.AllocsPerRun(100, func() {
		if err := d.WriteFrame(p); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
	check(t, d.SetOffloads(true))
	check(t, d.SetOffloads(false))
	exchange(t, d, link)
}

// Without headers there are no offloads, and none are left on by a previous owner.
func TestTAPOffloadsNeedHeaders(t *testing.T) {
	newHost(t)
	link := addTAP(t, "tap0", 1500)
	d, err := OpenTAP("tap0", Options{Header: true})
	check(t, err)
	check(t, d.SetOffloads(true))
	check(t, d.Close())
	d, err = OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	if err := d.SetOffloads(true); !errors.Is(err, unix.EINVAL) {
		t.Errorf("offloads without headers: %v", err)
	}
	check(t, d.SetOffloads(false))
	exchange(t, d, link)
}
