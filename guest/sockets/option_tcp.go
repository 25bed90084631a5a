package sockets

import (
	"encoding/binary"
	"strings"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// tcpOptions is IPPROTO_TCP; empty options are only remembered.
var tcpOptions = map[int]option{
	syscall.TCP_NODELAY: flag(
		func(o *tcpip.SocketOptions) bool { return !o.GetDelayOption() },
		func(o *tcpip.SocketOptions, v bool) { o.SetDelayOption(!v) }),
	syscall.TCP_CORK:         flag((*tcpip.SocketOptions).GetCorkOption, (*tcpip.SocketOptions).SetCorkOption),
	syscall.TCP_QUICKACK:     flag((*tcpip.SocketOptions).GetQuickAck, (*tcpip.SocketOptions).SetQuickAck),
	syscall.TCP_MAXSEG:       ranged(tcpip.MaxSegOption, 88, 32767),
	syscall.TCP_KEEPCNT:      ranged(tcpip.KeepaliveCountOption, 1, 127),
	syscall.TCP_SYNCNT:       ranged(tcpip.TCPSynCountOption, 1, 127),
	syscall.TCP_WINDOW_CLAMP: ranged(tcpip.TCPWindowClampOption, 0, 1<<30),
	syscall.TCP_KEEPIDLE:     lasting[tcpip.KeepaliveIdleOption](time.Second, 1, 32767),
	syscall.TCP_KEEPINTVL:    lasting[tcpip.KeepaliveIntervalOption](time.Second, 1, 32767),
	syscall.TCP_LINGER2:      lasting[tcpip.TCPLingerTimeoutOption](time.Second, -1, 1<<20),
	syscall.TCP_DEFER_ACCEPT: lasting[tcpip.TCPDeferAcceptOption](time.Second, 0, 1<<20),
	tcpUserTimeout:           lasting[tcpip.TCPUserTimeoutOption](time.Millisecond, 0, 1<<31-1),
	tcpNotSentLowat:          {},
}

// duration is an option of the stack that is a time.
type duration[T any] interface {
	*T
	tcpip.GettableSocketOption
	tcpip.SettableSocketOption
}

// lasting is an option that is a time, counted in units.
func lasting[T ~int64, P duration[T]](unit time.Duration, low, high int) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) {
			var v T
			err := s.endpoint.GetSockOpt(P(&v))
			return int(time.Duration(v) / unit), errnoOf(err)
		},
		set: func(s *inet, n int) syscall.Errno {
			if n < low || n > high {
				return syscall.EINVAL
			}
			v := T(time.Duration(n) * unit)
			return errnoOf(s.endpoint.SetSockOpt(P(&v)))
		},
	}
}

// congestionNameLen is TCP_CA_NAME_MAX.
const congestionNameLen = 16

func (s *inet) tcpStructOption(value []byte, name int) ([]byte, syscall.Errno) {
	switch name {
	case syscall.TCP_INFO:
		return s.appendTCPInfo(value)
	case syscall.TCP_CONGESTION:
		var o tcpip.CongestionControlOption
		if err := s.endpoint.GetSockOpt(&o); err != nil {
			return nil, errnoOf(err)
		}
		var b [congestionNameLen]byte
		copy(b[:], o)
		return append(value, b[:]...), 0
	}
	return nil, syscall.ENOPROTOOPT
}

func (s *inet) setTCPStructOption(name int, value []byte) syscall.Errno {
	if name != syscall.TCP_CONGESTION {
		return syscall.ENOPROTOOPT
	}
	if len(value) == 0 {
		return syscall.EINVAL
	}
	algorithm, _, _ := strings.Cut(string(value[:min(len(value), congestionNameLen-1)]), "\x00")
	o := tcpip.CongestionControlOption(algorithm)
	return errnoOf(s.endpoint.SetSockOpt(&o))
}

// sizeofTCPInfo is the size of struct tcp_info since Linux 4.19.
const sizeofTCPInfo = 232

// appendTCPInfo appends struct tcp_info with what the stack knows.
func (s *inet) appendTCPInfo(value []byte) ([]byte, syscall.Errno) {
	const sack, timestamps, windowScale = 2, 1, 4
	const mss = 1460
	var info tcpip.TCPInfoOption
	if err := s.endpoint.GetSockOpt(&info); err != nil {
		return nil, errnoOf(err)
	}
	var b [sizeofTCPInfo]byte
	put := func(offset int, v uint32) { binary.LittleEndian.PutUint32(b[offset:], v) }
	b[0] = uint8(info.State)
	if info.CcState != tcpip.Open {
		b[1] = 3 // TCP_CA_Recovery
	}
	b[5] = timestamps | sack | windowScale
	put(8, uint32(info.RTO.Microseconds()))
	segment := uint32(mss)
	if mtu, errno := pathMTU(s); errno == 0 {
		put(60, uint32(mtu))
		segment = uint32(max(mtu-40, 0))
	}
	put(16, segment) // snd_mss
	put(20, segment) // rcv_mss
	put(68, uint32(info.RTT.Microseconds()))
	put(72, uint32(info.RTTVar.Microseconds()))
	put(76, info.SndSsthresh)
	put(80, info.SndCwnd)
	put(84, segment) // advmss
	put(88, 3)       // reordering
	if stats, ok := s.endpoint.Stats().(*tcp.Stats); ok {
		put(100, uint32(stats.SendErrors.Retransmits.Value()))
		put(136, uint32(stats.SegmentsSent.Value()))
		put(140, uint32(stats.SegmentsReceived.Value()))
	}
	return append(value, b[:]...), 0
}
