package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// warmUp is how long frames flow before anything is measured.
	warmUp = 100 * time.Millisecond
	// sendBufferBytes hold more frames than any queue.
	sendBufferBytes = 16 << 20
	// fullShare is what a sender should have of its CPU.
	fullShare = 0.9
	// pacedBatch is how many frames a paced sender sends at once.
	pacedBatch = 16
)

// flood sends frames to the host inside, and knows how many reach it.
type flood struct {
	path   *path
	socket int
	links  *netlink.Handle // of the host inside
	frames [][]byte
	sender int // thread id while frames are sent
}

// newFlood is ready to send. The caller calls close.
func newFlood(p *path) (f *flood, err error) {
	f = &flood{path: p, socket: -1}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	// Frames end at the host's door: what a receiver would make of them is not measured.
	drop := fmt.Sprintf("table netdev flood\ndelete table netdev flood\ntable netdev flood {\n"+
		"counter delivered { }\nchain in { type filter hook ingress device \"%s\" priority 0; udp dport %d counter name delivered drop; }\n}\n", p.insideDevice, floodPort)
	if out, err := p.inside.Run(context.Background(), 5*time.Second, "nft", drop); err != nil {
		return f, fmt.Errorf("nft: %w: %s", err, out)
	}
	if f.frames, err = p.frames(); err != nil {
		return f, err
	}
	if err := p.inside.Do(func() (err error) {
		f.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	}); err != nil {
		return f, fmt.Errorf("counting frames: %w", err)
	}
	err = p.outside.Do(func() error {
		link, err := net.InterfaceByName(p.outsideDevice)
		if err != nil {
			return err
		}
		if f.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(f.socket, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
			return err
		}
		// Frames that wait in a queue must not have the sender wait.
		if err := unix.SetsockoptInt(f.socket, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBufferBytes); err != nil {
			return err
		}
		return unix.Bind(f.socket, &unix.SockaddrLinklayer{Ifindex: link.Index})
	})
	if err != nil {
		return f, fmt.Errorf("the load's socket: %w", err)
	}
	return f, nil
}

func (f *flood) close() {
	if f.links != nil {
		f.links.Close()
	}
	if f.socket >= 0 {
		unix.Close(f.socket)
	}
}

// during sends frames from a thread on loadCPU while work runs, after they have
// flowed for a while: as many a second as rate says, or as many as are taken if
// it is 0. It returns how many the interface took in all.
func (f *flood) during(rate float64, work func() error) (taken int, err error) {
	var stop atomic.Bool
	begun, ended := make(chan int, 1), make(chan error, 1)
	go func() {
		// The thread must live on: processes that it started end with it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		begun <- unix.Gettid()
		back, err := pinSelf()
		if err != nil {
			ended <- err
			return
		}
		defer back()
		if rate == 0 {
			taken, err = f.send(&stop)
		} else {
			taken, err = f.sendPaced(&stop, rate)
		}
		ended <- err
	}()
	f.sender = <-begun
	time.Sleep(warmUp)
	err = work()
	stop.Store(true)
	return taken, errors.Join(err, <-ended)
}

func (f *flood) send(stop *atomic.Bool) (taken int, err error) {
	for batch := newMessages(f.frames); !stop.Load() && err == nil; {
		n := 0
		n, err = batch.send(f.socket)
		taken += n
	}
	return taken, err
}

// sendPaced never makes up for lost time, which would be a burst that nobody
// has asked for.
func (f *flood) sendPaced(stop *atomic.Bool, rate float64) (taken int, err error) {
	var batches []messages
	for i := 0; i < len(f.frames); i += pacedBatch {
		batches = append(batches, newMessages(f.frames[i:i+pacedBatch]))
	}
	interval := time.Duration(pacedBatch / rate * float64(time.Second))
	due := time.Now()
	for i := 0; !stop.Load() && err == nil; i++ {
		now := time.Now()
		for ; now.Before(due) && !stop.Load(); now = time.Now() {
		}
		due = due.Add(interval)
		if due.Before(now) {
			due = now
		}
		n := 0
		n, err = batches[i%len(batches)].send(f.socket)
		taken += n
	}
	return taken, err
}

// sample is how many frames had arrived at the host inside at a time.
type sample struct {
	frames uint64
	at     time.Time
}

// count counts the frames that have arrived, of whatever kind.
func (f *flood) count() (sample, error) {
	link, err := f.links.LinkByName(f.path.insideDevice)
	if err != nil {
		return sample{}, fmt.Errorf("counting frames: %w", err)
	}
	return sample{link.Attrs().Statistics.RxPackets, time.Now()}, nil
}

// window counts what arrives while work runs.
func (f *flood) window(work func() error) (frames float64, took time.Duration, err error) {
	before, err := f.count()
	if err != nil {
		return 0, 0, err
	}
	if err := work(); err != nil {
		return 0, 0, err
	}
	after, err := f.count()
	return float64(after.frames - before.frames), after.at.Sub(before.at), err
}

// most is how many frames arrive, in thousands a second, of as many as are taken.
// It says if the sender had to share its CPU.
func (f *flood) most(seconds float64) (kpps float64, err error) {
	_, err = f.during(0, func() error {
		began := cpuNanos(f.sender)
		frames, took, err := f.window(func() error { sleep(seconds); return nil })
		kpps = frames / took.Seconds() / 1000
		if share := float64(cpuNanos(f.sender)-began) / float64(took.Nanoseconds()); share < fullShare {
			progress("the sender had %.0f %% of CPU %d", 100*share, loadCPU)
		}
		return err
	})
	return kpps, err
}

// delivered is how many frames of floods have arrived since newFlood, exactly,
// once no more do.
func (f *flood) delivered() (int, error) {
	last := -1
	for range 100 {
		out, err := f.path.inside.Run(context.Background(), 5*time.Second, "nft", "-j", "list", "counter", "netdev", "flood", "delivered")
		var listed struct {
			Nftables []struct{ Counter *struct{ Packets int } }
		}
		if err == nil {
			err = json.Unmarshal([]byte(out), &listed)
		}
		if err != nil {
			return 0, fmt.Errorf("nft: %w: %s", err, out)
		}
		for _, l := range listed.Nftables {
			if l.Counter == nil {
				continue
			}
			if l.Counter.Packets == last {
				return last, nil
			}
			last = l.Counter.Packets
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, fmt.Errorf("frames have not stopped to arrive, 10 seconds after the last was sent")
}

func sleep(seconds float64) { time.Sleep(time.Duration(seconds * float64(time.Second))) }
