package nacl

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tender/guest/net/journal"
)

// message is one of RFC 5424 §6, as an appliance sends it: priority and text.
var message = regexp.MustCompile(`^<([0-9]+)>1 [0-9]{4}-[0-9-]+T[0-9:.]+Z \S+ nacl \S+ \S+ - (.*)$`)

// syslogServer is a UDP listener that keeps messages.
type syslogServer struct {
	mu       sync.Mutex
	messages []string
}

// syslog starts one on a host.
func (h *host) syslog(address string) *syslogServer {
	h.s.t.Helper()
	var conn net.PacketConn
	h.s.must(h.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	}))
	h.s.t.Cleanup(func() { conn.Close() })
	l := &syslogServer{}
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			l.mu.Lock()
			l.messages = append(l.messages, string(buffer[:n]))
			l.mu.Unlock()
		}
	}()
	return l
}

// count is how many messages of a severity have come with exactly this text,
// and how many that are not messages of RFC 5424.
func (l *syslogServer) count(severity journal.Severity, text string) (n, malformed int) {
	for _, m := range l.all() {
		parts := message.FindStringSubmatch(m)
		if parts == nil {
			malformed++
		} else if parts[1] == strconv.Itoa(8+int(severity)) && strings.TrimPrefix(parts[2], "\ufeff") == text {
			n++
		}
	}
	return n, malformed
}

// all are all messages.
func (l *syslogServer) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.messages)
}

// has reports a message that ends in a text.
func (l *syslogServer) has(text string) bool {
	return slices.ContainsFunc(l.all(), func(m string) bool { return strings.HasSuffix(m, text) })
}
