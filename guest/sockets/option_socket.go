package sockets

import (
	"encoding/binary"
	"math"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// socketOptions is SOL_SOCKET; empty options are only remembered.
var socketOptions = map[int]option{
	syscall.SO_REUSEADDR: flag((*tcpip.SocketOptions).GetReuseAddress, (*tcpip.SocketOptions).SetReuseAddress),
	soReusePort:          flag((*tcpip.SocketOptions).GetReusePort, (*tcpip.SocketOptions).SetReusePort),
	syscall.SO_BROADCAST: flag((*tcpip.SocketOptions).GetBroadcast, (*tcpip.SocketOptions).SetBroadcast),
	syscall.SO_KEEPALIVE: flag((*tcpip.SocketOptions).GetKeepAlive, (*tcpip.SocketOptions).SetKeepAlive),
	syscall.SO_NO_CHECK:  flag((*tcpip.SocketOptions).GetNoChecksum, (*tcpip.SocketOptions).SetNoChecksum),
	syscall.SO_ACCEPTCONN: {get: func(s *inet) (int, syscall.Errno) {
		return number(s.listening()), 0
	}},
	syscall.SO_ERROR: {get: func(s *inet) (int, syscall.Errno) {
		return int(errnoOf(s.endpoint.LastError())), 0
	}},
	syscall.SO_RCVBUF:      {getReceiveBuffer, setReceiveBuffer},
	syscall.SO_RCVBUFFORCE: {getReceiveBuffer, setReceiveBuffer},
	syscall.SO_SNDBUF:      {getSendBuffer, setSendBuffer},
	syscall.SO_SNDBUFFORCE: {getSendBuffer, setSendBuffer},
	syscall.SO_MARK: {
		func(s *inet) (int, syscall.Errno) { return int(int32(s.endpoint.SocketOptions().GetMark())), 0 },
		func(s *inet, v int) syscall.Errno {
			s.endpoint.SocketOptions().SetMark(uint32(v))
			return 0
		},
	},
	soBindToIfindex: {
		func(s *inet) (int, syscall.Errno) { return int(s.endpoint.SocketOptions().GetBindToDevice()), 0 },
		func(s *inet, v int) syscall.Errno {
			return errnoOf(s.endpoint.SocketOptions().SetBindToDevice(int32(v)))
		},
	},
	syscall.SO_TIMESTAMP:   wanted(wantTimestamp, nil),
	syscall.SO_TIMESTAMPNS: wanted(wantTimestampNanos, nil),
	syscall.SO_SNDLOWAT: {get: func(*inet) (int, syscall.Errno) {
		return 1, 0
	}},
	soIncomingCPU: {get: func(*inet) (int, syscall.Errno) {
		return 0, 0
	}},
	syscall.SO_PRIORITY: {}, syscall.SO_DEBUG: {}, syscall.SO_DONTROUTE: {}, syscall.SO_OOBINLINE: {},
	syscall.SO_BSDCOMPAT: {}, syscall.SO_RXQ_OVFL: {}, syscall.SO_PASSCRED: {}, soBusyPoll: {}, soLockFilter: {},
}

// wanted is an option that asks for control messages. tell, if not nil, tells
// the stack as well.
func wanted(want uint32, tell func(o *tcpip.SocketOptions, wants uint32)) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) { return number(s.wants.Load()&want != 0), 0 },
		set: func(s *inet, v int) syscall.Errno {
			if v != 0 {
				s.wants.Or(want)
			} else {
				s.wants.And(^want)
			}
			if tell != nil {
				tell(s.endpoint.SocketOptions(), s.wants.Load())
			}
			return 0
		},
	}
}

func getReceiveBuffer(s *inet) (int, syscall.Errno) {
	return int(min(s.endpoint.SocketOptions().GetReceiveBufferSize(), math.MaxInt32)), 0
}

func setReceiveBuffer(s *inet, v int) syscall.Errno {
	o := s.endpoint.SocketOptions()
	low, high := o.ReceiveBufferLimits()
	o.SetReceiveBufferSize(doubled(v, low, high), true)
	return 0
}

func getSendBuffer(s *inet) (int, syscall.Errno) {
	return int(min(s.endpoint.SocketOptions().GetSendBufferSize(), math.MaxInt32)), 0
}

func setSendBuffer(s *inet, v int) syscall.Errno {
	o := s.endpoint.SocketOptions()
	low, high := o.SendBufferLimits()
	o.SetSendBufferSize(doubled(v, low, high), true)
	return 0
}

// doubled is the size of a buffer that was asked for: as in Linux twice that,
// within limits. Negative sizes count as the largest.
func doubled(v int, low, high int64) int64 {
	if v < 0 {
		return high
	}
	return max(low, min(2*int64(v), high))
}

func (s *inet) socketStructOption(value []byte, name int) ([]byte, syscall.Errno) {
	o := s.endpoint.SocketOptions()
	switch name {
	case syscall.SO_LINGER:
		l := o.GetLinger()
		return appendInt(appendInt(value, number(l.Enabled)), int(l.Timeout/time.Second)), 0
	case syscall.SO_BINDTODEVICE:
		id := o.GetBindToDevice()
		if id == 0 {
			return value, 0
		}
		return append(append(value, s.stack.FindNICNameFromID(tcpip.NICID(id))...), 0), 0
	}
	return nil, syscall.ENOPROTOOPT
}

func (s *inet) setSocketStructOption(name int, value []byte) syscall.Errno {
	o := s.endpoint.SocketOptions()
	switch name {
	case syscall.SO_LINGER:
		if len(value) < 8 {
			return syscall.EINVAL
		}
		seconds := int32(binary.LittleEndian.Uint32(value[4:]))
		o.SetLinger(tcpip.LingerOption{
			Enabled: binary.LittleEndian.Uint32(value) != 0,
			Timeout: time.Duration(uint32(seconds)) * time.Second,
		})
		return 0
	case syscall.SO_BINDTODEVICE:
		if len(value) == 0 || value[0] == 0 {
			return errnoOf(o.SetBindToDevice(0))
		}
		id, _ := nicByName(s.stack, value)
		if id == 0 {
			return syscall.ENODEV
		}
		return errnoOf(o.SetBindToDevice(int32(id)))
	case syscall.SO_DETACH_FILTER:
		return syscall.ENOENT
	}
	return syscall.ENOPROTOOPT
}
