package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/format"
	"tender/nacl/syntax"
)

func newNaclFormat(std stdio) *cobra.Command {
	var write, diff bool
	c := &cobra.Command{
		Use:   "fmt [flags] FILE...",
		Short: "Write programs in NaCl in one style",
		Long: `Write programs in NaCl in one style, to standard output if no flag says otherwise.

Comments and line breaks that carry sense stay as they are. FILE may be - for
what comes on standard input.`,
		Args: someFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			code := 0
			for _, path := range args {
				code = max(code, naclFormat(path, write, diff, std))
			}
			return status(code)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&write, "write", "w", false, "write into the files instead")
	f.BoolVarP(&diff, "diff", "d", false, "show what would change; the exit status is 1 if anything would")
	c.MarkFlagsMutuallyExclusive("write", "diff")
	return c
}

// naclFormat formats one file, and returns the exit status.
func naclFormat(path string, write, diff bool, std stdio) int {
	src, err := nacl.Read(path, std.in)
	if err != nil {
		return std.fail(err)
	}
	errs := diag.NewList(src)
	f := syntax.Parse(src, errs)
	if errs.Errors() > 0 {
		fmt.Fprint(std.err, errs.Text())
		return int(exitFailure)
	}
	text, err := format.File(f)
	switch {
	case err != nil:
		return std.fail(err)
	case diff && text == src.Text:
		return 0
	case diff:
		if printed := std.print(format.Diff(src.Name, src.Text, text)); printed != 0 {
			return printed
		}
		return int(exitFailure)
	case !write:
		return std.print(text)
	case path == "-":
		return std.fail(fmt.Errorf("standard input cannot be written: leave out -w"))
	case text != src.Text:
		if err := replaceFile(path, text); err != nil {
			return std.fail(err)
		}
	}
	return 0
}

// replaceFile writes a file anew, so that it is never half written.
func replaceFile(path, text string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("cannot write the program: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot write the program: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".nacl-*")
	if err != nil {
		return fmt.Errorf("cannot write the program: %w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("cannot write the program: %w", err)
	}
	return nil
}
