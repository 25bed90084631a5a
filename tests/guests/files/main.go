// Files uses the file system in memory in the ways that programs do, through
// package os alone, and says what is not as on Linux.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing/fstest"
	"time"
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
}

func must[T any](v T, err error) T {
	check(err == nil, "%v", err)
	return v
}

func do(err error) { check(err == nil, "%v", err) }

func main() {
	for _, step := range []func(){contents, names, walks, attributes, roots, devices, temporary, mapped, full} {
		step()
	}
	fmt.Println("ok")
}

// contents: what is written is read, at any offset.
func contents() {
	do(os.WriteFile("/tmp/a", []byte("hello, file"), 0o640))
	f := must(os.OpenFile("/tmp/a", os.O_RDWR|os.O_APPEND, 0))
	must(f.WriteString(" and more"))
	check(string(must(os.ReadFile("/tmp/a"))) == "hello, file and more", "append")
	check(must(f.Seek(-4, io.SeekEnd)) == 16, "seek")
	check(string(must(io.ReadAll(f))) == "more", "read after seek")
	_, err := f.WriteAt([]byte("x"), 0)
	check(err != nil, "WriteAt of a file opened for appending")
	do(f.Truncate(5))
	do(f.Sync())
	do(f.Close())
	check(errors.Is(f.Close(), os.ErrClosed), "closed twice")

	f = must(os.Create("/tmp/sparse"))
	must(f.WriteAt([]byte("end"), 5<<20))
	check(must(f.Stat()).Size() == 5<<20+3, "size of a sparse file")
	blocks := must(f.Stat()).Sys().(*syscall.Stat_t).Blocks
	check(blocks > 0 && blocks < 100, "a sparse file has %d blocks", blocks)
	buf := make([]byte, 100)
	check(must(f.ReadAt(buf, 1<<20)) == 100 && bytes.Equal(buf, make([]byte, 100)), "a hole is not zero")
	do(f.Close())
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	do(os.WriteFile("/tmp/big", big, 0o600))
	copied := must(os.Create("/tmp/copy"))
	check(must(io.Copy(copied, must(os.Open("/tmp/big")))) == int64(len(big)), "copy")
	check(bytes.Equal(must(os.ReadFile("/tmp/copy")), big), "a copy differs")
	for _, name := range []string{"a", "sparse", "big", "copy"} {
		do(os.Remove("/tmp/" + name))
	}
}

// names: making, renaming, linking, removing.
func names() {
	do(os.MkdirAll("/tmp/d/e/f", 0o755))
	check(errors.Is(os.Mkdir("/tmp/d", 0o755), fs.ErrExist), "mkdir twice")
	check(errors.Is(os.Remove("/tmp/d"), syscall.ENOTEMPTY), "a full directory was removed")
	_, err := os.Open("/tmp/nothing")
	check(errors.Is(err, fs.ErrNotExist), "open: %v", err)
	do(os.WriteFile("/tmp/d/one", []byte("1"), 0o600))
	_, err = os.OpenFile("/tmp/d/one", os.O_CREATE|os.O_EXCL, 0o600)
	check(errors.Is(err, fs.ErrExist), "exclusive: %v", err)
	_, err = os.ReadFile("/tmp/d/one/two")
	check(errors.Is(err, syscall.ENOTDIR), "file as directory: %v", err)
	do(os.Link("/tmp/d/one", "/tmp/d/two"))
	check(os.SameFile(must(os.Stat("/tmp/d/one")), must(os.Stat("/tmp/d/two"))), "a link is another file")
	do(os.Rename("/tmp/d/one", "/tmp/d/e/three"))
	check(errors.Is(os.Rename("/tmp/d", "/tmp/d/e/d"), syscall.EINVAL), "a directory was moved into itself")
	do(os.Symlink("../two", "/tmp/d/e/link"))
	check(must(os.Readlink("/tmp/d/e/link")) == "../two", "readlink")
	check(string(must(os.ReadFile("/tmp/d/e/link"))) == "1", "a symbolic link leads elsewhere")
	check(must(os.Lstat("/tmp/d/e/link")).Mode()&fs.ModeSymlink != 0, "lstat")
	do(os.Symlink("loop", "/tmp/d/loop"))
	_, err = os.Stat("/tmp/d/loop")
	check(errors.Is(err, syscall.ELOOP), "loop: %v", err)
	check(must(filepath.EvalSymlinks("/tmp/d/e/link")) == "/tmp/d/two", "EvalSymlinks")

	f := must(os.Create("/tmp/gone"))
	do(os.Remove("/tmp/gone"))
	must(f.WriteString("still here"))
	check(must(f.Seek(0, io.SeekStart)) == 0 && string(must(io.ReadAll(f))) == "still here", "a removed file that is open")
	do(f.Close())

	do(os.Chdir("/tmp/d/e"))
	check(must(os.Getwd()) == "/tmp/d/e", "getwd")
	check(must(os.Stat("three")).Size() == 1, "relative path")
	do(os.Chdir("/"))
	do(os.RemoveAll("/tmp/d"))
	_, err = os.Stat("/tmp/d")
	check(errors.Is(err, fs.ErrNotExist), "after RemoveAll: %v", err)
}

