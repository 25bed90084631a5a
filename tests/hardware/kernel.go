package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// metapackage depends on the newest kernel package of its kind.
const metapackage = "linux-image-cloud-amd64"

// kernel is a kernel in the cache.
type kernel struct {
	name  string // of the Debian package
	image string
	// modules are paths in the order of loading.
	modules []string
}

var moduleNames = []string{"irqbypass.ko", "kvm.ko", "kvm-amd.ko", "tun.ko"}

// findKernel downloads the kernel package, once per version; it is unpacked
// in the user's cache and not installed.
func findKernel(ctx context.Context) (kernel, error) {
	for _, tool := range []string{"apt-cache", "apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return kernel{}, missing("the kernel is a Debian package, and %s is not here", tool)
		}
	}
	name, err := kernelPackage(ctx)
	if err != nil {
		return kernel{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return kernel{}, fmt.Errorf("no place for the kernel: %w", err)
	}
	parent := filepath.Join(cache, "tender", "hardware")
	dir := filepath.Join(parent, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return kernel{}, err
		}
		if err := download(ctx, name, dir); err != nil {
			return kernel{}, err
		}
	} else if err != nil {
		return kernel{}, err
	}
	k := kernel{name: name, image: filepath.Join(dir, "vmlinuz")}
	for _, m := range moduleNames {
		k.modules = append(k.modules, filepath.Join(dir, m))
	}
	return k, nil
}

// kernelPackage is what the metapackage depends on.
func kernelPackage(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", metapackage).Output()
	if err == nil {
		for line := range strings.Lines(string(out)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(name, "linux-image-") {
				return name, nil
			}
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", missing("apt knows no package %s: run apt-get update, on Debian for amd64", metapackage)
}

// download puts the kernel and the modules of a package into dir, whole or
// not at all.
func download(ctx context.Context, name, dir string) (err error) {
	fmt.Println("downloading", name)
	work, err := os.MkdirTemp(filepath.Dir(dir), "download-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	apt := exec.CommandContext(ctx, "apt-get", "download", name)
	apt.Dir = work
	if out, err := apt.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return missing("apt-get download %s: %v: %s", name, err, bytes.TrimSpace(out))
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get download %s left %d packages: %w", name, len(debs), err)
	}
	unpacked, wanted := filepath.Join(work, "unpacked"), filepath.Join(work, "wanted")
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", debs[0], unpacked).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb -x %s: %w: %s", debs[0], err, bytes.TrimSpace(out))
	}
	if err := os.Mkdir(wanted, 0o755); err != nil {
		return err
	}
	found := map[string]bool{}
	err = filepath.WalkDir(unpacked, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		target := d.Name()
		if strings.HasPrefix(target, "vmlinuz-") {
			target = "vmlinuz"
		}
		for _, want := range append(moduleNames, "vmlinuz") {
			if target == want {
				found[target] = true
				return os.Rename(path, filepath.Join(wanted, target))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(found) != len(moduleNames)+1 {
		return missing("%s has only %v of the kernel and %s", name, found, strings.Join(moduleNames, ", "))
	}
	return os.Rename(wanted, dir)
}

func findProgram(name, pkg string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", missing("%s is not installed: apt-get install %s", name, pkg)
	}
	return path, nil
}

// findStatic finds a program that needs no libraries.
func findStatic(name, pkg string) (string, error) {
	path, err := findProgram(name, pkg)
	if err != nil {
		return "", err
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", missing("%s needs libraries, the machine has none: apt-get install %s", path, pkg)
		}
	}
	return path, nil
}
