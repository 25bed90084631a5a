package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/explain"
	"tender/nacl/program"
)

func newNacl(std stdio) *cobra.Command {
	c := &cobra.Command{
		Use:   "nacl COMMAND",
		Short: "Check, format and explain firewalls, routers and balancers in NaCl",
		Example: `  tender nacl check firewall.nacl
  tender nacl fmt -w firewall.nacl
  tender nacl explain firewall.nacl --packet "tcp 10.0.0.5:1234 > 192.168.0.20:80"`,
		Args: cobra.ArbitraryArgs,
	}
	c.AddCommand(newNaclCheck(std), newNaclFormat(std), newNaclExplain(std), newNaclBuild(std))
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		list := strings.Join(names, ", ")
		if len(args) == 0 {
			return fmt.Errorf("tender nacl needs one of its commands: %s", list)
		}
		if like := nearest(args[0], names); like != "" {
			return fmt.Errorf("%s is no command of tender nacl: did you mean tender nacl %s?", args[0], like)
		}
		return fmt.Errorf("%s is no command of tender nacl: it has %s", args[0], list)
	}
	return c
}

func newNaclCheck(std stdio) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [flags] FILE...",
		Short: "Find the errors of programs in NaCl",
		Long: `Find the errors of programs in NaCl, all of them at once, each with its place.

FILE may be - for what comes on standard input. The exit status is 1 if there
are errors.`,
		Args: someFiles,
		RunE: func(_ *cobra.Command, args []string) error { return status(naclCheck(args, asJSON, std)) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write an array of diagnostics as JSON, for editors")
	return c
}

func someFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no FILE: write %s", c.UseLine())
	}
	return nil
}

func naclCheck(paths []string, asJSON bool, std stdio) int {
	code, all := 0, []diag.Diagnostic{}
	for _, path := range paths {
		src, err := nacl.Read(path, std.in)
		if err != nil {
			code = std.fail(err)
			continue
		}
		_, errs := nacl.Load(src)
		all = append(all, errs.All()...)
		if errs.Errors() > 0 {
			code = int(exitFailure)
		}
		if asJSON {
			continue
		}
		fmt.Fprint(std.err, errs.Text())
		if errs.Errors() == 0 {
			if printed := std.print(src.Name + ": no errors\n"); printed != 0 {
				return printed
			}
		}
	}
	if asJSON {
		text, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return std.fail(err)
		}
		if printed := std.print(string(text) + "\n"); printed != 0 {
			return printed
		}
	}
	return code
}

// loadNacl reads a program for commands that need one without errors, which
// have been printed otherwise.
func loadNacl(path string, std stdio) (*program.Program, error) {
	src, err := nacl.Read(path, std.in)
	if err != nil {
		return nil, err
	}
	p, errs := nacl.Load(src)
	fmt.Fprint(std.err, errs.Text())
	if errs.Errors() > 0 {
		return nil, exitFailure
	}
	return p, nil
}

func newNaclExplain(std stdio) *cobra.Command {
	var packet, function string
	var all bool
	c := &cobra.Command{
		Use:   "explain [flags] FILE --packet PACKET",
		Short: "Show what a program does with a packet, and which lines decide it",
		Long: `Show what a program does with a packet, and which lines decide it.

PACKET is
  ` + strings.ReplaceAll(explain.Syntax, " [state", "\n    [state") + `

It is new, and the first of its connection, unless state says otherwise. Where
it comes in follows from the routes unless iface says it.`,
		Example: `  tender nacl explain firewall.nacl --packet "tcp 10.0.0.5:1234 > 192.168.0.20:80 state new"
  tender nacl explain firewall.nacl --packet "udp [2001:db8::5]:53 > [2001:db8:1::1]:53 iface outside ttl 3"
  tender nacl explain firewall.nacl --function guard --packet "icmp 10.0.0.5 > 10.0.0.2 type echo-request"`,
		Args: oneArg("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if packet == "" {
				return errors.New("no packet: write --packet \"tcp 10.0.0.5:1234 > 192.168.0.20:80\"")
			}
			p, err := loadNacl(args[0], std)
			if err != nil {
				return err
			}
			var e *explain.Explanation
			if function != "" {
				e, err = explain.Function(p, function, packet)
			} else {
				e, err = explain.Packet(p, packet)
			}
			if err != nil {
				return err
			}
			return status(std.print(e.Text(p.Source, all)))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&packet, "packet", "", "explain this `PACKET`")
	f.StringVar(&function, "function", "", "show this `FUNCTION` alone, not the whole way")
	f.BoolVar(&all, "all", false, "show conditions that are false too")
	return c
}
