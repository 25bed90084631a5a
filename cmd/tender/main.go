// Command tender runs Go programs and Solo5 images as unikernels, builds
// them, and looks into them.
package main

import (
	"io"
	"os"
)

func main() {
	os.Exit(tender(os.Args[1:], stdio{os.Stdout, os.Stderr}))
}

// stdio is where a command writes: out has results and the guest's console,
// err has messages.
type stdio struct {
	out, err io.Writer
}

// tender is the whole command; it returns the exit status. To run an image it
// goes past the command library, which has no part in that.
func tender(args []string, std stdio) int {
	if len(args) == 0 || !isCommand(args[0]) {
		return run(args, std)
	}
	if args[0] == "run" {
		return run(args[1:], std)
	}
	return execute(args, std)
}
