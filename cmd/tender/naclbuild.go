package main

import (
	"cmp"
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
			done, err := naclPackage(args[0], source, &o, std)
			if err != nil {
				return err
			}
			defer done()
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

// naclName is the program in NaCl that tender build finds in a folder.
const naclName = "nacl.txt"

// naclFolder makes the package that is to be built of nacl.txt, if the folder
// has one. What done does is to be done after the build.
func naclFolder(o *toolchain.Options, std stdio) (done func(), err error) {
	folder := cmp.Or(o.Package, ".")
	path := filepath.Join(folder, naclName)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return func() {}, nil
	}
	other, err := goProgram(folder)
	if err != nil {
		return nil, err
	}
	if other != "" {
		return nil, fmt.Errorf("%s has two programs, %s and %s: move one of them elsewhere, or say tender nacl build %s", folder, naclName, other, path)
	}
	if o.Output == "" {
		whole, err := filepath.Abs(folder)
		if err != nil {
			return nil, fmt.Errorf("cannot name the image: %w", err)
		}
		o.Output = outputName(filepath.Base(whole), o)
	}
	manifest := filepath.Join(folder, "manifest.json")
	if _, err := os.Stat(manifest); err == nil && o.Manifest == "" {
		o.Manifest = manifest
	}
	return naclPackage(path, "", o, std)
}

// goProgram is a Go file in the folder that is no test, or "".
func goProgram(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("cannot see whether there is a program in Go: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			return name, nil
		}
	}
	return "", nil
}

// outputName is the default name of what a program becomes.
func outputName(program string, o *toolchain.Options) string {
	if o.Process {
		return program
	}
	return program + "." + image.TargetName(cmp.Or(o.Target, abi.TargetHVT))
}

// naclPackage makes the package that is to be built of a program in NaCl, and a
// copy in the folder source if that is not "".
func naclPackage(path, source string, o *toolchain.Options, std stdio) (done func(), err error) {
	p, err := loadNacl(path, std)
	if err != nil {
		return nil, err
	}
	if o.Output == "" {
		base := filepath.Base(p.Source.Name)
		o.Output = outputName(strings.TrimSuffix(base, filepath.Ext(base)), o)
	}
	files, err := naclFiles(p, o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tender-nacl-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the program's Go: %w", err)
	}
	done = func() { os.RemoveAll(dir) }
	o.Package = dir
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			done()
			return nil, fmt.Errorf("cannot write the program's Go: %w", err)
		}
	}
	if source != "" {
		if err := os.CopyFS(source, os.DirFS(dir)); err != nil {
			done()
			return nil, fmt.Errorf("cannot write the program's Go: %w", err)
		}
	}
	return done, nil
}

// naclFiles is a program as a Go module. Its network devices are those of the
// manifest and of the options; if there are none, those the program needs
// become options.
func naclFiles(p *program.Program, o *toolchain.Options) (gen.Files, error) {
	devices := o.Devices
	if o.Manifest != "" {
		m, err := image.ReadManifestJSON(o.Manifest)
		if err != nil {
			return nil, err
		}
		devices = append(m, devices...)
	}
	var names []string
	for _, d := range devices {
		if d.Type == abi.DeviceNet {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		names = gen.Devices(p)
		for _, n := range names {
			o.Devices = append(o.Devices, image.Device{Name: n, Type: abi.DeviceNet})
		}
	}
	files, err := gen.Package(p, names)
	if err != nil {
		return nil, err
	}
	files["go.mod"] = []byte("module appliance\n\ngo 1.26\n")
	return files, nil
}
