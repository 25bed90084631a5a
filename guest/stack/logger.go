package stack

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	gvisorlog "gvisor.dev/gvisor/pkg/log"
)

// Level says how much a message matters.
type Level uint8

// The levels, in the spelling of --log.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

var levelNames = [...]string{"debug", "info", "warn", "error"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// Logger prints messages of one level or above, one line each. A nil Logger
// prints nothing. Its methods may be called by several goroutines.
type Logger struct {
	level Level
	mu    sync.Mutex
	w     io.Writer
}

// NewLogger makes a Logger that prints what has this level or a higher one.
func NewLogger(w io.Writer, level Level) *Logger { return &Logger{level: level, w: w} }

// Printf prints a message of a level. Messages of LevelInfo are printed as they
// are, others with the level in front.
func (l *Logger) Printf(level Level, format string, args ...any) {
	if l == nil || level < l.level {
		return
	}
	line := fmt.Sprintf(format, args...) + "\n"
	if level != LevelInfo {
		line = level.String() + ": " + line
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.w, line)
}

// netstackLogger is where messages of netstack go: the Logger of the last Start.
var netstackLogger atomic.Pointer[Logger]

// netstackEmitter passes netstack's messages on as messages of LevelDebug: what
// they tell is about single packets, and a hostile peer can cause any number.
type netstackEmitter struct{}

func (netstackEmitter) Emit(_ int, _ gvisorlog.Level, _ time.Time, format string, args ...any) {
	netstackLogger.Load().Printf(LevelDebug, "netstack: "+format, args...)
}

// The target can be set only while nothing logs.
func init() { gvisorlog.SetTarget(netstackEmitter{}) }
