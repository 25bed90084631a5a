package abi

import (
	"testing"
	"unsafe"
)

// The layouts that both halves of a guest, and the toolchain, agree on.
func TestGuestLayouts(t *testing.T) {
	for what, c := range map[string][2]uintptr{
		"ArchiveHeader":       {unsafe.Sizeof(ArchiveHeader{}), 32},
		"ArchiveHeader.Nodes": {unsafe.Offsetof(ArchiveHeader{}.Nodes), 12},
		"ArchiveHeader.Bytes": {unsafe.Offsetof(ArchiveHeader{}.Bytes), 16},
		"ArchiveNode":         {unsafe.Sizeof(ArchiveNode{}), 40},
		"ArchiveNode.Name":    {unsafe.Offsetof(ArchiveNode{}.Name), 8},
		"ArchiveNode.MTime":   {unsafe.Offsetof(ArchiveNode{}.MTime), 16},
		"ArchiveNode.Data":    {unsafe.Offsetof(ArchiveNode{}.Data), 24},
		"ArchiveNode.Size":    {unsafe.Offsetof(ArchiveNode{}.Size), 32},
		"SocketCall":          {unsafe.Sizeof(SocketCall{}), 64},
		"SocketCall.Args":     {unsafe.Offsetof(SocketCall{}.Args), 16},
		"SocketReply":         {unsafe.Sizeof(SocketReply{}), 16},
		"DeviceInfo":          {unsafe.Sizeof(DeviceInfo{}), 24},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", what, c[0], c[1])
		}
	}
}
