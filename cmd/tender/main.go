// Command tender runs Go programs and Solo5 images as unikernels, builds
// them, and looks into them.
package main

import (
	"io"
	"os"
	"path/filepath"
)

func main() {
	name := filepath.Base(os.Args[0])
	os.Exit(as(name, os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr, own: true}))
}

// stdio is where a command reads and writes: out has results and the guest's
// console, err has messages.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	// name begins messages; "" is tender.
	name string
	// own says that the process is the command's, to be confined.
	own bool
}

// as is the command under the name it was started by; it returns the exit
// status. Under the name of one of Solo5's programs it is that program.
func as(name string, args []string, std stdio) int {
	std.name = name
	switch name {
	case "solo5-hvt":
		return solo5(hvtTender, args, std)
	case "solo5-spt":
		return solo5(sptTender, args, std)
	case "solo5-elftool":
		return elftool(args, std)
	}
	std.name = ""
	return tender(args, std)
}

// tender is the whole command under its own name. To run an image it goes
// past the command library, which has no part in that.
func tender(args []string, std stdio) int {
	if len(args) == 0 || !isCommand(args[0]) {
		return run(args, std)
	}
	if args[0] == "run" {
		return run(args[1:], std)
	}
	return execute(args, std)
}
