package suite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Artefact is a file or folder that is made once, when it is first needed.
type Artefact struct {
	// Name is its path in the scratch folder.
	Name string
	// Make makes it. It returns an error instead of ending a test, as others
	// may wait for the same.
	Make func(output string) error

	once sync.Once
	err  error
}

// Path is where it is, and how making it went.
func (a *Artefact) Path() (string, error) {
	output := filepath.Join(scratch, a.Name)
	a.once.Do(func() {
		a.err = errors.New("there is no scratch folder: TestMain has to call suite.Main")
		if scratch != "" {
			a.err = a.Make(output)
		}
		if a.err != nil {
			a.err = fmt.Errorf("making %s: %w", a.Name, a.err)
		}
	})
	return output, a.err
}

// Of is Path for a test, which a failure ends.
func (a *Artefact) Of(t testing.TB) string {
	t.Helper()
	path, err := a.Path()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Tender is the command.
var Tender = Artefact{Name: "tender", Make: Command("tender/cmd/tender")}

// Command makes a command of this module, static as users have it.
func Command(pkg string) func(output string) error {
	return func(output string) error {
		cmd := exec.Command("go", "build", "-tags=netgo,osusergo", "-ldflags=-linkmode=external -extldflags=-static", "-o", output, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
		return Run(cmd)
	}
}

// Run runs a command; its output is part of the error.
func Run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}
