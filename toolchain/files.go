package toolchain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tender/image"
	"tender/image/rootfs"
)

// maxFilesBytes bounds what an image carries in files: it is all in the guest's
// memory.
const maxFilesBytes = 1 << 30

// fileTree is a file system of the host as an image gets it.
type fileTree struct {
	fs.FS
	// keep says which files are in it, by their slash-separated paths; nil is
	// all.
	keep func(path string, d fs.DirEntry) bool
	// times keeps times of modification. Without them equal files make equal
	// images.
	times bool
}

// ReadDir implements fs.ReadDirFS.
func (t *fileTree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(t.FS, name)
	if t.keep != nil {
		entries = slices.DeleteFunc(entries, func(d fs.DirEntry) bool { return !t.keep(path.Join(name, d.Name()), d) })
	}
	if !t.times {
		for i := range entries {
			entries[i] = timelessEntry{entries[i]}
		}
	}
	return entries, err
}

// Stat implements fs.StatFS.
func (t *fileTree) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(t.FS, name)
	if err == nil && !t.times {
		info = timelessInfo{info}
	}
	return info, err
}

// ReadFile implements fs.ReadFileFS.
func (t *fileTree) ReadFile(name string) ([]byte, error) { return fs.ReadFile(t.FS, name) }

// ReadLink implements fs.ReadLinkFS.
func (t *fileTree) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// Lstat implements fs.ReadLinkFS.
func (t *fileTree) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }

type timelessEntry struct{ fs.DirEntry }

// Info implements fs.DirEntry.
func (e timelessEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	return timelessInfo{info}, nil
}

type timelessInfo struct{ fs.FileInfo }

// ModTime is the epoch, which net/http takes for no time at all.
func (timelessInfo) ModTime() time.Time { return time.Unix(0, 0) }

// checkSize refuses what is too large before it is read.
func (t *fileTree) checkSize(what string) error {
	total := int64(0)
	err := fs.WalkDir(t, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if total += info.Size(); total > maxFilesBytes {
			return fmt.Errorf("more than %d MB of files, which is all an image can carry; leave some out", maxFilesBytes>>20)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("files of %s: %w", what, err)
	}
	return nil
}

// embed gives the image its files, if it has any; archive is the place of the
// guest kernel's variable.
func (b *builder) embed(spec *image.Spec, variable uint64) error {
	t, what, err := b.files()
	if err != nil || t == nil {
		return err
	}
	if err := t.checkSize(what); err != nil {
		return err
	}
	archive, err := rootfs.Archive(t)
	if err != nil {
		return fmt.Errorf("files of %s: %w", what, err)
	}
	return rootfs.Embed(spec, variable, archive)
}

// files is the tree of the image and what to call it; nil for none.
func (b *builder) files() (*fileTree, string, error) {
	o := b.opts
	switch {
	case o.Tests != nil:
		t, err := o.Tests.files(b.tool.Root, o.Files)
		return t, o.Tests.ImportPath, err
	case o.Root == "":
		return nil, "", nil
	}
	info, err := os.Stat(o.Root)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err != nil {
		return nil, "", fmt.Errorf("the files of the image, %s: %w", o.Root, err)
	}
	return &fileTree{FS: os.DirFS(o.Root), times: o.RootTimes}, o.Root, nil
}

// zoneinfo is the database of time zones in GOROOT.
const zoneinfo = "lib/time/zoneinfo.zip"

// files is what tests find where it is on the host: the package's folder with
// all below it, the folders testdata and the go.mod of the folders above it,
// time zones, and more, which are paths.
func (p *TestPackage) files(goroot string, more []string) (*fileTree, error) {
	wanted := []string{p.Dir, filepath.Join(goroot, filepath.FromSlash(zoneinfo))}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		mod := filepath.Join(dir, "go.mod")
		wanted = append(wanted, filepath.Join(dir, "testdata"), mod)
		if _, err := os.Stat(mod); err == nil || dir == filepath.Dir(dir) {
			break
		}
	}
	for _, path := range more {
		absolute, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(absolute)
		}
		if err != nil {
			return nil, fmt.Errorf("files for the tests: %w", err)
		}
		wanted = append(wanted, absolute)
	}
	for i := range wanted {
		wanted[i] = strings.TrimPrefix(filepath.ToSlash(wanted[i]), "/")
	}
	return &fileTree{FS: os.DirFS("/"), keep: keepBelow(wanted), times: true}, nil
}

// keepBelow keeps the wanted paths, what leads to them and what is below them,
// without hidden folders and without what is no file.
func keepBelow(wanted []string) func(string, fs.DirEntry) bool {
	return func(name string, d fs.DirEntry) bool {
		for _, w := range wanted {
			if w == name || strings.HasPrefix(w, name+"/") {
				return true
			}
			if strings.HasPrefix(name, w+"/") {
				switch d.Type() {
				case fs.ModeDir:
					return !strings.HasPrefix(d.Name(), ".")
				case 0, fs.ModeSymlink:
					return true
				}
			}
		}
		return false
	}
}
