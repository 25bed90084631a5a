package journal

import (
	"io"
	"os"
	"strconv"
	"time"

	"tender/guest/net/wire"
)

// Severity is that of RFC 5424 §6.2.1.
type Severity uint8

// Severities.
const (
	Emerg Severity = iota
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug
)

var severityNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// String is the lower-case name.
func (s Severity) String() string { return severityNames[s&7] }

// facility is "user-level messages".
const facility = 1

// Bounds of a journal.
const (
	// MaxMessage is the length of the longest message; what is longer is cut
	// off. Every receiver takes 480 bytes and should take 2048 (RFC 5424
	// §6.1).
	MaxMessage = 1024
	// consoleBytes is how much text waits for Flush.
	consoleBytes = 64 << 10
	// maxMessages is how many messages wait for Flush.
	maxMessages = 256
	// maxLine is the length of the longest piece of console text.
	maxLine = 4096
)

// Config is what a journal is made from; zero values stand for the defaults.
type Config struct {
	// Console is where text goes; os.Stdout.
	Console io.Writer
	// Hostname and App are fields of a message; "-" and "nacl".
	Hostname, App string
	// PerSecond is how many messages are sent in a second at most; 1000. A
	// quarter of that may come at once.
	PerSecond int
}

// Journal takes lines. It is for one goroutine.
type Journal struct {
	config Config
	line   Line
	// console is text for the console; ring holds messages, the oldest first
	// at next.
	console     []byte
	ring        [][]byte
	next, count int
	// send hands a message to the network; nil as long as there is no server.
	send func(message []byte) bool

	now      time.Time
	stamp    [40]byte
	stampLen int
	tokens   float64
	refilled time.Time
	// reportedLost is how many of the messages not sent the server knows of,
	// reported when it was last told.
	reportedLost uint64
	reported     time.Time
	counters     Counters
}

// Counters count lines.
type Counters struct {
	// Printed is text that went to the console, Unprinted what found no
	// room.
	Printed, Unprinted uint64
	// Sent are messages handed to the network, NotSent those beyond the rate
	// or without room, or that the network did not take.
	Sent, NotSent uint64
}

// New makes a journal, and all the memory it will ever use. Without SetServer
// its messages go to the console.
func New(c Config) *Journal {
	if c.Console == nil {
		c.Console = os.Stdout
	}
	if c.Hostname == "" {
		c.Hostname = "-"
	}
	if c.App == "" {
		c.App = "nacl"
	}
	if c.PerSecond <= 0 {
		c.PerSecond = 1000
	}
	j := &Journal{config: c, console: make([]byte, 0, consoleBytes), ring: make([][]byte, maxMessages)}
	for i := range j.ring {
		j.ring[i] = make([]byte, 0, MaxMessage)
	}
	j.line = Line{journal: j, text: make([]byte, 0, maxLine)}
	j.tokens = j.burst()
	return j
}

// SetServer makes messages go to send, which reports whether it could send
// one. It must not keep the message.
func (j *Journal) SetServer(send func(message []byte) bool) { j.send = send }

// SetTime tells the time that the lines of the next batch are from.
func (j *Journal) SetTime(now time.Time) {
	j.now, j.stampLen = now, 0
	if j.refilled.IsZero() {
		j.refilled = now
	}
	if passed := now.Sub(j.refilled); passed > 0 {
		j.tokens = min(j.burst(), j.tokens+passed.Seconds()*float64(j.config.PerSecond))
		j.refilled = now
	}
}

func (j *Journal) burst() float64 { return max(1, float64(j.config.PerSecond)/4) }

// Counters returns a copy.
func (j *Journal) Counters() Counters { return j.counters }

// Console begins text for the console. Nothing is added to it, no newline
// either.
func (j *Journal) Console() *Line {
	l := &j.line
	l.text, l.limit, l.kind = l.text[:0], maxLine, toConsole
	return l
}

