package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tender/abi"
	"tender/image"
	"tender/toolchain"
)

func newBuild(std stdio) *cobra.Command {
	var o toolchain.Options
	c := &cobra.Command{
		Use:   "build [flags] [PACKAGE]",
		Short: "Make an image of a Go main package",
		Long: `Make an image of a Go main package, with the installed Go toolchain.

PACKAGE is a folder, a .go file or an import path; it is the current folder if
it is left out. Its module is not changed and need not know of tender. A folder
may have a program in NaCl instead, nacl.txt (see tender nacl).

The devices of the image are those of manifest.json beside the package, in
Solo5's form, and those of --net and --block, in the order given. A program that
uses package net and has neither gets one network device, net0.

Such a program is also compiled by a profile of a web server under load
(-pgo of go build), unless it has one of its own: default.pgo beside it, or -pgo
in GOFLAGS.

With --target=linux the same package becomes an ordinary Linux program, for
debuggers, profilers and the race detector. Devices of package guest are then
TAPs and files that the environment names: TENDER_NET=outside=tap0,inside=tap1
and TENDER_BLOCK=data=disk.img. Package net is that of the host.`,
		Example: `  tender build ./appliances/hello
  tender build -o firewall.hvt --net outside --net inside ./appliances/firewall
  tender build --root site ./appliances/web
  tender build --symbols ./appliances/web && go tool pprof web.hvt.debug cpu.pprof`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("tender build takes one package, drop %s", strings.Join(args[1:], " "))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.Package = args[0]
			}
			done, err := naclFolder(&o, std)
			if err != nil {
				return err
			}
			defer done()
			return status(build(o, std))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.Output, "output", "o", "", "write the image to `FILE` (default: the package's name and .hvt or .spt)")
	f.Var(buildTarget{targetFlag{&o.Target}, &o.Process}, "target", "make an image for the tender `hvt` (default) or spt, or a linux program")
	f.BoolVar(&o.Race, "race", false, "with --target=linux, link the race detector (this needs a C compiler)")
	f.StringVar(&o.Manifest, "manifest", "", "take the devices from `FILE` (default: manifest.json beside the package)")
	f.Var(deviceFlag{&o.Devices, abi.DeviceNet}, "net", "declare the network device `NAME`; may be repeated")
	f.Var(deviceFlag{&o.Devices, abi.DeviceBlock}, "block", "declare the block device `NAME`; may be repeated")
	f.BoolVar(&o.NoNet, "no-net", false, "declare no network device for a program that uses package net and has no other devices")
	f.StringVar(&o.Root, "root", "", "make the folder `DIR` the program's file system; what it writes to it is gone when it ends")
	f.BoolVar(&o.RootTimes, "root-times", false, "keep the times of the files of --root, so that builds differ when they do")
	f.StringSliceVar(&o.Tags, "tags", nil, "build with these Go build `TAGS`, separated by commas")
	f.BoolVar(&o.Symbols, "symbols", false, "keep the linked program with its symbols beside the image, as its name and .debug: for gdb, and for what go tool pprof shows of machine code")
	f.StringVar(&o.Debug, "debug", "", "keep it as `FILE`")
	return c
}

// deviceFlag appends devices of one type to a manifest, so that flags for
// different types keep their order.
type deviceFlag struct {
	manifest *image.Manifest
	typ      abi.DeviceType
}

// String implements pflag.Value.
func (deviceFlag) String() string { return "" }

// Type implements pflag.Value.
func (deviceFlag) Type() string { return "NAME" }

// Set implements pflag.Value.
func (f deviceFlag) Set(name string) error {
	m := append(*f.manifest, image.Device{Name: name, Type: f.typ})
	if err := m.Check(); err != nil {
		return err
	}
	*f.manifest = m
	return nil
}

// targetFlag is the kind of tender an image is for.
type targetFlag struct{ target *abi.Target }

// String implements pflag.Value.
func (targetFlag) String() string { return "" }

// Type implements pflag.Value.
func (targetFlag) Type() string { return "TARGET" }

// Set implements pflag.Value.
func (f targetFlag) Set(name string) error {
	switch name {
	case "hvt":
		*f.target = abi.TargetHVT
	case "spt":
		*f.target = abi.TargetSPT
	default:
		return errors.New("the target is hvt or spt")
	}
	return nil
}

// buildTarget also knows linux, which is no tender.
type buildTarget struct {
	targetFlag
	process *bool
}

// Set implements pflag.Value.
func (f buildTarget) Set(name string) error {
	if *f.process = name == "linux"; *f.process {
		*f.target = 0
		return nil
	}
	if f.targetFlag.Set(name) != nil {
		return errors.New("the target is hvt, spt or linux")
	}
	return nil
}

// attachments is how a Linux program is told of its devices.
func attachments(m image.Manifest) string {
	var nets, blocks []string
	for _, d := range m {
		if d.Type == abi.DeviceNet {
			nets = append(nets, d.Name+"=TAP")
		} else {
			blocks = append(blocks, d.Name+"=FILE")
		}
	}
	text := ""
	for _, v := range []struct {
		name    string
		devices []string
	}{{"TENDER_NET", nets}, {"TENDER_BLOCK", blocks}} {
		if len(v.devices) > 0 {
			text += fmt.Sprintf("  %s=%s\n", v.name, strings.Join(v.devices, ","))
		}
	}
	if text != "" {
		text = "its devices are those that the environment attaches:\n" + text
	}
	return text
}

// build runs the toolchain; it returns the exit status.
func build(o toolchain.Options, std stdio) int {
	ctx, stop := withSignals()
	defer stop()
	begun := time.Now()
	progress := startProgress(std.err, "building")
	var warnings strings.Builder
	o.Stderr = &warnings
	result, err := toolchain.Build(ctx, o)
	progress.stop()
	fmt.Fprint(std.err, warnings.String())
	var signalled exitSignal
	switch {
	case errors.As(context.Cause(ctx), &signalled):
		return std.fail(signalled)
	case err != nil:
		return std.failText("the build failed:", err)
	}
	text := fmt.Sprintf("%s  %s  %.1f s\n", result.Output, sizeText(result.SizeBytes), time.Since(begun).Seconds())
	if o.Process {
		text += attachments(result.Manifest)
	}
	return std.print(text)
}

// sizeText is a size in the unit that suits it, decimal ones.
func sizeText(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
