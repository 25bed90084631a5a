//go:build cgo

package seccomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// Compile makes the program the kernel runs on every call. It is made for the
// architecture of this process.
func (p Policy) Compile() (prog Program, err error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	filter, err := libseccomp.NewFilter(libseccomp.ActKillProcess)
	if err != nil {
		return nil, fmt.Errorf("libseccomp: %w", err)
	}
	defer filter.Release()
	if err := filter.SetBadArchAction(libseccomp.ActKillProcess); err != nil {
		return nil, fmt.Errorf("libseccomp: the action for other architectures: %w", err)
	}
	for _, r := range p {
		if err := add(filter, r); err != nil {
			return nil, fmt.Errorf("libseccomp: the rule of %s: %w", r.Call, err)
		}
	}
	return export(filter)
}

func add(filter *libseccomp.ScmpFilter, r Rule) error {
	number, err := libseccomp.GetSyscallFromName(r.Call)
	if err != nil {
		return err
	}
	action := libseccomp.ActAllow
	if r.Errno != 0 {
		action = libseccomp.ActErrno.SetReturnCode(int16(r.Errno))
	}
	if len(r.Args) == 0 {
		return filter.AddRuleExact(number, action)
	}
	var conds []libseccomp.ScmpCondition
	for _, c := range r.Args {
		cond, err := c.compile()
		if err != nil {
			return err
		}
		conds = append(conds, cond)
	}
	return filter.AddRuleConditionalExact(number, action, conds)
}

// Number is the kernel's number of a call on this architecture.
func Number(call string) (uintptr, error) {
	number, err := libseccomp.GetSyscallFromName(call)
	if err != nil {
		return 0, fmt.Errorf("libseccomp: %s: %w", call, err)
	}
	return uintptr(number), nil
}

func (c Cond) compile() (libseccomp.ScmpCondition, error) {
	switch c.kind {
	case equal:
		return libseccomp.MakeCondition(uint(c.arg), libseccomp.CompareEqual, c.want)
	case atMost:
		return libseccomp.MakeCondition(uint(c.arg), libseccomp.CompareLessOrEqual, c.want)
	}
	return libseccomp.MakeCondition(uint(c.arg), libseccomp.CompareMaskedEqual, c.mask, c.want)
}

// export reads the program back from where libseccomp can write it.
func export(filter *libseccomp.ScmpFilter) (prog Program, err error) {
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("a file for the filter: %w", err)
	}
	file := os.NewFile(uintptr(fd), "filter")
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := filter.ExportBPF(file); err != nil {
		return nil, fmt.Errorf("libseccomp: exporting the filter: %w", err)
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("libseccomp: exporting the filter: %w", err)
	}
	prog = make(Program, size/8)
	if err := binary.Read(io.NewSectionReader(file, 0, size), binary.NativeEndian, prog); err != nil {
		return nil, fmt.Errorf("libseccomp: exporting the filter: %w", err)
	}
	return prog, prog.check()
}
