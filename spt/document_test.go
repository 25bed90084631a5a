package spt

import (
	"os"
	"path/filepath"
	"testing"

	"tender/blockback"
	"tender/machine"
	"tender/netback"
	"tender/seccomp/seccomptest"
)

// docs/seccomp.md shows the policy of a guest with one device of each kind.
func TestDocument(t *testing.T) {
	net, wire := netback.NewPipe(netback.DefaultMTU)
	defer net.Close()
	defer wire.Close()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	disk, err := blockback.OpenFile(path, blockback.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	p := policy([]machine.Attachment{{Handle: 1, Name: "net", Net: net}, {Handle: 2, Name: "disk", Block: disk}}, true, false)
	seccomptest.CheckDocument(t, "../docs/seccomp.md", "spt", p)
}
