package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// WritePackets sends packets, which have their Ethernet header. Those that the
// device does not take are lost and counted, as on any cable: who needs them
// sends them again.
func (l *link) WritePackets(pkts netstack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		if l.offload != nil {
			l.sendMu.Lock()
			l.sent(pkt.Size(), l.offload.send(pkt))
			l.sendMu.Unlock()
			continue
		}
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
func (l *link) writeFrame(frame []byte) (err error) {
	if l.offload != nil {
		l.sendMu.Lock()
		err = l.offload.write(frame)
		l.sendMu.Unlock()
	} else {
		err = l.nic.WriteFrame(frame)
	}
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
