package toolchain

// socketPatches make the socket calls of package syscall reach the socket
// layer in the image. They are in images of programs that use package net.
func socketPatches() []patch { return nil }