// Syslog begins a message.
func (j *Journal) Syslog(s Severity) *Line {
	l := &j.line
	l.text, l.limit = l.text[:0], MaxMessage
	switch {
	case j.send == nil:
		l.kind, l.limit = toConsole, maxLine-1
		l.Text(s.String()).Text(": ")
		l.newline = true
	case j.count == len(j.ring) || j.tokens < 1:
		l.kind = toNobody
		j.counters.NotSent++
	default:
		l.kind = toServer
		j.tokens--
		l.header(s)
	}
	return l
}

// Flush writes what has been said. It returns the error of the console's
// writer.
func (j *Journal) Flush() error {
	var err error
	if len(j.console) > 0 {
		_, err = j.config.Console.Write(j.console)
		j.console = j.console[:0]
	}
	for ; j.count > 0; j.count-- {
		if j.send(j.ring[j.next]) {
			j.counters.Sent++
		} else {
			j.counters.NotSent++
		}
		j.next = (j.next + 1) % len(j.ring)
	}
	j.reportLost()
	return err
}

// reportLost tells the server how many messages it has not got, once a second
// at most, until it has been told.
func (j *Journal) reportLost() {
	lost := j.counters.NotSent - j.reportedLost
	if lost == 0 || j.send == nil || j.now.Sub(j.reported) < time.Second {
		return
	}
	j.reported = j.now
	l := &j.line
	l.text, l.limit, l.kind = l.text[:0], MaxMessage, toServer
	l.header(Warning)
	l.Uint(lost).Text(" messages were not sent")
	if j.send(l.text) {
		j.reportedLost = j.counters.NotSent
	}
}

// Pending reports that Flush has something to do.
func (j *Journal) Pending() bool { return len(j.console) > 0 || j.count > 0 }

// Line is text in the making: call its methods in one expression, End last.
type Line struct {
	journal *Journal
	text    []byte
	limit   int
	kind    destination
	newline bool
}

type destination uint8

const (
	toConsole destination = iota
	toServer
	toNobody
)

// Text adds s.
func (l *Line) Text(s string) *Line {
	if l.kind != toNobody {
		l.text = append(l.text, s[:min(len(s), l.limit-len(l.text))]...)
	}
	return l
}

// Uint adds a number.
func (l *Line) Uint(n uint64) *Line {
	if l.kind != toNobody && len(l.text)+20 <= l.limit {
		l.text = strconv.AppendUint(l.text, n, 10)
	}
	return l
}

// Addr4 adds an IPv4 address in dotted form.
func (l *Line) Addr4(a wire.Addr4) *Line { return l.Addr(wire.From4(a)) }

// Addr adds an address in the usual form of its family.
func (l *Line) Addr(a wire.Addr) *Line {
	const longest = 45
	if l.kind != toNobody && len(l.text)+longest <= l.limit {
		l.text = a.Append(l.text)
	}
	return l
}

// End says that the line is complete.
func (l *Line) End() {
	j := l.journal
	switch l.kind {
	case toConsole:
		if l.newline {
			l.text, l.newline = append(l.text, '\n'), false
		}
		if len(j.console)+len(l.text) > cap(j.console) {
			j.counters.Unprinted++
			return
		}
		j.console = append(j.console, l.text...)
		j.counters.Printed++
	case toServer:
		slot := (j.next + j.count) % len(j.ring)
		j.ring[slot] = append(j.ring[slot][:0], l.text...)
		j.count++
	}
}

// header begins a message: priority, version, time, host, program, and no
// process, message kind or structured data.
func (l *Line) header(s Severity) {
	j := l.journal
	if j.stampLen == 0 {
		j.stampLen = len(j.now.UTC().AppendFormat(j.stamp[:0], "2006-01-02T15:04:05.000000Z07:00"))
	}
	l.Text("<").Uint(facility*8 + uint64(s)).Text(">1 ")
	l.text = append(l.text, j.stamp[:j.stampLen]...)
	l.Text(" ").Text(j.config.Hostname).Text(" ").Text(j.config.App).Text(" - - - ")
}
