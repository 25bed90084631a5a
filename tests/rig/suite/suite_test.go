package suite

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m, "suite", 0)) }

// However many ask for it, an artefact is made once, in the scratch folder.
func TestArtefact(t *testing.T) {
	var made atomic.Int32
	a := Artefact{Name: "file", Make: func(output string) error {
		made.Add(1)
		return os.WriteFile(output, []byte("content"), 0o600)
	}}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			path, err := a.Path()
			if err != nil || filepath.Dir(path) != scratch {
				t.Errorf("%s, %v", path, err)
			}
		})
	}
	asking.Wait()
	if text, err := os.ReadFile(a.Of(t)); string(text) != "content" || made.Load() != 1 {
		t.Errorf("%q, %v, made %d times", text, err, made.Load())
	}
}

// All who ask are told why it could not be made.
func TestArtefactFails(t *testing.T) {
	a := Artefact{Name: "file", Make: func(string) error { return Run(exec.Command("sh", "-c", "echo some reason; exit 3")) }}
	for range 2 {
		_, err := a.Path()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "making file: ") || !strings.Contains(err.Error(), "some reason") {
			t.Errorf("%v", err)
		}
	}
}
