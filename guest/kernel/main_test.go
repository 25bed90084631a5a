package kernel

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	bindLeaves() // as start does in a guest
	os.Exit(m.Run())
}
