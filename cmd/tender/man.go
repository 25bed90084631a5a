package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newMan(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Write the manual page",
		Example: "  tender man | man -l -",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return status(std.print(manPage(c.Root())))
		},
	}
}

// manPage is the manual page of the command, in the man macros of roff.
func manPage(root *cobra.Command) string {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", title) }
	b.WriteString(".TH TENDER 1\n")
	section("NAME")
	b.WriteString("tender \\- run and build unikernels\n")
	section("SYNOPSIS")
	b.WriteString(".B tender\n[run] [options] [\\-\\-] IMAGE [guest arguments]\n.br\n.B tender\nCOMMAND [arguments]\n")
	section("DESCRIPTION")
	fmt.Fprintf(&b, "%s\nIMAGE is what\n.B tender build\nmakes, or a Solo5 unikernel of the hvt target. What comes after it goes to the guest.\n", roff(summary))
	section("OPTIONS")
	for _, o := range runOptionTable {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(strings.Join(o.forms(), ", ")), roff(o.help))
	}
	section("COMMANDS")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			manCommand(&b, c)
		}
	}
	section("EXAMPLES")
	for _, e := range runExamples {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(e.line), roff(e.does))
	}
	section("EXIT STATUS")
	b.WriteString(manText(exitStatuses))
	section("OTHER NAMES")
	b.WriteString(manText(solo5Names))
	return b.String()
}

// manText is a text of the help without its heading.
func manText(text string) string {
	_, text, _ = strings.Cut(text, "\n")
	return roff(strings.Join(strings.Fields(text), " ")) + "\n"
}

func manCommand(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, ".TP\n.B tender %s\n%s.\n", roff(c.Use), roff(c.Short))
	var flags []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, help := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		flags = append(flags, fmt.Sprintf("\\fB%s\\fR: %s.", roff(strings.TrimSpace(name+" "+value)), roff(help)))
	})
	if len(flags) > 0 {
		fmt.Fprintf(b, ".br\n%s\n", strings.Join(flags, "\n.br\n"))
	}
}

// roff escapes what the macros would take for their own. None of our texts
// has a line that begins with a dot or a quote.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
}
