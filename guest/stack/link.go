package stack

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// NIC is a device that carries Ethernet frames, as *guest.NIC is. Frames are
// without a checksum at the end. One goroutine reads; any number write.
type NIC interface {
	// Name is the device's name in the manifest.
	Name() string
	// MAC is the device's address.
	MAC() [6]byte
	// MTU is the largest payload of a frame in bytes.
	MTU() int
	// ReadFrame waits for a frame. It returns os.ErrClosed or io.EOF once
	// the device is closed.
	ReadFrame(p []byte) (int, error)
	// TryReadFrame is ReadFrame that does not wait.
	TryReadFrame(p []byte) (n int, ok bool, err error)
	// WriteFrame sends a frame and does not wait: what does not fit is lost.
	WriteFrame(p []byte) error
	// Close ends reads that wait.
	Close() error
}

const (
	// readBatch is how many frames are read before other goroutines run, and
	// before memory is looked at again.
	readBatch = 64
	// smallFrame bounds the frames that are copied to a buffer of their
	// size, so that a queue of small packets does not hold large buffers.
	smallFrame = 512
	// Pauses after a device failed to read.
	minReadPause, maxReadPause = 10 * time.Millisecond, time.Second
)

// Counters are those of one interface since its start.
type Counters struct {
	RxFrames, RxBytes uint64 // frames handed to the stack
	RxShort           uint64 // frames without an Ethernet header
	RxLong            uint64 // frames longer than the device's MTU allows
	RxOther           uint64 // frames from or to addresses that make no sense here
	RxNoMemory        uint64 // frames dropped because memory was short
	RxErrors          uint64 // reads that failed
	TxFrames, TxBytes uint64 // frames that the device took
	TxDropped         uint64 // frames that it did not take
}

// link is a NIC as netstack sees it. It is started by the first Attach and ends
// when the NIC is closed.
type link struct {
	nic    NIC
	mac    tcpip.LinkAddress
	log    *Logger
	memory *meter // for the reader

	mtu        atomic.Uint32
	dispatcher atomic.Pointer[netstack.NetworkDispatcher]
	// dhcp takes datagrams to a DHCP client, instead of netstack. It must
	// not keep the frame.
	dhcp atomic.Pointer[func(frame []byte)]

	start  sync.Once
	closed atomic.Bool
	done   chan struct{} // closed when the reader has ended

	sendMu  sync.Mutex
	sendBuf []byte // a frame that was in pieces

	rxFrames, rxBytes, rxShort, rxLong, rxOther, rxNoMemory, rxErrors atomic.Uint64
	txFrames, txBytes, txDropped                                      atomic.Uint64
}

var (
	_ netstack.LinkEndpoint = (*link)(nil)
	_ netstack.GSOEndpoint  = (*link)(nil)
)

func newLink(nic NIC, memory int64, log *Logger) *link {
	mac := nic.MAC()
	l := &link{nic: nic, mac: tcpip.LinkAddress(mac[:]), log: log, memory: newMeter(memory), done: make(chan struct{})}
	l.mtu.Store(uint32(nic.MTU()))
	l.sendBuf = make([]byte, 0, header.EthernetMinimumSize+nic.MTU())
	return l
}

// counters are not a picture of one moment.
func (l *link) counters() Counters {
	return Counters{
		RxFrames: l.rxFrames.Load(), RxBytes: l.rxBytes.Load(), RxShort: l.rxShort.Load(), RxLong: l.rxLong.Load(),
		RxOther: l.rxOther.Load(), RxNoMemory: l.rxNoMemory.Load(), RxErrors: l.rxErrors.Load(),
		TxFrames: l.txFrames.Load(), TxBytes: l.txBytes.Load(), TxDropped: l.txDropped.Load(),
	}
}

// receive reads frames until the device is closed.
func (l *link) receive() {
	defer close(l.done)
	// One byte more than a frame may have shows those that are longer.
	size := header.EthernetMinimumSize + l.nic.MTU() + 1
	view := buffer.NewViewSize(size)
	defer func() { view.Release() }()
	pause, short := minReadPause, false
	for batch := 0; ; {
		n, err := l.nic.ReadFrame(view.AsSlice())
		for ok := true; ok && err == nil; n, ok, err = l.nic.TryReadFrame(view.AsSlice()) {
			pause = minReadPause
			if short {
				l.rxNoMemory.Add(1)
			} else if view = l.deliver(view, n); view == nil {
				view = buffer.NewViewSize(size)
			}
			if batch++; batch == readBatch {
				runtime.Gosched()
				batch, short = 0, l.memory.over()
			}
		}
		if err == nil {
			continue
		}
		if l.closed.Load() || errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF) {
			return
		}
		if l.rxErrors.Add(1) == 1 {
			l.log.Printf(LevelError, "%s: %v", l.nic.Name(), err)
		}
		time.Sleep(pause)
		pause = min(2*pause, maxReadPause)
	}
}

