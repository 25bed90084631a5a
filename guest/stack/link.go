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

	"tender/abi"
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

	// offload is nil if frames have no header.
	offload *offload
	// vouched says that netstack need not look at the checksums of the packet that
	// the reader hands it.
	vouched atomic.Bool
	view    *buffer.View // the reader's room for a frame; nil if it has to be made

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
	var err error
	if l.offload, err = newOffload(nic); err != nil {
		l.log.Printf(LevelError, "%s: %v", nic.Name(), err)
	}
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
	defer func() {
		if l.view != nil {
			l.view.Release()
		}
	}()
	pause, short := minReadPause, false
	for batch := 0; ; {
		n, err := l.nic.ReadFrame(l.room())
		for ok := true; ok && err == nil; n, ok, err = l.nic.TryReadFrame(l.room()) {
			pause = minReadPause
			switch {
			case short:
				l.rxNoMemory.Add(1)
			case l.offload != nil:
				l.deliverOffloaded(n)
			default:
				l.view = l.deliver(l.view, n)
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

// room is where the next frame is read to.
func (l *link) room() []byte {
	if l.offload != nil {
		return l.offload.frame[:]
	}
	if l.view == nil {
		// One byte more than a frame may have shows those that are longer.
		l.view = buffer.NewViewSize(header.EthernetMinimumSize + l.nic.MTU() + 1)
	}
	return l.view.AsSlice()
}

// deliver hands on the frame in the first n bytes of view. It returns the view if
// that can be used again.
func (l *link) deliver(view *buffer.View, n int) *buffer.View {
	if n > view.Size() {
		l.rxLong.Add(1)
		return view
	}
	frame := view.AsSlice()[:n]
	kind, d := l.accept(frame, header.EthernetMinimumSize+l.nic.MTU())
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
	deliverPacket(d, buffer.MakeWithView(own), kind)
	return view
}

// deliverOffloaded hands on the frame that was read with a header, n bytes in all.
func (l *link) deliverOffloaded(n int) {
	frame, large, vouched, err := l.offload.received(n)
	if err != nil {
		l.rxShort.Add(1)
		return
	}
	limit := header.EthernetMinimumSize + l.nic.MTU()
	if large {
		limit = abi.UMEMMaxFrame
	}
	if kind, d := l.accept(frame, limit); d != nil {
		l.vouched.Store(vouched)
		deliverPacket(d, packet(frame), kind)
	}
}

// accept counts a frame, of at most limit bytes, and says who takes it; nobody if
// that is done.
func (l *link) accept(frame []byte, limit int) (kind tcpip.PacketType, d netstack.NetworkDispatcher) {
	if len(frame) < header.EthernetMinimumSize {
		l.rxShort.Add(1)
		return 0, nil
	}
	if len(frame) > limit {
		l.rxLong.Add(1)
		return 0, nil
	}
	kind, ok := l.classify(frame)
	if !ok {
		l.rxOther.Add(1)
		return 0, nil
	}
	l.rxFrames.Add(1)
	l.rxBytes.Add(uint64(len(frame)))
	if dhcp := l.dhcp.Load(); dhcp != nil && toDHCPClient(frame) {
		(*dhcp)(frame)
		return 0, nil
	}
	if d := l.dispatcher.Load(); d != nil {
		return kind, *d
	}
	return 0, nil
}

func deliverPacket(d netstack.NetworkDispatcher, frame buffer.Buffer, kind tcpip.PacketType) {
	pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: frame})
	eth, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	if ok {
		pkt.PktType = kind
		d.DeliverNetworkPacket(header.Ethernet(eth).Type(), pkt)
	}
	pkt.DecRef()
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

func (l *link) IsAttached() bool                 { return l.dispatcher.Load() != nil }
func (l *link) MTU() uint32                      { return l.mtu.Load() }
func (l *link) SetMTU(mtu uint32)                { l.mtu.Store(min(mtu, uint32(l.nic.MTU()))) }
func (l *link) MaxHeaderLength() uint16          { return header.EthernetMinimumSize }
func (l *link) LinkAddress() tcpip.LinkAddress   { return l.mac }
func (l *link) SetLinkAddress(tcpip.LinkAddress) {}
func (l *link) SetOnCloseAction(func())          {}
func (l *link) GSOMaxSize() uint32               { return netstack.GVisorGSOMaxSize }
func (l *link) ARPHardwareType() header.ARPHardwareType {
	return header.ARPHardwareEther
}

// SupportedGSO is what leaves the cutting of segments to the host, if it can.
func (l *link) SupportedGSO() netstack.SupportedGSO {
	if l.offload != nil {
		return netstack.HostGSOSupported
	}
	return netstack.GVisorGSOSupported
}

// Capabilities: addresses must be resolved. Netstack asks for each packet that it
// is handed, on the reader's goroutine, whether its checksums have been seen to.
func (l *link) Capabilities() netstack.LinkEndpointCapabilities {
	c := netstack.LinkEndpointCapabilities(netstack.CapabilityResolutionRequired)
	if l.vouched.Load() {
		c |= netstack.CapabilityRXChecksumOffload
	}
	return c
}
