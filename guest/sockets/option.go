package sockets

import (
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// optionID names a socket option.
type optionID struct{ level, name int }

// option is an option of a socket of the stack whose value is an int. A
// missing function makes it read-only or write-only.
type option struct {
	get func(*inet) (int, syscall.Errno)
	set func(*inet, int) syscall.Errno
}

// options is those of all levels.
var options = map[optionID]option{}

func init() {
	for level, of := range map[int]map[int]option{
		syscall.SOL_SOCKET:   socketOptions,
		syscall.IPPROTO_IP:   ip4Options,
		syscall.IPPROTO_IPV6: ip6Options,
		syscall.IPPROTO_TCP:  tcpOptions,
	} {
		for name, o := range of {
			if o.set == nil && o.get == nil {
				o = remembered(optionID{level, name}, 0)
			}
			options[optionID{level, name}] = o
		}
	}
	options[optionID{syscall.SOL_SOCKET, syscall.SO_RCVLOWAT}] = remembered(optionID{syscall.SOL_SOCKET, syscall.SO_RCVLOWAT}, 1)
	options[optionID{syscall.IPPROTO_IP, ipMulticastAll}] = remembered(optionID{syscall.IPPROTO_IP, ipMulticastAll}, 1)
	options[optionID{syscall.IPPROTO_IPV6, ipv6MulticastAll}] = remembered(optionID{syscall.IPPROTO_IPV6, ipv6MulticastAll}, 1)
	options[optionID{syscall.IPPROTO_IPV6, ipv6AutoFlowLabel}] = remembered(optionID{syscall.IPPROTO_IPV6, ipv6AutoFlowLabel}, 1)
}

// remembered is an option that reads as it was set and does nothing.
func remembered(id optionID, initial int) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if v, ok := s.kept[id]; ok {
				return v, 0
			}
			return initial, 0
		},
		set: func(s *inet, v int) syscall.Errno {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.kept == nil {
				s.kept = map[optionID]int{}
			}
			s.kept[id] = v
			return 0
		},
	}
}

// flag is an option that is on or off in the stack's socket options.
func flag(get func(*tcpip.SocketOptions) bool, set func(*tcpip.SocketOptions, bool)) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) { return number(get(s.endpoint.SocketOptions())), 0 },
		set: func(s *inet, v int) syscall.Errno {
			set(s.endpoint.SocketOptions(), v != 0)
			return 0
		},
	}
}

// ranged is an option that the endpoint keeps as an int.
func ranged(o tcpip.SockOptInt, low, high int) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(o)
			return v, errnoOf(err)
		},
		set: func(s *inet, v int) syscall.Errno {
			if v < low || v > high {
				return syscall.EINVAL
			}
			return errnoOf(s.endpoint.SetSockOptInt(o, v))
		},
	}
}

func number(v bool) int {
	if v {
		return 1
	}
	return 0
}

// has says whether the socket has options of a level.
func (s *inet) has(level int) bool {
	switch level {
	case syscall.SOL_SOCKET:
		return true
	case syscall.IPPROTO_IP:
		return s.family == syscall.AF_INET || s.typ != syscall.SOCK_RAW
	case syscall.IPPROTO_IPV6:
		return s.family == syscall.AF_INET6
	case syscall.IPPROTO_TCP:
		return s.stream()
	case solRaw, protocolICMPv6:
		return s.typ == syscall.SOCK_RAW
	}
	return false
}

func (s *inet) option(value []byte, level, name int) ([]byte, syscall.Errno) {
	if !s.has(level) {
		if s.family == syscall.AF_INET {
			return nil, syscall.EOPNOTSUPP
		}
		return nil, syscall.ENOPROTOOPT
	}
	if o := options[optionID{level, name}]; o.get != nil {
		v, errno := o.get(s)
		return appendInt(value, v), errno
	}
	switch level {
	case syscall.SOL_SOCKET:
		return s.socketStructOption(value, name)
	case syscall.IPPROTO_IP, syscall.IPPROTO_IPV6:
		return s.ipStructOption(value, level, name)
	case syscall.IPPROTO_TCP:
		return s.tcpStructOption(value, name)
	}
	return nil, syscall.ENOPROTOOPT
}

func (s *inet) setOption(level, name int, value []byte) syscall.Errno {
	if !s.has(level) {
		return syscall.ENOPROTOOPT
	}
	o, known := options[optionID{level, name}]
	if o.set != nil {
		v, errno := parseInt(level, value)
		if errno != 0 {
			return errno
		}
		return o.set(s, v)
	}
	if known {
		return syscall.ENOPROTOOPT // read-only
	}
	switch level {
	case syscall.SOL_SOCKET:
		return s.setSocketStructOption(name, value)
	case syscall.IPPROTO_IP:
		return s.setIP4StructOption(name, value)
	case syscall.IPPROTO_IPV6:
		return s.setIP6StructOption(name, value)
	case syscall.IPPROTO_TCP:
		return s.setTCPStructOption(name, value)
	case protocolICMPv6:
		return s.setICMP6Filter(name, value)
	case solRaw:
		return s.setICMP4Filter(name, value)
	}
	return syscall.ENOPROTOOPT
}

// parseInt reads the value of an option. At the level of IP a byte will do.
func parseInt(level int, value []byte) (int, syscall.Errno) {
	switch {
	case len(value) >= 4:
		return int(int32(binary.LittleEndian.Uint32(value))), 0
	case level == syscall.IPPROTO_IP && len(value) != 0:
		return int(value[0]), 0
	}
	return 0, syscall.EINVAL
}

func appendInt(b []byte, v int) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(int32(v)))
}
