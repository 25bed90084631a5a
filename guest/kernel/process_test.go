package kernel

import (
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The structures of calls about files and the system have Linux's sizes.
func TestFileLayout(t *testing.T) {
	for _, c := range []struct {
		typ, want reflect.Type
		field     string
		as        string
	}{
		{reflect.TypeFor[statfs](), reflect.TypeFor[syscall.Statfs_t](), "nameLen", "Namelen"},
		{reflect.TypeFor[sysinfo](), reflect.TypeFor[syscall.Sysinfo_t](), "unit", "Unit"},
		{reflect.TypeFor[utsname](), reflect.TypeFor[syscall.Utsname](), "machine", "Machine"},
		{reflect.TypeFor[iovec](), reflect.TypeFor[unix.Iovec](), "len", "Len"},
		{reflect.TypeFor[stat](), reflect.TypeFor[syscall.Stat_t](), "modified", "Mtim"},
	} {
		if c.typ.Size() != c.want.Size() {
			t.Errorf("%s has %d bytes, want %d", c.typ, c.typ.Size(), c.want.Size())
		}
		if got, want := fieldOffset(t, c.typ, c.field), fieldOffset(t, c.want, c.as); got != want {
			t.Errorf("%s.%s is at %d, want %d", c.typ, c.field, got, want)
		}
	}
	if got, want := fieldOffset(t, reflect.TypeFor[dirent](), "kind"), fieldOffset(t, reflect.TypeFor[syscall.Dirent](), "Type"); got != want || direntName != got+1 {
		t.Errorf("dirent.kind is at %d, want %d", got, want)
	}
}

func TestProcess(t *testing.T) {
	c := newCaller(t)
	data := c.data()
	word := at[[3]uint32](data)
	for _, k := range []struct {
		what string
		nr   uintptr
		args []uintptr
		want int64
	}{
		{"getpid", syscall.SYS_GETPID, nil, 1},
		{"fork", syscall.SYS_FORK, nil, eNOSYS},
		{"vfork", syscall.SYS_VFORK, nil, eNOSYS},
		{"clone of a process", syscall.SYS_CLONE, []uintptr{17}, eNOSYS},
		{"execve", syscall.SYS_EXECVE, []uintptr{c.path(0, "/bin/sh"), 0, 0}, eNOSYS},
		{"wait4", syscall.SYS_WAIT4, []uintptr{^uintptr(0), 0, 0, 0}, eCHILD},
		{"setuid of root", syscall.SYS_SETUID, []uintptr{0}, 0},
		{"setuid", syscall.SYS_SETUID, []uintptr{1}, ePERM},
		{"setresgid of nothing", syscall.SYS_SETRESGID, []uintptr{1<<32 - 1, 1<<64 - 1, 0}, 0},
		{"setresgid", syscall.SYS_SETRESGID, []uintptr{0, 0, 5}, ePERM},
		{"setreuid", syscall.SYS_SETREUID, []uintptr{0, 5, 0}, ePERM},
		{"getresuid", syscall.SYS_GETRESUID, []uintptr{data, data + 4, data + 8}, 0},
		{"prctl to set", syscall.SYS_PRCTL, []uintptr{8, 1}, 0},
		{"prctl to get", syscall.SYS_PRCTL, []uintptr{7}, 1},
		{"prctl, unknown", syscall.SYS_PRCTL, []uintptr{0x53564d41}, eINVAL},
		{"sendfile", syscall.SYS_SENDFILE, []uintptr{1, 1, 0, 10}, eINVAL},
		{"splice", syscall.SYS_SPLICE, []uintptr{1, 0, 1, 0, 10, 0}, eINVAL},
		{"copy_file_range", 326, []uintptr{1, 0, 1, 0, 10, 0}, eNOSYS},
		{"io_uring_setup", 425, []uintptr{1, data}, eNOSYS},
		{"flock", syscall.SYS_FLOCK, []uintptr{1, 2}, 0},
		{"sethostname, too long", syscall.SYS_SETHOSTNAME, []uintptr{data, 65}, eINVAL},
		{"sysinfo", syscall.SYS_SYSINFO, []uintptr{data}, 0},
		{"getrusage", syscall.SYS_GETRUSAGE, []uintptr{0, data}, 0},
		{"uname", syscall.SYS_UNAME, []uintptr{data}, 0},
		{"fstat with unknown flags", syscall.SYS_NEWFSTATAT, []uintptr{1, c.path(0, "x"), data, 0x10000}, eINVAL},
	} {
		*word = [3]uint32{9, 9, 9}
		if got := c.call(k.nr, k.args...); got != k.want {
			t.Errorf("%s: %d, want %d", k.what, got, k.want)
		}
		if k.nr == syscall.SYS_GETRESUID && *word != [3]uint32{} {
			t.Errorf("identities %v", *word)
		}
	}
	u := at[utsname](data)
	if name := string(cstring(addrOf(&u.node), 65)); name != Program {
		t.Errorf("host name %q", name)
	}
	copy(bytesAt(data, 4), "name")
	if r := c.call(syscall.SYS_SETHOSTNAME, data, 4); r != 0 {
		t.Errorf("sethostname: %d", r)
	}
	defer func() { hostNameLen = 0 }()
	c.call(syscall.SYS_UNAME, data)
	if name := string(cstring(addrOf(&u.node), 65)); name != "name" {
		t.Errorf("host name %q after it was set", name)
	}
}