// walks: directories as package fs sees them.
func walks() {
	want := []string{".", "empty", "file", "sub", "sub/inner", "sub/inner/leaf"}
	do(os.MkdirAll("/tmp/tree/sub/inner", 0o755))
	do(os.Mkdir("/tmp/tree/empty", 0o755))
	do(os.WriteFile("/tmp/tree/file", []byte("content"), 0o644))
	do(os.WriteFile("/tmp/tree/sub/inner/leaf", nil, 0o644))
	var got []string
	do(filepath.Walk("/tmp/tree", func(p string, _ fs.FileInfo, err error) error {
		got = append(got, must(filepath.Rel("/tmp/tree", p)))
		return err
	}))
	check(fmt.Sprint(got) == fmt.Sprint(want), "walk: %v", got)
	do(fstest.TestFS(os.DirFS("/tmp/tree"), want[1:]...))
	do(os.CopyFS("/tmp/tree2", os.DirFS("/tmp/tree")))
	do(fstest.TestFS(os.DirFS("/tmp/tree2"), want[1:]...))
	check(len(must(filepath.Glob("/tmp/tree*/sub/inner/*"))) == 2, "glob")
	for i := range 1000 {
		do(os.WriteFile(fmt.Sprintf("/tmp/tree/empty/%04d", i), nil, 0o600))
	}
	entries := must(os.ReadDir("/tmp/tree/empty"))
	check(len(entries) == 1000 && entries[999].Name() == "0999", "%d entries", len(entries))
	do(os.RemoveAll("/tmp/tree"))
	do(os.RemoveAll("/tmp/tree2"))
}

// attributes: modes, times, owners.
func attributes() {
	do(os.WriteFile("/tmp/f", []byte("x"), 0o666))
	info := must(os.Stat("/tmp/f"))
	check(info.Mode() == 0o644, "mode %v", info.Mode())
	check(time.Since(info.ModTime()).Abs() < time.Minute, "time %v", info.ModTime())
	do(os.Chmod("/tmp/f", 0o751|fs.ModeSetuid))
	check(must(os.Stat("/tmp/f")).Mode() == 0o751|fs.ModeSetuid, "chmod")
	when := time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.UTC)
	do(os.Chtimes("/tmp/f", time.Time{}, when))
	check(must(os.Stat("/tmp/f")).ModTime().Equal(when), "chtimes")
	do(os.Chown("/tmp/f", 10, 20))
	st := must(os.Stat("/tmp/f")).Sys().(*syscall.Stat_t)
	check(st.Uid == 10 && st.Gid == 20, "chown: %d, %d", st.Uid, st.Gid)
	old := syscall.Umask(0o077)
	check(old == 0o022, "umask %o", old)
	do(os.Mkdir("/tmp/private", 0o777))
	check(must(os.Stat("/tmp/private")).Mode().Perm() == 0o700, "umask is not applied")
	syscall.Umask(old)
	do(os.Remove("/tmp/private"))
	do(os.Remove("/tmp/f"))
	check(must(os.Stat("/tmp")).Mode() == fs.ModeDir|fs.ModeSticky|0o777, "mode of /tmp: %v", must(os.Stat("/tmp")).Mode())
}

