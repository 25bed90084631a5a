package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newCompletion(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write a script that completes tender's words in a shell",
		Long: `Write a script that completes tender's words in a shell: commands, options,
images, and the TAPs there are. The one for bash needs the package
bash-completion.`,
		Example: `  tender completion bash > /etc/bash_completion.d/tender
  source <(tender completion bash)   # for this shell only
  tender completion zsh > "${fpath[1]}/_tender"
  tender completion fish > ~/.config/fish/completions/tender.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      oneArg("shell"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			var script bytes.Buffer
			switch args[0] {
			case "bash":
				err = c.Root().GenBashCompletionV2(&script, true)
			case "zsh":
				err = c.Root().GenZshCompletion(&script)
			case "fish":
				err = c.Root().GenFishCompletion(&script, true)
			default:
				err = fmt.Errorf("no completion for %s: the shells are bash, zsh and fish", args[0])
			}
			if err != nil {
				return err
			}
			return status(std.print(script.String()))
		},
	}
}

// completeRun offers options, TAPs for --net, and images. Beyond IMAGE the
// words are the guest's, and files are offered.
func completeRun(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if opts, _ := parseRun(args); opts.image != "" {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if flag, value, ok := strings.Cut(word, "="); ok {
		return withPrefix(flag+"=", optionValues(flag, value)), cobra.ShellCompDirectiveDefault
	}
	if strings.HasPrefix(word, "-") {
		return completeOption(word), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) > 0 {
		if opt, _, _, hasValue, err := splitOption(args[len(args)-1]); err == nil && opt.value != "" && !hasValue && !opt.optional() {
			return optionValues(opt.flag, word), cobra.ShellCompDirectiveDefault
		}
	}
	return images(word), cobra.ShellCompDirectiveDefault
}

func completeOption(word string) []string {
	var found []string
	for _, o := range runOptionTable {
		end := ""
		if o.value != "" {
			end = "="
		}
		if o.device != mustName {
			found = appendMatch(found, word, o.flag+end, o.help)
		}
		if o.device != unnamed {
			found = appendMatch(found, word, o.flag+":", o.help)
		}
	}
	return found
}

func appendMatch(found []string, word, text, help string) []string {
	if !strings.HasPrefix(text, word) {
		return found
	}
	return append(found, cobra.CompletionWithDesc(text, help))
}

// optionValues are the values an option may have, where they can be known.
func optionValues(flag, start string) []string {
	var all []string
	switch name, _, _ := strings.Cut(flag, ":"); name {
	case "--net":
		all = append(taps(), withPrefix("xdp:", ethernets())...)
	case "--block-sync":
		all = []string{"on", "off"}
	case "--start":
		all = []string{"auto", "user", "kernel"}
	}
	var found []string
	for _, v := range all {
		if strings.HasPrefix(v, start) {
			found = append(found, v)
		}
	}
	return found
}

func withPrefix(prefix string, words []string) []string {
	for i := range words {
		words[i] = prefix + words[i]
	}
	return words
}

// ethernets are the Ethernet interfaces of this network namespace, for AF_XDP.
func ethernets() (names []string) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) == 6 {
			names = append(names, i.Name)
		}
	}
	return names
}

// taps are the TUN and TAP interfaces of this network namespace.
func taps() []string {
	paths, err := filepath.Glob("/sys/class/net/*/tun_flags")
	if err != nil {
		return nil
	}
	for i, p := range paths {
		paths[i] = filepath.Base(filepath.Dir(p))
	}
	return paths
}

// images are the images in the folder of a path that has been begun.
func images(start string) []string {
	dir, begun := filepath.Split(start)
	in := dir
	if in == "" {
		in = "."
	}
	entries, err := os.ReadDir(in)
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begun) && strings.HasSuffix(e.Name(), ".hvt") {
			found = append(found, dir+e.Name())
		}
	}
	return found
}
