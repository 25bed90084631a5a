// Package nacl proves that what is written in NaCl happens to real packets:
// `tender nacl build` makes images of programs, network namespaces are the
// hosts around them, and public clients talk through them. What no client says
// goes as frames through packet sockets; a Linux router with the same rules as
// nftables must let the same frames pass.
//
// Everything runs under hvt and spt, each test in a network of its own. The
// tests need root, and are skipped, with the reason, without.
package nacl

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"tender/tests/rig/suite"
)

// parallel is how many tests run at a time: most of them wait.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(suite.Main(m, "nacl", parallel)) }

// images are artefacts by their programs.
var images sync.Map

// building is held by who builds an image: one at a time, as tests that run
// already wait for answers.
var building sync.Mutex

// imageOf builds the image of a program, once.
func imageOf(t testing.TB, program string) string {
	t.Helper()
	image, _ := images.LoadOrStore(program, &suite.Artefact{
		Name: fmt.Sprintf("%x.hvt", sha256.Sum256([]byte(program))),
		Make: func(output string) error { return buildImage(program, output) },
	})
	return image.(*suite.Artefact).Of(t)
}

func buildImage(program, output string) error {
	building.Lock()
	defer building.Unlock()
	tender, err := suite.Tender.Path()
	if err != nil {
		return err
	}
	source := output + ".nacl"
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		return err
	}
	if err := suite.Run(exec.Command(tender, "nacl", "build", source, "-o", output)); err != nil {
		return fmt.Errorf("%w\n%s", err, program)
	}
	return nil
}

// programOf reads a program of the language's own tests.
func programOf(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "nacl", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