// deliver hands on the frame in the first n bytes of view. It returns the view if
// that can be used again.
func (l *link) deliver(view *buffer.View, n int) *buffer.View {
	if n < header.EthernetMinimumSize {
		l.rxShort.Add(1)
		return view
	}
	if n > header.EthernetMinimumSize+l.nic.MTU() || n > view.Size() {
		l.rxLong.Add(1)
		return view
	}
	frame := view.AsSlice()[:n]
	kind, ok := l.classify(frame)
	if !ok {
		l.rxOther.Add(1)
		return view
	}
	l.rxFrames.Add(1)
	l.rxBytes.Add(uint64(n))
	if dhcp := l.dhcp.Load(); dhcp != nil && toDHCPClient(frame) {
		(*dhcp)(frame)
		return view
	}
	d := l.dispatcher.Load()
	if d == nil {
		return view
	}
	own := view
	if n <= smallFrame {
		own = buffer.NewViewWithData(frame)
	} else {
		view.CapLength(n)
		view = nil
	}
	pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: buffer.MakeWithView(own)})
	eth, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	if ok {
		pkt.PktType = kind
		(*d).DeliverNetworkPacket(header.Ethernet(eth).Type(), pkt)
	}
	pkt.DecRef()
	return view
}

// classify says whom a frame is for; ok is false for frames that a network card
// would not have taken.
func (l *link) classify(frame []byte) (kind tcpip.PacketType, ok bool) {
	dst, src := frame[:6], frame[6:12]
	// One's own frames come back from loops between switches, where they would
	// look like another host with the same addresses.
	if src[0]&1 != 0 || string(src) == string(l.mac) {
		return 0, false
	}
	switch {
	case string(dst) == string(l.mac):
		return tcpip.PacketHost, true
	case string(dst) == string(header.EthernetBroadcastAddress):
		return tcpip.PacketBroadcast, true
	case dst[0]&1 != 0:
		return tcpip.PacketMulticast, true
	}
	return 0, false
}

// WritePackets sends packets, which have their Ethernet header. Those that the
// device does not take are lost and counted, as on any cable: who needs them
// sends them again.
func (l *link) WritePackets(pkts netstack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		views, offset := pkt.AsViewList()
		first := views.Front()
		if first == nil {
			continue
		}
		if first.Next() == nil {
			l.sent(len(first.AsSlice())-offset, l.nic.WriteFrame(first.AsSlice()[offset:]))
			continue
		}
		l.sendMu.Lock()
		if pkt.Size() > cap(l.sendBuf) {
			l.txDropped.Add(1)
			l.sendMu.Unlock()
			continue
		}
		frame := l.sendBuf[:0]
		for v := first; v != nil; v = v.Next() {
			piece := v.AsSlice()
			skip := min(offset, len(piece))
			frame, offset = append(frame, piece[skip:]...), offset-skip
		}
		l.sent(len(frame), l.nic.WriteFrame(frame))
		l.sendMu.Unlock()
	}
	return pkts.Len(), nil
}

// writeFrame sends a frame that does not come from netstack.
func (l *link) writeFrame(frame []byte) error {
	err := l.nic.WriteFrame(frame)
	l.sent(len(frame), err)
	return err
}

func (l *link) sent(n int, err error) {
	if err != nil {
		l.txDropped.Add(1)
		return
	}
	l.txFrames.Add(1)
	l.txBytes.Add(uint64(n))
}

// AddHeader puts an Ethernet header in front of a packet.
func (l *link) AddHeader(pkt *netstack.PacketBuffer) {
	header.Ethernet(pkt.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: pkt.EgressRoute.LocalLinkAddress,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

// ParseHeader takes the Ethernet header of a packet that has one in its payload.
func (l *link) ParseHeader(pkt *netstack.PacketBuffer) bool {
	_, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// Attach gives received packets a destination, nil for none.
func (l *link) Attach(d netstack.NetworkDispatcher) {
	if d == nil {
		l.dispatcher.Store(nil)
		return
	}
	l.dispatcher.Store(&d)
	l.start.Do(func() { go l.receive() })
}

// Wait returns at once: netstack calls it while it holds locks that the reader
// may wait for. Net.Close waits for the reader.
func (l *link) Wait() {}

// wait waits for the end of the reader, which must have been started or never will
// be.
func (l *link) wait() {
	l.start.Do(func() { close(l.done) })
	<-l.done
}

// Close closes the device, which ends the reader.
func (l *link) Close() { l.close() }

func (l *link) close() error {
	if l.closed.Swap(true) {
		return nil
	}
	return l.nic.Close()
}

func (l *link) IsAttached() bool                    { return l.dispatcher.Load() != nil }
func (l *link) MTU() uint32                         { return l.mtu.Load() }
func (l *link) SetMTU(mtu uint32)                   { l.mtu.Store(min(mtu, uint32(l.nic.MTU()))) }
func (l *link) MaxHeaderLength() uint16             { return header.EthernetMinimumSize }
func (l *link) LinkAddress() tcpip.LinkAddress      { return l.mac }
func (l *link) SetLinkAddress(tcpip.LinkAddress)    {}
func (l *link) SetOnCloseAction(func())             {}
func (l *link) GSOMaxSize() uint32                  { return netstack.GVisorGSOMaxSize }
func (l *link) SupportedGSO() netstack.SupportedGSO { return netstack.GVisorGSOSupported }
func (l *link) ARPHardwareType() header.ARPHardwareType {
	return header.ARPHardwareEther
}

// Capabilities: addresses must be resolved.
func (l *link) Capabilities() netstack.LinkEndpointCapabilities {
	return netstack.CapabilityResolutionRequired
}
