package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tender/confine/threads"
)

// changeUser are the capabilities that becoming another user takes.
const changeUser = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID

// dropPrivileges takes the capabilities of all threads away, and makes them
// the user's.
func dropPrivileges(user *User) error {
	held, err := capabilities(0)
	if err != nil {
		return err
	}
	if user == nil {
		return dropCapabilities(held, 0)
	}
	// Where there is no /proc, the change of user takes the capabilities
	// too, only the bounding set stays.
	if err := dropCapabilities(held, changeUser); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := become(user); err != nil {
		return fmt.Errorf("becoming user %d, group %d: %w; that takes root", user.UID, user.GID, err)
	}
	// From root the change has taken all; from another user it takes none.
	if held, err = capabilities(0); err != nil {
		return err
	}
	return dropCapabilities(held, 0)
}

// become changes the user and groups of all threads; package syscall does so,
// through libc, in a program with cgo.
func become(user *User) error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setresgid(user.GID, user.GID, user.GID); err != nil {
		return err
	}
	return syscall.Setresuid(user.UID, user.UID, user.UID)
}

// capabilities are those that a thread of this process has or can get back,
// as a set of bits; thread 0 is the caller's.
func capabilities(thread int) (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3, Pid: int32(thread)}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("reading capabilities: %w", err)
	}
	low := data[0].Effective | data[0].Permitted | data[0].Inheritable
	high := data[1].Effective | data[1].Permitted | data[1].Inheritable
	return uint64(high)<<32 | uint64(low), nil
}

// dropTimeout bounds the wait for threads to drop their capabilities, which
// they do as soon as they run.
const dropTimeout = 2 * time.Second

// dropCapabilities leaves all threads with keep of the capabilities at most,
// and with empty ambient and bounding sets. held are the caller's: without
// any, there is nothing to drop or to drop it with.
//
// Capabilities are a thread's own, so each that holds any gets one signal. A
// thread that is made meanwhile has its maker's, and is found in the next
// round.
func dropCapabilities(held, keep uint64) (err error) {
	if held == 0 {
		return nil
	}
	if err := threads.OnSignal(keep); err != nil {
		return err
	}
	proc, err := openProcess()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proc.close()) }()
	signalled := make(map[int]bool)
	for deadline := time.Now().Add(dropTimeout); ; {
		left, err := signalHolders(proc, keep, signalled)
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d threads keep their capabilities", left)
		}
		// time.Sleep would take a millisecond.
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 10e3}, nil)
	}
}

// signalHolders counts the threads that hold other capabilities than keep, and
// signals those it has not signalled before.
func signalHolders(proc process, keep uint64, signalled map[int]bool) (holders int, err error) {
	all, err := proc.threads()
	if err != nil {
		return 0, fmt.Errorf("listing threads to take their capabilities: %w", err)
	}
	for _, thread := range all {
		held, err := capabilities(thread)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if held&^keep == 0 || proc.isKernels(thread) {
			continue
		}
		holders++
		if signalled[thread] {
			continue
		}
		signalled[thread] = true
		if err := unix.Tgkill(unix.Getpid(), thread, threads.Signal); err != nil && err != unix.ESRCH {
			return 0, fmt.Errorf("signalling thread %d: %w", thread, err)
		}
	}
	return holders, nil
}
