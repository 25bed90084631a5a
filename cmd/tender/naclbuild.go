package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tender/abi"
	"tender/image"
	"tender/nacl/gen"
	"tender/nacl/program"
	"tender/toolchain"
)

func newNaclBuild(std stdio) *cobra.Command {
	var o toolchain.Options
	var source string
	c := &cobra.Command{
		Use:   "build [flags] FILE",
		Short: "Make an image of a program in NaCl",
		Long: `Make an image of a program in NaCl, with the installed Go toolchain.

The image has a network device for each index of the program's Ifaces, called
after the Iface, or those of a manifest in its order.`,
		Example: `  tender nacl build firewall.nacl -o firewall.hvt
  tender --net:outside=tap0 --net:inside=tap1 firewall.hvt`,
		Args: oneArg("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := loadNacl(args[0], std)
			if err != nil {
				return err
			}
			if o.Output == "" {
				name := strings.TrimSuffix(filepath.Base(p.Source.Name), filepath.Ext(p.Source.Name))
				o.Output = name + "." + image.TargetName(orHVT(o.Target))
			}
			dir, err := os.MkdirTemp("", "tender-nacl-*")
			if err != nil {
				return fmt.Errorf("cannot make a folder for the program's Go: %w", err)
			}
			defer os.RemoveAll(dir)
			if err := writeNacl(p, dir, &o); err != nil {
				return err
			}
			if source != "" {
				if err := os.CopyFS(source, os.DirFS(dir)); err != nil {
					return fmt.Errorf("cannot write the program's Go: %w", err)
				}
			}
			o.Package = dir
			return status(build(o, std))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.Output, "output", "o", "", "write the image to `FILE` (default: the program's name and .hvt or .spt)")
	f.Var(targetFlag{&o.Target}, "target", "make an image for the tender `hvt` (default) or spt")
	f.StringVar(&o.Manifest, "manifest", "", "take the devices from `FILE`, the network devices by their order")
	f.StringVar(&source, "source", "", "write the Go that the image is made of into the new folder `DIR`")
	f.StringVar(&o.Debug, "debug", "", "keep the linked program with its symbols as `FILE`")
	return c
}

func orHVT(t abi.Target) abi.Target {
	if t == 0 {
		return abi.TargetHVT
	}
	return t
}

// writeNacl writes a program's Go into a folder, as a module of its own, and
// adds the devices to the options unless there is a manifest.
func writeNacl(p *program.Program, dir string, o *toolchain.Options) error {
	names := gen.Devices(p)
	if o.Manifest != "" {
		m, err := image.ReadManifestJSON(o.Manifest)
		if err != nil {
			return err
		}
		names = nil
		for _, d := range m {
			if d.Type == abi.DeviceNet {
				names = append(names, d.Name)
			}
		}
	} else {
		for _, n := range names {
			o.Devices = append(o.Devices, image.Device{Name: n, Type: abi.DeviceNet})
		}
		if err := o.Devices.Check(); err != nil {
			return err
		}
	}
	files, err := gen.Package(p, names)
	if err != nil {
		return err
	}
	files["go.mod"] = []byte("module appliance\n\ngo 1.26\n")
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("cannot write the program's Go: %w", err)
		}
	}
	return nil
}
