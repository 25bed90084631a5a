package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tender/abi"
)

// commandNames are the words that are a command and no image, if they come
// first. They are here as a list so that a run does not make the commands;
// a test compares them.
func commandNames() []string {
	return []string{"run", "build", "test", "nacl", "inspect", "doctor", "completion", "man", "help", "version"}
}

// isCommand also knows the two by which completion scripts call.
func isCommand(word string) bool {
	return slices.Contains(commandNames(), word) ||
		word == cobra.ShellCompRequestCmd || word == cobra.ShellCompNoDescRequestCmd
}

// execute runs a command other than run.
func execute(args []string, std stdio) int {
	root := newRoot(std)
	if c, _, err := root.Find(args[:1]); err == nil && c.Name() == "test" {
		args = goTestFlags(args, c.Flags())
	}
	root.SetArgs(args)
	err := root.Execute()
	var failed statusError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return int(failed)
	}
	return std.fail(err)
}

// statusError is the exit status of a command that has said what is wrong.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// status makes an error of an exit status.
func status(code int) error {
	if code == 0 {
		return nil
	}
	return statusError(code)
}

// newRoot makes the tree of commands. Its root and run are there for help and
// completion.
func newRoot(std stdio) *cobra.Command {
	root := &cobra.Command{
		Use:                "tender",
		Short:              summary,
		Args:               cobra.ArbitraryArgs,
		DisableFlagParsing: true,
		SilenceErrors:      true,
		SilenceUsage:       true,
		ValidArgsFunction:  completeRun,
		Run:                func(*cobra.Command, []string) {},
	}
	run := &cobra.Command{
		Use:                "run [options] [--] IMAGE [guest arguments]",
		Short:              "Run an image; the word run may be left out",
		DisableFlagParsing: true,
		ValidArgsFunction:  completeRun,
		Run:                func(*cobra.Command, []string) {},
	}
	root.AddCommand(run, newBuild(std), newTest(std), newNacl(std), newInspect(std), newDoctor(std), newCompletion(std), newMan(std), newVersion(std))
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.CompletionOptions.DisableDefaultCmd = true
	commandHelp := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c == root || c == run {
			std.print(runHelp())
			return
		}
		commandHelp(c, args)
	})
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show help about a command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || about == c.Root() && len(rest) > 0 {
				word := args[0]
				if like := nearest(word, commandNames()); like != "" {
					return fmt.Errorf("%s is no command: did you mean tender help %s?", word, like)
				}
				return fmt.Errorf("%s is no command: tender --help lists them", word)
			}
			return about.Help()
		},
	}
}

func newVersion(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the versions of tender and of the ABI",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return status(std.print(versionText(""))) },
	}
}

// flagError adds the flag that a wrong one resembles.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w: see tender help %s", err, c.Name())
	}
	var flags []string
	c.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	if like := nearest(unknown.GetSpecifiedName(), flags); like != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, like)
	}
	return fmt.Errorf("%w: tender help %s lists the flags", err, c.Name())
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("tender %s takes no arguments, drop %q", c.Name(), args[0])
	}
	return nil
}

// oneArg is for commands with one argument, called what.
func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("no %s: write tender %s", what, c.Use)
		case len(args) > 1:
			return fmt.Errorf("tender %s takes one %s, drop %s", c.Name(), what, strings.Join(args[1:], " "))
		}
		return nil
	}
}

// exitFailure is the error of a command that has failed and said so.
var exitFailure = statusError(abi.ExitFailure)
