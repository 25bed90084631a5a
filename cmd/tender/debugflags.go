package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/hvt"
)

// defaultGDB is where --gdb waits if it says nothing else: other machines
// cannot reach it.
const defaultGDB = "127.0.0.1:1234"

// parseGDB completes an address: PORT and :PORT are on this machine only. All
// addresses of the machine must be asked for, as 0.0.0.0:PORT.
func parseGDB(value string) (string, error) {
	if value == "" {
		return defaultGDB, nil
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = "", value
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("--gdb=%s: write --gdb, --gdb=PORT or --gdb=HOST:PORT", value)
	} else if host == "" {
		return net.JoinHostPort("127.0.0.1", strconv.FormatUint(n, 10)), nil
	}
	return value, nil
}

// debugged says whether the run is for somebody who looks into the guest. It
// is then not confined, as it needs the network or files.
func (o *runOptions) debugged() bool { return o.gdb != "" || o.coreDir != "" }

// prepareDebug finds out early what would be known too late, and waits for
// gdb. The connection is nil if none is wanted.
func (o *runOptions) prepareDebug(ctx context.Context, std stdio) (io.ReadWriteCloser, error) {
	if o.debugged() {
		std.say("WARNING: not confined: --gdb and --dumpcore are for debugging")
	}
	if o.coreDir != "" {
		if err := checkCoreDir(o.coreDir); err != nil {
			return nil, fmt.Errorf("--dumpcore=%s: %w", o.coreDir, err)
		}
	}
	if o.gdb == "" {
		return nil, nil
	}
	conn, err := acceptGDB(ctx, o.gdb, std)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func checkCoreDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("no such folder: make it with `mkdir -p %s`", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return errors.New("it is not a folder: give one, core files get names of their own")
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("cannot write to it: %w", err)
	}
	return nil
}

// acceptGDB waits for one connection, or the end of ctx.
func acceptGDB(ctx context.Context, address string, std stdio) (net.Conn, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--gdb=%s: cannot wait for gdb: %w; choose another port with --gdb=PORT", address, err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	std.say("waiting for gdb: gdb -ex 'target remote %v' FILE, where FILE is that of tender build --debug FILE", listener.Addr())
	conn, err := listener.Accept()
	switch {
	case ctx.Err() != nil && err == nil:
		conn.Close()
		return nil, context.Cause(ctx)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("--gdb=%s: %w", address, err)
	}
	return conn, nil
}

// wantsCore says whether a guest that ended like this is to leave a core file.
func (o *runOptions) wantsCore(status int, err error) bool {
	var crash *hvt.GuestError
	return o.coreDir != "" && (err == nil && status == abi.ExitAbort || errors.As(err, &crash))
}

// dumpCore writes a core file. Its name is the stock tender's, so that what
// collects those finds it.
func dumpCore(vm *hvt.VM, dir string, std stdio) {
	path := filepath.Join(dir, fmt.Sprintf("core.solo5-hvt.%d", os.Getpid()))
	std.say("dumpcore: dumping guest core to: %s", path)
	stats, err := writeCore(vm, path)
	if err != nil {
		std.say("dumpcore: %v", err)
		return
	}
	std.say("dumpcore: dumped %d pages of total %d pages", stats.Pages, stats.Total)
}

// writeCore leaves no half of a file behind, and never one that was there.
func writeCore(vm *hvt.VM, path string) (stats hvt.CoreStats, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return stats, err
	}
	stats, err = vm.WriteCore(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return stats, errors.Join(err, os.Remove(path))
	}
	return stats, nil
}
