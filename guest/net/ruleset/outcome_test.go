package ruleset

import (
	"testing"

	"tender/guest/net/packet"
)

func TestOf(t *testing.T) {
	if Of(packet.Accept) != Accept || Of(packet.Drop) != Drop {
		t.Error("Of")
	}
}
