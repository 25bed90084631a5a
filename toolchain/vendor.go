package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"tender"
)

// networkPackage starts the TCP/IP stack; a program that uses package net is
// linked with it.
const networkPackage = "tender/guest/network"

// inlinePragma is a hint of gVisor's to a compiler of its own.
var inlinePragma = regexp.MustCompile(`(?m)^\s*//go:inline$`)

// vendor lists the files of the modules that networkPackage needs, by their
// place in the standard library's vendor folder: there they are the packages
// of the image's standard library alone, and the program may depend on the same
// modules in versions of its own. What the compiler refuses in the standard
// library is taken out, in copies that become part of l. The go command fetches what is not in its
// module cache, and checks all of it against our go.sum.
func (l library) vendor(ctx context.Context, tool *goTool, cache string) (map[string]string, error) {
	module, err := writeModule(cache)
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	out, err := tool.run(ctx, module, []string{"GOFLAGS=-mod=readonly", "GOWORK=off"}, &stderr,
		"list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,SFiles,HFiles,EmbedFiles", "-tags="+strings.Join(imageTags, ","), networkPackage)
	if err != nil {
		return nil, fmt.Errorf("the libraries of the TCP/IP stack: %w", goFailed("go list", &stderr, err))
	}
	files := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir                     string
			Standard                            bool
			GoFiles, SFiles, HFiles, EmbedFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Standard || strings.HasPrefix(p.ImportPath, "tender/") {
			continue
		}
		for _, list := range [][]string{p.GoFiles, p.SFiles, p.HFiles, p.EmbedFiles} {
			for _, f := range list {
				name, file := path.Join("vendor", p.ImportPath, f), filepath.Join(p.Dir, f)
				src, err := os.ReadFile(file)
				if err != nil {
					return nil, err
				}
				if allowed := inlinePragma.ReplaceAll(src, nil); !bytes.Equal(allowed, src) {
					l[name] = allowed
				} else {
					files[name] = file
				}
			}
		}
	}
}

// writeModule stores the guest packages as the module they are here, with the
// versions they are built with, and returns its folder.
func writeModule(cache string) (string, error) {
	l := library{"go.mod": tender.GoMod, "go.sum": tender.GoSum}
	for _, dir := range []string{"abi", "guest"} {
		if err := eachSource(dir, func(name string, src []byte) { l[name] = src }); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(cache, "guest-"+l.sum())
	return dir, writeFolder(dir, l)
}
