package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

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
		if opt, _, _, hasValue, err := splitOption(args[len(args)-1]); err == nil && opt.value != "" && !hasValue {
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
		all = taps()
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
