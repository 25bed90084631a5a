package gen

import (
	"fmt"
	"strconv"
	"strings"

	"tender/nacl/program"
)

var severities = [...]string{"Emerg", "Alert", "Crit", "Err", "Warning", "Notice", "Info", "Debug"}

// manyLogs is from how many log statements on those of one shape share a Go
// function, which keeps images small.
const manyLogs = 32

// log is the Go code of log and syslog.
func (g *generator) log(l *program.Log) string {
	if g.logs < manyLogs {
		return say(l, strconv.Quote) + "\n"
	}
	// The shape is the code with parameters in the place of texts.
	var texts, parameters []string
	shape := say(l, func(text string) string {
		texts = append(texts, strconv.Quote(text))
		parameters = append(parameters, fmt.Sprintf("t%d string", len(texts)))
		return fmt.Sprintf("t%d", len(texts))
	})
	name, ok := g.shapes[shape]
	if !ok {
		name = fmt.Sprintf("say%d", len(g.shapes)+1)
		g.shapes[shape] = name
		fmt.Fprintf(&g.helpers, "func %s(p *packet.Packet, %s) {\n%s\n}\n\n", name, strings.Join(parameters, ", "), shape)
	}
	return fmt.Sprintf("%s(%s)\n", name, strings.Join(append([]string{"p"}, texts...), ", "))
}

// say is the expression that says something; text makes Go of its texts.
func say(l *program.Log, text func(string) string) string {
	var out strings.Builder
	out.WriteString("log.Console()")
	if l.Severity != program.Console {
		out.Reset()
		fmt.Fprintf(&out, "log.Syslog(journal.%s)", severities[l.Severity])
	}
	pending := ""
	flush := func() {
		if pending != "" {
			fmt.Fprintf(&out, ".Text(%s)", text(pending))
			pending = ""
		}
	}
	for _, part := range l.Parts {
		if part.Field == program.NoField {
			pending += part.Text
			continue
		}
		flush()
		x := expressions[part.Field]
		switch program.Info[part.Field].Shape {
		case program.Address4:
			fmt.Fprintf(&out, ".Addr4(%s)", x)
		case program.Address6:
			fmt.Fprintf(&out, ".Addr(%s)", x)
		case program.ConnState:
			fmt.Fprintf(&out, ".Text(%s.String())", x)
		default:
			fmt.Fprintf(&out, ".Uint(uint64(%s))", x)
		}
	}
	flush()
	return out.String() + ".End()"
}

// countLogs is how many log statements there are in statements.
func countLogs(body []program.Stmt) int {
	n := 0
	for _, s := range body {
		switch s := s.(type) {
		case *program.Log:
			n++
		case *program.Block:
			n += countLogs(s.Body)
		case *program.If:
			n += countLogs(s.Then) + countLogs(s.Else)
		}
	}
	return n
}
