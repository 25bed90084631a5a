package kernel

import "unsafe"

// at returns the object at an address. The address lies in guest memory, or
// the access faults; the object must not hold Go pointers that are written.
func at[T any](addr uintptr) *T {
	return *(**T)(unsafe.Pointer(&addr))
}

// addrOf is the address of a static object of the kernel.
func addrOf[T any](p *T) uintptr {
	return uintptr(unsafe.Pointer(p))
}

// bytesAt is memory as a slice.
func bytesAt(addr, n uintptr) []byte {
	return unsafe.Slice(at[byte](addr), n)
}

// leaf is the function whose code address is at code: a func value points to
// such a word.
func leaf[F any](code *uintptr) F {
	return *(*F)(unsafe.Pointer(&code))
}

func sizeOf[T any]() uintptr {
	var v T
	return unsafe.Sizeof(v)
}

func stringBytes(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// cstring is the NUL-terminated string at an address, at most max bytes.
func cstring(addr, max uintptr) []byte {
	b := bytesAt(addr, max)
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
