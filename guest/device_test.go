package guest

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// Outside of a unikernel there is no device, and the error says so.
func TestNoUnikernel(t *testing.T) {
	_, nic := OpenNIC("net0")
	_, block := OpenBlock("disk0")
	for name, err := range map[string]error{"net0": nic, "disk0": block} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "unikernel") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPoller(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("poller: %v", err)
	}
}
