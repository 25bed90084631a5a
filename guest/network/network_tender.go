//go:build tender

package network

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"tender/abi"
	"tender/guest"
	"tender/guest/sockets"
	"tender/guest/stack"
)

func init() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "tender:", err)
		var usage *stack.UsageError
		if errors.As(err, &usage) {
			os.Exit(stack.ExitUsage)
		}
		os.Exit(abi.ExitFailure)
	}
}

func start() error {
	names, err := guest.NICNames()
	if err != nil {
		return fmt.Errorf("listing the network devices: %w", err)
	}
	config, rest, err := stack.Parse(os.Args[1:], names)
	if err != nil {
		return err
	}
	os.Args = append(os.Args[:1], rest...)
	for _, variable := range config.Env {
		name, value, _ := strings.Cut(variable, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("--env=%s: %w", variable, err)
		}
	}
	var nics []stack.NIC
	for _, name := range names {
		nic, err := guest.OpenNIC(name)
		if err != nil {
			return err
		}
		nics = append(nics, nic)
	}
	net, err := stack.Start(nics, config, stack.NewLogger(os.Stderr, config.Level))
	if err != nil {
		return err
	}
	write := func() {
		for name, content := range map[string][]byte{
			"/etc/resolv.conf": net.ResolvConf(), "/etc/hosts": net.Hosts(), "/etc/hostname": []byte(net.Hostname() + "\n"),
		} {
			if err := replace(name, content); err != nil {
				fmt.Fprintln(os.Stderr, "tender:", err)
			}
		}
	}
	net.Notify(write)
	write()
	return install(sockets.New(net.Stack(), kernel{}))
}

// replace writes a file that others may be reading.
func replace(name string, content []byte) error {
	if err := os.WriteFile(name+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
