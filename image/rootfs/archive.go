// Package rootfs packs a tree of files into an image, where the guest kernel
// finds it as the root of its file system (package abi, ArchiveHeader).
package rootfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"tender/abi"
)

// Types of a file in ArchiveNode.Mode.
const (
	typeRegular = 0o100000
	typeDir     = 0o040000
	typeLink    = 0o120000
)

// alignment of contents in an archive, in bytes.
const alignment = 16

// maxNodes bounds files and directories: the guest keeps the number of a
// directory in 32 bits.
const maxNodes = math.MaxInt32

// ErrKind is the error for what is no file, directory or symbolic link.
var ErrKind = errors.New("neither a file nor a directory nor a symbolic link: leave it out")

// Archive packs all files of a tree. Permissions and times of modification are
// kept, owners are not. Symbolic links are kept as they are, wherever they
// lead; fsys must then be a fs.ReadLinkFS, as os.DirFS and os.Root.FS are.
func Archive(fsys fs.FS) ([]byte, error) {
	p := packer{fsys: fsys}
	if err := p.scan(); err != nil {
		return nil, fmt.Errorf("packing files: %w", err)
	}
	return p.pack(), nil
}

// member is a file on its way into an archive.
type member struct {
	name string
	node abi.ArchiveNode
	data []byte // contents or target
}

type packer struct {
	fsys    fs.FS
	members []member
}

// scan collects the members, the children of each directory side by side.
func (p *packer) scan() error {
	info, err := fs.Stat(p.fsys, ".")
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("the root is no directory")
	}
	p.members = []member{{node: abi.ArchiveNode{Mode: typeDir | uint32(info.Mode().Perm()), MTime: info.ModTime().Unix()}}}
	paths := []string{"."}
	for i := 0; i < len(paths); i++ {
		if p.members[i].node.Mode&^0o7777 != typeDir {
			continue
		}
		entries, err := fs.ReadDir(p.fsys, paths[i])
		if err != nil {
			return err
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		p.members[i].node.Data, p.members[i].node.Size = uint64(len(paths)), uint64(len(entries))
		for _, e := range entries {
			name := path.Join(paths[i], e.Name())
			m, err := p.member(name, e)
			if err != nil {
				return &fs.PathError{Op: "packing", Path: name, Err: err}
			}
			p.members, paths = append(p.members, m), append(paths, name)
		}
		if len(paths) > maxNodes {
			return fmt.Errorf("more than %d files", maxNodes)
		}
	}
	return nil
}

// member reads a file.
func (p *packer) member(name string, e fs.DirEntry) (member, error) {
	base := e.Name()
	if base == "" || base == "." || base == ".." || len(base) > abi.ArchiveMaxName || strings.ContainsAny(base, "/\x00") {
		return member{}, fmt.Errorf("no guest can have a file of this name")
	}
	info, err := e.Info()
	if err != nil {
		return member{}, err
	}
	m := member{name: base}
	m.node.MTime = info.ModTime().Unix()
	m.node.Mode = uint32(info.Mode().Perm())
	switch info.Mode().Type() {
	case fs.ModeDir:
		m.node.Mode |= typeDir
		return m, nil
	case fs.ModeSymlink:
		target, err := fs.ReadLink(p.fsys, name)
		if err != nil {
			return member{}, err
		}
		if target == "" || len(target) > abi.ArchiveMaxTarget || strings.Contains(target, "\x00") {
			return member{}, fmt.Errorf("no guest can have a symbolic link like this")
		}
		m.node.Mode |= typeLink
		m.data = []byte(target)
	case 0:
		m.node.Mode |= typeRegular
		if m.data, err = fs.ReadFile(p.fsys, name); err != nil {
			return member{}, err
		}
	default:
		return member{}, ErrKind
	}
	m.node.Size = uint64(len(m.data))
	return m, nil
}

// pack lays the archive out: header, nodes, names, contents.
func (p *packer) pack() []byte {
	offset := uint64(binary.Size(abi.ArchiveHeader{}) + len(p.members)*binary.Size(abi.ArchiveNode{}))
	for i := range p.members {
		m := &p.members[i]
		m.node.Name, m.node.NameLen = offset, uint32(len(m.name))
		offset += uint64(len(m.name))
	}
	for i := range p.members {
		m := &p.members[i]
		if m.node.Mode&^0o7777 == typeDir {
			continue
		}
		offset = (offset + alignment - 1) &^ (alignment - 1)
		m.node.Data = offset
		offset += uint64(len(m.data))
	}
	header := abi.ArchiveHeader{Magic: abi.ArchiveMagic, Version: abi.ArchiveVersion, Nodes: uint32(len(p.members)), Bytes: offset}
	out := make([]byte, 0, offset)
	out = appendStruct(out, header)
	for i := range p.members {
		out = appendStruct(out, p.members[i].node)
	}
	for i := range p.members {
		out = append(out, p.members[i].name...)
	}
	for i := range p.members {
		m := &p.members[i]
		if m.node.Mode&^0o7777 == typeDir {
			continue
		}
		out = append(out, make([]byte, m.node.Data-uint64(len(out)))...)
		out = append(out, m.data...)
	}
	return out
}

// appendStruct appends a structure of fixed size.
func appendStruct(out []byte, v any) []byte {
	out, err := binary.Append(out, binary.LittleEndian, v)
	if err != nil {
		panic(err) // the structures of package abi have a size
	}
	return out
}
