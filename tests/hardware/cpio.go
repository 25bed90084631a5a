package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// archive writes a cpio archive in the "newc" form that Linux takes as the
// root file system (Documentation/driver-api/early-userspace).
type archive struct {
	w     *bufio.Writer
	made  map[string]bool
	inode int
	err   error
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriter(w), made: map[string]bool{".": true}}
}

// copy adds a file of this machine.
func (a *archive) copy(name, from string, mode int) {
	data, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.file(name, data, mode)
}

// file adds a file, and the folders it is in.
func (a *archive) file(name string, data []byte, mode int) {
	a.dir(path.Dir(name))
	a.entry(name, data, 0o100000|mode)
}

func (a *archive) dir(name string) {
	if a.made[name] {
		return
	}
	a.dir(path.Dir(name))
	a.made[name] = true
	a.entry(name, nil, 0o040755)
}

func (a *archive) entry(name string, data []byte, mode int) {
	if a.err != nil {
		return
	}
	a.inode++
	// magic, inode, mode, owner, group, links, time, size, device,
	// represented device, size of the name, checksum
	fields := []int{a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0}
	fmt.Fprint(a.w, "070701")
	for _, f := range fields {
		fmt.Fprintf(a.w, "%08X", f)
	}
	a.padded([]byte(name+"\x00"), 110)
	a.padded(data, 0)
}

// padded writes data behind a header, up to a multiple of 4 bytes.
func (a *archive) padded(data []byte, header int) {
	a.w.Write(data)
	a.w.WriteString(strings.Repeat("\x00", -(header+len(data))&3))
}

// close ends the archive and reports the first error.
func (a *archive) close() error {
	a.entry("TRAILER!!!", nil, 0)
	if a.err != nil {
		return a.err
	}
	return a.w.Flush()
}
