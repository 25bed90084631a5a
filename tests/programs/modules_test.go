package programs

import (
	"os/exec"
	"path/filepath"
	"testing"

	"tender/tests/rig/suite"
)

// TestModules runs the tests of the appliances that are modules of their own:
// the go command does not reach them from here with ./... .
func TestModules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "appliances", "*", "go.mod"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("there are none")
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			for _, args := range [][]string{{"mod", "tidy", "-diff"}, {"vet", "./..."}, {"test", "-race", "./..."}} {
				cmd := exec.Command("go", args...)
				cmd.Dir = dir
				if err := suite.Run(cmd); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