// roots: os.Root keeps paths inside.
func roots() {
	do(os.MkdirAll("/tmp/jail/in", 0o755))
	do(os.WriteFile("/tmp/secret", []byte("s"), 0o600))
	do(os.Symlink("../../secret", "/tmp/jail/in/out"))
	do(os.Symlink("in/file", "/tmp/jail/link"))
	r := must(os.OpenRoot("/tmp/jail"))
	do(r.WriteFile("in/file", []byte("inside"), 0o600))
	check(string(must(r.ReadFile("link"))) == "inside", "a link inside")
	for _, p := range []string{"in/out", "../secret", "/tmp/secret"} {
		_, err := r.ReadFile(p)
		check(err != nil, "%s was read", p)
	}
	do(r.MkdirAll("x/y/z", 0o755))
	do(r.Rename("in/file", "x/y/z/moved"))
	do(r.Chmod("x/y/z/moved", 0o600))
	do(r.Chtimes("x", time.Unix(1, 0), time.Unix(2, 0)))
	do(r.Link("x/y/z/moved", "hard"))
	check(must(r.Stat("hard")).Size() == 6, "stat")
	check(must(r.Readlink("link")) == "in/file", "readlink")
	do(fstest.TestFS(must(r.OpenRoot("x")).FS(), "y/z/moved"))
	do(r.RemoveAll("x"))
	do(r.Close())
	do(os.RemoveAll("/tmp/jail"))
	do(os.Remove("/tmp/secret"))
}

// devices: the special files that programs expect.
func devices() {
	must(must(os.OpenFile(os.DevNull, os.O_WRONLY, 0)).WriteString("nothing"))
	check(len(must(os.ReadFile(os.DevNull))) == 0, "/dev/null has something")
	_, err := must(os.OpenFile("/dev/full", os.O_WRONLY, 0)).WriteString("x")
	check(errors.Is(err, syscall.ENOSPC), "/dev/full: %v", err)
	var a, b [32]byte
	must(io.ReadFull(must(os.Open("/dev/urandom")), a[:]))
	must(io.ReadFull(must(os.Open("/dev/random")), b[:]))
	check(a != b && a != [32]byte{}, "/dev/urandom is not random")
	must(io.ReadFull(must(os.Open("/dev/zero")), a[:]))
	check(a == [32]byte{}, "/dev/zero is not zero")
	check(must(os.Stat(os.DevNull)).Mode() == fs.ModeDevice|fs.ModeCharDevice|0o666, "mode of /dev/null")
	must(must(os.OpenFile("/dev/stdout", os.O_WRONLY, 0)).WriteString("to stdout\n"))
}

// temporary: names that nobody else has.
func temporary() {
	seen := map[string]bool{}
	for range 100 {
		f := must(os.CreateTemp("", "t-*.txt"))
		check(!seen[f.Name()] && filepath.Dir(f.Name()) == "/tmp", "temporary file %s", f.Name())
		seen[f.Name()] = true
		do(f.Close())
	}
	dir := must(os.MkdirTemp("", "dir"))
	do(os.RemoveAll(dir))
	for name := range seen {
		do(os.Remove(name))
	}
	check(must(os.Executable()) == "/files", "executable %q", must(os.Executable()))
	check(must(user.Current()).Username == "root", "user %v", must(user.Current()))
	check(must(os.Hostname()) == "files", "host name %q", must(os.Hostname()))
}

// mapped: a mapping has what the file has, and zeros behind it.
func mapped() {
	text := strings.Repeat("mapped ", 1000)
	do(os.WriteFile("/tmp/m", []byte(text), 0o600))
	f := must(os.Open("/tmp/m"))
	mem := must(syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED))
	check(string(mem[:7000]) == text && mem[7000] == 0, "a mapping differs from its file")
	do(syscall.Munmap(mem))
	w := must(os.OpenFile("/tmp/m", os.O_RDWR, 0))
	_, err := syscall.Mmap(int(w.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	check(errors.Is(err, syscall.ENODEV), "a shared mapping to write: %v", err)
	do(f.Close())
	do(w.Close())
	do(os.Remove("/tmp/m"))
}

// full: files are bounded, and what is removed is room again.
func full() {
	block := make([]byte, 1<<20)
	for range 3 {
		f := must(os.Create("/tmp/huge"))
		var err error
		total := 0
		for err == nil {
			var n int
			n, err = f.Write(block)
			total += n
		}
		check(errors.Is(err, syscall.ENOSPC), "a full file system: %v", err)
		check(total > 4<<20 && total < 32<<20, "full after %d bytes", total)
		do(f.Close())
		do(os.Remove("/tmp/huge"))
	}
}
