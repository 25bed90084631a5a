package gen

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/interp"
	"tender/nacl/program"
)

var (
	randomPrograms = flag.Int("programs", 25, "how many random programs TestSameAsInterpreter compiles")
	randomSeed     = flag.Uint64("seed", 0, "where their random numbers begin; 0 is the time")
)

// question is a packet for a chain of a program.
type question struct {
	Program int
	Chain   string
	Data    []byte
	State   uint8
}

// answer is what became of it: the packet as it is then, what went to the
// console, and messages with their severity.
type answer struct {
	Accept   bool
	Data     []byte
	Console  string
	Messages []string
}

// driver answers questions by compiled programs.
const driver = `package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tender/guest/net/journal"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

type program struct {
	chains map[string]packet.Chain
	log    *journal.Journal
	out    *bytes.Buffer
}

type question struct {
	Program int
	Chain   string
	Data    []byte
	State   uint8
}

type answer struct {
	Accept   bool
	Data     []byte
	Console  string
	Messages []string
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	now := time.Unix(0, 0)
	for i, q := range questions {
		p := programs[q.Program]
		a := &answers[i]
		p.log.SetServer(func(m []byte) bool {
			pri := 0
			fmt.Sscanf(string(m), "<%d>", &pri)
			a.Messages = append(a.Messages, fmt.Sprint(pri&7, " ", strings.SplitN(string(m), " ", 8)[7]))
			return true
		})
		now = now.Add(time.Hour)
		p.log.SetTime(now)
		frame := append(make([]byte, wire.EthernetLen), q.Data...)
		var d packet.Packet
		var err error
		if q.Data[0]>>4 == 4 {
			ip, wrong := wire.ParseIPv4(frame[wire.EthernetLen:])
			if wrong != nil {
				panic(wrong)
			}
			err = d.Parse(frame, ip)
		} else {
			ip, wrong := wire.ParseIPv6(frame[wire.EthernetLen:])
			if wrong != nil {
				panic(wrong)
			}
			err = d.Parse6(frame, ip)
		}
		if err != nil {
			panic(fmt.Sprintf("%v: %x", err, q.Data))
		}
		d.State = packet.State(q.State)
		if i%20 == 0 {
			copied := d
			copied.State = packet.Established // which no translation changes
			if n := testing.AllocsPerRun(3, func() { p.chains[q.Chain](&copied) }); n != 0 {
				panic(fmt.Sprintf("%v allocations", n))
			}
			p.log.Flush()
			p.out.Reset()
			a.Messages = nil
		}
		a.Accept = p.chains[q.Chain](&d) == packet.Accept
		a.Data = frame[wire.EthernetLen:]
		p.log.Flush()
		a.Console = p.out.String()
		p.out.Reset()
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
`

// export makes the chains of a generated package visible.
const export = `package %s

import (
	"bytes"

	"tender/guest/net/journal"
	"tender/guest/net/packet"
)

var Out bytes.Buffer
var log = journal.New(journal.Config{Console: &Out, PerSecond: 1e9})
var Log = log
var Chains = map[string]packet.Chain{%s}
`

// batch is a number of programs compiled into one binary. The files are in an
// overlay, so that they are in this module and yet nowhere.
type batch struct {
	t        *testing.T
	dir      string
	replace  map[string]string
	programs []*program.Program
	imports  strings.Builder
	list     strings.Builder
}

func (b *batch) file(path string, text []byte) {
	b.t.Helper()
	at := filepath.Join(b.dir, strings.ReplaceAll(path, "/", "_"))
	if err := os.WriteFile(at, text, 0o644); err != nil {
		b.t.Fatal(err)
	}
	folder, err := filepath.Abs("batch")
	if err != nil {
		b.t.Fatal(err)
	}
	b.replace[filepath.Join(folder, path)] = at
}

// add compiles a program to Go.
func (b *batch) add(name, text string) {
	b.t.Helper()
	p, errs := nacl.Load(diag.NewSource(name, text))
	if errs.Errors() > 0 {
		b.t.Fatalf("%s\n%s", text, errs.Text())
	}
	pkg := fmt.Sprintf("p%d", len(b.programs))
	b.programs = append(b.programs, p)
	files, err := Rules(p, pkg)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, text)
	}
	for name, text := range files {
		b.file(pkg+"/"+name, text)
	}
	var chains strings.Builder
	for _, c := range allChains(p) {
		fmt.Fprintf(&chains, "%q: %s, ", c.name, c.name)
	}
	b.file(pkg+"/export.go", fmt.Appendf(nil, export, pkg, chains.String()))
	fmt.Fprintf(&b.imports, "\t\"tender/nacl/gen/batch/%s\"\n", pkg)
	fmt.Fprintf(&b.list, "\t{%s.Chains, %s.Log, &%s.Out},\n", pkg, pkg, pkg)
}

