package gen

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The main packages of the published programs and of the guide's examples are
// Go that compiles.
func TestPackagesCompile(t *testing.T) {
	b := &batch{t: t, dir: t.TempDir(), replace: map[string]string{}}
	var texts []string
	paths, err := filepath.Glob("../testdata/*.nacl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	guide, err := os.ReadFile("../../docs/nacl.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(guide), "```nacl\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		if !strings.Contains(text, "Iface ") { // an image needs one
			text += "\nIface only { index: 0 }\n"
		}
		texts = append(texts, text)
	}
	arguments := []string{"build", "-o", t.TempDir(), "-overlay", filepath.Join(b.dir, "overlay.json")}
	for i, text := range texts {
		p := load(t, "example.nacl", text)
		files, err := Package(p, Devices(p))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			b.file(fmt.Sprintf("main%d/%s", i, name), text)
		}
		arguments = append(arguments, fmt.Sprintf("./batch/main%d", i))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": b.replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "overlay.json"), overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
