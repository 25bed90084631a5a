package sockets

import "syscall"

func (s *unix) option(value []byte, level, name int) ([]byte, syscall.Errno) {
	if level != syscall.SOL_SOCKET {
		return nil, syscall.EOPNOTSUPP
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	switch name {
	case syscall.SO_ERROR:
		e := s.failure
		s.failure = 0
		return appendInt(value, int(e)), 0
	case syscall.SO_ACCEPTCONN:
		return appendInt(value, number(s.listening)), 0
	case syscall.SO_PASSCRED:
		return appendInt(value, number(s.passCredentials)), 0
	case syscall.SO_RCVBUF, syscall.SO_SNDBUF:
		return appendInt(value, unixBuffer), 0
	case syscall.SO_PEERCRED:
		return appendCredentials(value), 0
	case syscall.SO_REUSEADDR, syscall.SO_KEEPALIVE, syscall.SO_BROADCAST, syscall.SO_PRIORITY:
		return appendInt(value, s.kept[name]), 0
	case syscall.SO_LINGER:
		return append(value, s.linger[:]...), 0
	}
	return nil, syscall.ENOPROTOOPT
}

// setOption accepts what only tunes a socket.
func (s *unix) setOption(level, name int, value []byte) syscall.Errno {
	if level != syscall.SOL_SOCKET {
		return syscall.EOPNOTSUPP
	}
	v, errno := parseInt(level, value)
	if errno != 0 || name == syscall.SO_LINGER && len(value) < 8 {
		return syscall.EINVAL
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	switch name {
	case syscall.SO_PASSCRED:
		s.passCredentials = v != 0
		return 0
	case syscall.SO_REUSEADDR, syscall.SO_KEEPALIVE, syscall.SO_BROADCAST:
		v = number(v != 0)
		fallthrough
	case syscall.SO_PRIORITY:
		if s.kept == nil {
			s.kept = map[int]int{}
		}
		s.kept[name] = v
		return 0
	case syscall.SO_LINGER:
		copy(s.linger[:], value)
		s.linger[0], s.linger[1], s.linger[2], s.linger[3] = byte(number(v != 0)), 0, 0, 0
		return 0
	case syscall.SO_RCVBUF, syscall.SO_SNDBUF, syscall.SO_RCVBUFFORCE, syscall.SO_SNDBUFFORCE:
		return 0
	}
	return syscall.ENOPROTOOPT
}

// appendCredentials appends struct ucred of the one process there is.
func appendCredentials(b []byte) []byte {
	return appendInt(appendInt(appendInt(b, 1), 0), 0)
}
