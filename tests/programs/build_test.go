package programs

import (
	"os"
	"os/exec"
	"path/filepath"

	"tender/tests/rig/suite"
)

// appliance is a program of appliances/ that is a module of its own.
type appliance struct {
	name string
	// folder is what the program finds in its file system under /srv as a
	// unikernel. As a process it gets the folder as it is.
	folder         suite.Artefact
	process, image suite.Artefact
}

// newAppliance takes what fills the folder.
func newAppliance(name string, fill func(dir string) error) *appliance {
	source := filepath.Join("..", "..", "appliances", name)
	a := &appliance{name: name}
	a.folder = suite.Artefact{Name: name + "-files", Make: func(output string) error {
		dir := filepath.Join(output, "srv")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return fill(dir)
	}}
	a.process = suite.Artefact{Name: name, Make: func(output string) error {
		cmd := exec.Command("go", "build", "-o", output, ".")
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		return suite.Run(cmd)
	}}
	a.image = suite.Artefact{Name: name + ".hvt", Make: func(output string) error {
		command, err := suite.Tender.Path()
		if err != nil {
			return err
		}
		folder, err := a.folder.Path()
		if err != nil {
			return err
		}
		return suite.Run(exec.Command(command, "build", "-o", output, "--root", folder, source))
	}}
	return a
}
