package toolchain

import "regexp"

// socketCalls are the functions of package syscall whose calls can be for a
// socket: the first of their parameters, which is a descriptor, the results
// they take, and the arguments of onSocket after it.
var socketCalls = []struct{ name, fd, results, nr, args string }{
	{"read", "fd", "n, err", "SYS_READ", "unsafe.Pointer(unsafe.SliceData(p)), nil, nil, uintptr(len(p)), 0, 0"},
	{"write", "fd", "n, err", "SYS_WRITE", "unsafe.Pointer(unsafe.SliceData(p)), nil, nil, uintptr(len(p)), 0, 0"},
	{"Close", "fd", "_, err", "SYS_CLOSE", "nil, nil, nil, 0, 0, 0"},
	{"Dup", "oldfd", "fd, err", "SYS_DUP", "nil, nil, nil, 0, 0, 0"},
	{"Dup3", "oldfd", "_, err", "SYS_DUP3", "nil, nil, nil, uintptr(newfd), uintptr(flags), 0"},
	{"fcntl", "fd", "val, err", "SYS_FCNTL", "nil, nil, nil, uintptr(cmd), uintptr(arg), 0"},
	{"Listen", "s", "_, err", "SYS_LISTEN", "nil, nil, nil, uintptr(n), 0, 0"},
	{"Shutdown", "fd", "_, err", "SYS_SHUTDOWN", "nil, nil, nil, uintptr(how), 0, 0"},
	{"accept4", "s", "fd, err", "SYS_ACCEPT4", "unsafe.Pointer(rsa), unsafe.Pointer(addrlen), nil, uintptr(flags), 0, 0"},
	{"bind", "s", "_, err", "SYS_BIND", "addr, nil, nil, uintptr(addrlen), 0, 0"},
	{"connect", "s", "_, err", "SYS_CONNECT", "addr, nil, nil, uintptr(addrlen), 0, 0"},
	{"getsockopt", "s", "_, err", "SYS_GETSOCKOPT", "val, unsafe.Pointer(vallen), nil, uintptr(level), uintptr(name), 0"},
	{"setsockopt", "s", "_, err", "SYS_SETSOCKOPT", "val, nil, nil, uintptr(level), uintptr(name), vallen"},
	{"getpeername", "fd", "_, err", "SYS_GETPEERNAME", "unsafe.Pointer(rsa), unsafe.Pointer(addrlen), nil, 0, 0, 0"},
	{"getsockname", "fd", "_, err", "SYS_GETSOCKNAME", "unsafe.Pointer(rsa), unsafe.Pointer(addrlen), nil, 0, 0, 0"},
	{"recvfrom", "fd", "n, err", "SYS_RECVFROM", "unsafe.Pointer(unsafe.SliceData(p)), unsafe.Pointer(from), unsafe.Pointer(fromlen), uintptr(len(p)), uintptr(flags), 0"},
	{"sendto", "s", "_, err", "SYS_SENDTO", "unsafe.Pointer(unsafe.SliceData(buf)), to, nil, uintptr(len(buf)), uintptr(flags), uintptr(addrlen)"},
	{"sendfile", "outfd", "written, err", "SYS_SENDFILE", "unsafe.Pointer(offset), nil, nil, uintptr(infd), uintptr(count), 0"},
	{"recvmsg", "s", "n, err", "SYS_RECVMSG", "unsafe.Pointer(msg), nil, nil, uintptr(flags), 0, 0"},
	{"sendmsg", "s", "n, err", "SYS_SENDMSG", "unsafe.Pointer(msg), nil, nil, uintptr(flags), 0, 0"},
}

// socketPatches make the socket calls of the standard library reach the socket
// layer in the image, as Go calls on the goroutine's own stack. They are in images of
// programs that use package net, which itself is as it was.
func socketPatches() []patch {
	const calls, raw = "syscall/zsyscall_linux_amd64.go", "syscall/syscall_linux.go"
	var patches []patch
	for _, c := range socketCalls {
		patches = append(patches, patch{
			file:  calls,
			what:  "function " + c.name,
			old:   regexp.MustCompile(`(?m)^func ` + c.name + `\(.*\{$`),
			new:   "$0\n\tif isSocket(" + c.fd + ") {\n\t\t" + c.results + " = onSocket(" + c.nr + ", " + c.fd + ", " + c.args + ")\n\t\treturn\n\t}",
			count: 1,
		})
	}
	return append(patches,
		patch{
			file: calls, what: "socket that Dup3 replaces", count: 1,
			old: regexp.MustCompile(`(?m)^func Dup3\(.*\{$`),
			new: "$0\n\tif isSocket(newfd) && !isSocket(oldfd) {\n\t\tonSocket(SYS_CLOSE, newfd, nil, nil, nil, 0, 0, 0)\n\t}",
		},
		patch{
			file: calls, what: "function socket", count: 1,
			old: regexp.MustCompile(`(?m)^func socket\(.*\{$`),
			new: "$0\n\tif socketCall != nil {\n\t\treturn onSocket(SYS_SOCKET, domain, nil, nil, nil, uintptr(typ), uintptr(proto), 0)\n\t}",
		},
		patch{
			file: calls, what: "function socketpair", count: 1,
			old: regexp.MustCompile(`(?m)^func socketpair\(.*\{$`),
			new: "$0\n\tif socketCall != nil {\n\t\t_, err = onSocket(SYS_SOCKETPAIR, domain, unsafe.Pointer(fd), nil, nil, uintptr(typ), uintptr(proto), 0)\n\t\treturn\n\t}",
		},
		patch{
			// Other users of these calls, golang.org/x/sys/unix first of all, wait in
			// the kernel until a goroutine of the socket layer has answered. So they
			// must not keep the P.
			file: raw, what: "function RawSyscall6", count: 1,
			old: regexp.MustCompile(`(?m)^func RawSyscall6\(.*\{$`),
			new: "$0\n\tif trap-SYS_SOCKET <= SYS_GETSOCKOPT-SYS_SOCKET || trap == SYS_ACCEPT4 || trap == SYS_RECVMMSG || trap == 307 /* sendmmsg */ {\n\t\truntime_entersyscall()\n\t\tvar errno uintptr\n\t\tr1, r2, errno = linux.Syscall6(trap, a1, a2, a3, a4, a5, a6)\n\t\truntime_exitsyscall()\n\t\treturn r1, r2, Errno(errno)\n\t}",
		},
		patch{
			file: raw, what: "Syscall through RawSyscall6", count: 2,
			old: regexp.MustCompile(`(?m)^\tr1, r2, err = RawSyscall6\((.*)\)$`),
			new: "\tvar errno uintptr\n\tr1, r2, errno = linux.Syscall6($1)\n\terr = Errno(errno)",
		},
		patch{
			file: "internal/poll/fd_writev_unix.go", what: "function writev", count: 1,
			old: regexp.MustCompile(`(?m)^func writev\(.*\{$`),
			new: "$0\n\tif n, err, ok := syscall.SocketWritev(fd, iovecs); ok {\n\t\treturn uintptr(n), err\n\t}",
		},
		patch{
			file: "internal/syscall/unix/fcntl_unix.go", what: "function Fcntl", count: 1,
			old: regexp.MustCompile(`(?m)^func Fcntl\(.*\{$`),
			new: "$0\n\tif n, err, ok := syscall.SocketFcntl(fd, cmd, arg); ok {\n\t\treturn n, err\n\t}",
		},
	)
}
