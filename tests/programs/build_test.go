package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// artefact is a file or folder that is made once, when it is first needed.
type artefact struct {
	name string // below scratch
	make func(output string) error
	once sync.Once
	err  error
}

func (a *artefact) get() (string, error) {
	output := filepath.Join(scratch, a.name)
	a.once.Do(func() {
		if err := a.make(output); err != nil {
			a.err = fmt.Errorf("making %s: %w", a.name, err)
		}
	})
	return output, a.err
}

// of is the path of what was made.
func (a *artefact) of(t testing.TB) string {
	t.Helper()
	path, err := a.get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tender is the command, static as users have it.
var tender = artefact{name: "tender", make: func(output string) error {
	cmd := exec.Command("go", "build", "-tags=netgo,osusergo", "-ldflags=-linkmode=external -extldflags=-static", "-o", output, "tender/cmd/tender")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
	return combined(cmd)
}}

// appliance is a program of appliances/ that is a module of its own.
type appliance struct {
	name string
	// folder is what the program finds in its file system under /srv as a
	// unikernel. As a process it gets the folder as it is.
	folder         artefact
	process, image artefact
}

// newAppliance takes what fills the folder.
func newAppliance(name string, fill func(dir string) error) *appliance {
	source := filepath.Join("..", "..", "appliances", name)
	a := &appliance{name: name}
	a.folder = artefact{name: name + "-files", make: func(output string) error {
		dir := filepath.Join(output, "srv")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return fill(dir)
	}}
	a.process = artefact{name: name, make: func(output string) error {
		cmd := exec.Command("go", "build", "-o", output, ".")
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		return combined(cmd)
	}}
	a.image = artefact{name: name + ".hvt", make: func(output string) error {
		command, err := tender.get()
		if err != nil {
			return err
		}
		folder, err := a.folder.get()
		if err != nil {
			return err
		}
		return combined(exec.Command(command, "build", "-o", output, "--root", folder, source))
	}}
	return a
}

// combined runs a command; its output is part of the error.
func combined(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
