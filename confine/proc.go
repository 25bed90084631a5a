package confine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is what procfs tells of this process.
type process struct {
	dir int // a descriptor of procfs
}

// openProcess takes /proc or, where it is not mounted, a procfs of its own,
// which takes CAP_SYS_ADMIN. The caller calls close.
func openProcess() (process, error) {
	const tasks = "/proc/self/task"
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		if err = unix.Faccessat(fd, "self/task", unix.F_OK, 0); err == nil {
			return process{fd}, nil
		}
		unix.Close(fd)
	}
	if fd, err := mountProc(); err == nil {
		return process{fd}, nil
	}
	return process{}, fmt.Errorf("no %s to list threads with: %w; mount /proc, or start the tender without capabilities", tasks, err)
}

// mountProc makes a procfs that is mounted nowhere.
func mountProc() (int, error) {
	context, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

func (p process) close() error { return unix.Close(p.dir) }

func (p process) open(path string) (*os.File, error) {
	fd, err := unix.Openat(p.dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// threads are the numbers of the threads there are.
func (p process) threads() (found []int, err error) {
	dir, err := p.open("self/task")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			return nil, fmt.Errorf("self/task has %q", name)
		}
		found = append(found, n)
	}
	return found, nil
}

// isKernels says whether a thread of this process is the kernel's, as KVM's
// may be: it never comes back to user space.
func (p process) isKernels(thread int) bool {
	file, err := p.open(fmt.Sprintf("self/task/%d/stat", thread))
	if err != nil {
		return false
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return err == nil && userWorker(text)
}

// userWorker looks for PF_USER_WORKER in the text of a stat file: after the
// name in parentheses come state, ppid, pgrp, session, tty, tpgid and flags.
func userWorker(stat []byte) bool {
	const flag = 0x4000
	after := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(after) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(after[6], 10, 64)
	return err == nil && flags&flag != 0
}
