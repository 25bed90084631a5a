package appliance

import (
	"time"

	"tender/guest/net/journal"
	"tender/guest/net/wire"
)

// syslogPort is the source port of messages (RFC 5426 §3.3).
const syslogPort = 514

// sender sends messages to a syslog server.
type sender struct {
	appliance *Appliance
	server    Syslog
	frame     []byte
	id        uint16
}

func newSender(a *Appliance, s Syslog) sender {
	return sender{a, s, make([]byte, wire.EthernetLen+wire.IPv6Len+wire.UDPLen+journal.MaxMessage), 0}
}

// send puts a message into a datagram and sends it.
func (s *sender) send(message []byte) bool {
	e := s.appliance.engine
	src, ok := e.SourceTo(s.server.Address)
	if !ok {
		return false
	}
	dst := s.server.Address
	frame := s.frame[:wire.EthernetLen+dst.HeaderLen()+wire.UDPLen+len(message)]
	s.id++
	payload, pseudo := wire.SetIP(frame[wire.EthernetLen:], src, dst, wire.ProtoUDP, 64, s.id)
	copy(payload[wire.UDPLen:], message)
	wire.UDP(payload).SetHeader(syslogPort, s.server.Port, pseudo)
	return e.Send(frame, s.appliance.clock.nanos(time.Now()))
}
