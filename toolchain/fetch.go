package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fetch turns PACKAGE@VERSION into a package of a copy of its module, which the
// go command downloads and checks as it does for go install. The copy is there
// because no overlay may add files to the module cache.
func (b *builder) fetch(ctx context.Context) error {
	pkg, version, versioned := strings.Cut(b.pattern, "@")
	if !versioned || strings.HasSuffix(b.pattern, ".go") {
		return nil
	}
	asked := filepath.Join(b.tmp, "asked")
	if err := os.Mkdir(asked, 0o755); err != nil {
		return err
	}
	b.modules = []string{"GOWORK=off", "GOFLAGS=-mod=mod"}
	run := func(args ...string) ([]byte, error) {
		var stderr bytes.Buffer
		out, err := b.tool.run(ctx, asked, b.modules, &stderr, args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.pattern, goFailed("go "+args[0], &stderr, err))
		}
		return out, nil
	}
	if _, err := run("mod", "init", "image"); err != nil {
		return err
	}
	if _, err := run("get", b.pattern); err != nil {
		return err
	}
	out, err := run("list", "-json=Standard,Dir,Module", "--", pkg)
	if err != nil {
		return err
	}
	var found struct {
		Standard bool
		Dir      string
		Module   struct{ Path, Dir string }
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	if found.Standard {
		return fmt.Errorf("%s is in the standard library, which has the version of the Go toolchain: drop @%s", pkg, version)
	}
	dir := filepath.Join(b.tmp, "module")
	if err := copyModule(dir, found.Module.Path, found.Module.Dir); err != nil {
		return fmt.Errorf("copying %s: %w", found.Module.Path, err)
	}
	rel, err := filepath.Rel(found.Module.Dir, found.Dir)
	if err != nil {
		return err
	}
	b.dir, b.pattern = filepath.Join(dir, rel), "."
	return nil
}

// copyModule copies a module from the module cache; one from before there
// were go.mod files gets its own.
func copyModule(dir, path, from string) error {
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return err
	}
	mod := filepath.Join(dir, "go.mod")
	if _, err := os.Stat(mod); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(mod, []byte("module "+path+"\n"), 0o644)
	}
	return nil
}
