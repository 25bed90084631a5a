package check

import (
	"strings"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// call checks an action or the call of a function. Actions win over functions of
// the same name.
func (b *body) call(s *syntax.Call) program.Stmt {
	name := strings.ToLower(s.Name.Text)
	switch name {
	case "accept", "drop":
		if b.of.Nat {
			b.errorf(s.Name.Span, "%s is not possible in a %s: it has dnat, snat, log and syslog", name, b.head)
			return nil
		}
		if len(s.Args) > 0 {
			b.errorf(s.Args[0].Place(), "%s has no arguments", name)
			return nil
		}
		return &program.Verdict{At: s.Span, Accept: name == "accept"}
	case "dnat", "snat":
		if !b.of.Nat {
			b.errorf(s.Name.Span, "%s is not possible in a %s: it has accept, drop, log and syslog", name, b.head)
			return nil
		}
		return b.translate(s, name)
	case "log":
		if len(s.Args) == 0 {
			b.errorf(s.Name.Span, "log has nothing to print: strings and properties are its arguments")
			return nil
		}
		return b.log(s, program.Console, s.Args)
	case "syslog":
		return b.syslogAction(s)
	}
	e := b.elements[s.Name.Text]
	switch {
	case e == nil:
		b.unknownAction(s.Name)
	case e.function == nil && e.broken:
	case e.function == nil:
		b.errorf(s.Name.Span, "%s is no function: it cannot be called", s.Name.Text)
	default:
		return b.callFunction(s, e)
	}
	return nil
}

func (b *body) unknownAction(name syntax.Word) {
	for _, e := range b.ordered {
		if e.function != nil && strings.EqualFold(e.name.Text, name.Text) {
			b.errorf(name.Span, "there is no function %s; there is %s, and case matters", name.Text, e.name.Text)
			return
		}
	}
	b.errorf(name.Span, "there is no action and no function %s", name.Text)
}

// translate checks dnat and snat: an address, a port, or both.
func (b *body) translate(s *syntax.Call, name string) program.Stmt {
	if len(s.Args) == 0 {
		b.errorf(s.Name.Span, "%s has no arguments: an address, a port, or an address and a port", name)
		return nil
	}
	args := s.Args
	if len(args) > 2 {
		b.errs.Warnf(args[2].Place(), "%s ignores what is behind address and port", name)
		args = args[:2]
	}
	t := &program.Translate{At: s.Span, Destination: name == "dnat"}
	for i, a := range args {
		at := a.Place()
		m, ok := b.meaning(a)
		if !ok {
			return nil
		}
		addr, isAddr := m.literal.(*syntax.Addr)
		port, isNumber := b.number(m)
		last := i == len(args)-1
		switch {
		case i == 0 && isAddr && addr.Value.Is4():
			t.Addr = addr.Value
		case last && isNumber && (port < 1 || port > 65535):
			b.errorf(at, "%s is no port: those are 1 to 65535", b.source(at))
			return nil
		case last && isNumber:
			t.Port = uint16(port)
		case i == 0 && last:
			b.errorf(at, "%s is neither an IPv4 address nor a port", b.source(at))
			return nil
		default:
			b.errorf(at, "%s is no %s: %s(address, port)", b.source(at), [...]string{"IPv4 address", "port"}[i], name)
			return nil
		}
	}
	return t
}

func (b *body) syslogAction(s *syntax.Call) program.Stmt {
	severities := alternatives(program.Severities[:], "or")
	if len(s.Args) == 0 {
		b.errorf(s.Name.Span, "syslog has no severity: %s", severities)
		return nil
	}
	severity := program.Console
	if n, ok := s.Args[0].(*syntax.Name); ok && len(n.Words) == 1 {
		for i, name := range program.Severities {
			if strings.EqualFold(name, n.Words[0].Text) {
				severity = program.Severity(i)
			}
		}
	}
	if severity == program.Console {
		b.errorf(s.Args[0].Place(), "%s is no severity: %s", b.source(s.Args[0].Place()), severities)
		return nil
	}
	if len(s.Args) == 1 {
		b.errorf(s.Name.Span, "syslog has nothing to print behind the severity")
		return nil
	}
	return b.log(s, severity, s.Args[1:])
}

// maxText bounds the text of one message in bytes.
const maxText = 1024

// log checks what log and syslog print.
func (b *body) log(s *syntax.Call, severity program.Severity, args []syntax.Value) program.Stmt {
	l := &program.Log{At: s.Span, Severity: severity}
	size, good := 0, true
	for _, a := range args {
		if text, ok := a.(*syntax.String); ok {
			l.Parts = append(l.Parts, program.Part{Text: text.Value})
			size += len(text.Value)
			continue
		}
		m, ok := b.meaning(a)
		switch {
		case !ok:
			good = false
		case m.field == program.NoField:
			b.errorf(a.Place(), "%s cannot be printed: strings and properties can", b.source(a.Place()))
			good = false
		default:
			good = b.visible(m.field, a.Place()) && good
			l.Parts = append(l.Parts, program.Part{Field: m.field})
			size += len("255.255.255.255")
		}
	}
	if size > maxText {
		b.errorf(s.Name.Span, "the message is longer than %d bytes", maxText)
		return nil
	}
	if !good {
		return nil
	}
	return l
}