// allChains are the chains of a program that have functions.
func allChains(p *program.Program) []chain {
	var all []chain
	for _, i := range p.Ifaces {
		for _, c := range chainsOf(i) {
			if len(c.functions) > 0 {
				all = append(all, c)
			}
		}
	}
	if w := p.Gateway; w != nil && len(w.Forward) > 0 {
		all = append(all, forwardOf(w))
	}
	return all
}

// ask compiles the programs and runs them.
func (b *batch) ask(questions []question) []answer {
	b.t.Helper()
	b.file("main.go", []byte(driver))
	b.file("programs.go", []byte("package main\n\nimport (\n"+b.imports.String()+")\n\nvar programs = []program{\n"+b.list.String()+"}\n"))
	overlay, err := json.Marshal(map[string]any{"Replace": b.replace})
	if err != nil {
		b.t.Fatal(err)
	}
	at := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(at, overlay, 0o644); err != nil {
		b.t.Fatal(err)
	}
	binary := filepath.Join(b.dir, "batch")
	build := exec.Command("go", "build", "-overlay", at, "-o", binary, "./batch")
	if out, err := build.CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	in, err := json.Marshal(questions)
	if err != nil {
		b.t.Fatal(err)
	}
	run := exec.Command(binary)
	run.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	out, err := run.Output()
	if err != nil {
		b.t.Fatalf("%v\n%s", err, stderr.String())
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil {
		b.t.Fatal(err)
	}
	return answers
}

// interpreted is the answer of the interpreter.
func interpreted(c chain, q question) answer {
	p := &interp.Packet{Data: bytes.Clone(q.Data), State: program.State(q.State)}
	r := interp.Chain(c.functions, p)
	a := answer{Accept: r.Outcome == interp.Accept, Data: p.Data}
	for _, l := range r.Lines {
		if l.Severity == program.Console {
			a.Console += l.Text
		} else {
			a.Messages = append(a.Messages, fmt.Sprint(int(l.Severity), " ", l.Text))
		}
	}
	return a
}

// A program and what was made of it say the same about every packet, write the
// same lines and do the same translations.
func TestSameAsInterpreter(t *testing.T) {
	seed := *randomSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	b := &batch{t: t, dir: t.TempDir(), replace: map[string]string{}}
	kept, err := filepath.Glob("testdata/same/*.nacl")
	if err != nil {
		t.Fatal(err)
	}
	published, err := filepath.Glob("../testdata/*.nacl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(kept, published...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b.add(path, string(text))
	}
	var texts []string
	for i := range *randomPrograms {
		text := randomProgram(rand.New(rand.NewPCG(seed, uint64(i))))
		texts = append(texts, text)
		b.add(fmt.Sprintf("random%d.nacl", i), text)
	}
	r := rand.New(rand.NewPCG(seed, 1<<32))
	var questions []question
	var chains []chain
	for i, p := range b.programs {
		for _, c := range allChains(p) {
			for range 100 {
				questions = append(questions, question{i, c.name, randomPacket(r), []uint8{0, 1, 1, 1, 2, 3}[r.IntN(6)]})
				chains = append(chains, c)
			}
		}
	}
	accepted, spoken := 0, 0
	for i, got := range b.ask(questions) {
		q := questions[i]
		want := interpreted(chains[i], q)
		if got.Accept {
			accepted++
		}
		if want.Console != "" || len(want.Messages) > 0 {
			spoken++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			text := ""
			if n := q.Program - (len(b.programs) - len(texts)); n >= 0 {
				text = texts[n]
			}
			t.Fatalf("-seed %d: %s of %s, packet %x, state %v:\n got %+v\nwant %+v\n%s", seed, q.Chain, b.programs[q.Program].Source.Name, q.Data, program.State(q.State), got, want, text)
		}
	}
	t.Logf("%d packets, %d accepted, %d were written about", len(questions), accepted, spoken)
}
