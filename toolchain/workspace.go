package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// goWork is what `go work edit -json` prints.
type goWork struct {
	Use     []struct{ DiskPath string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// writeWorkspace makes a go.work with the program's module, or the workspace
// it is in, and the module of the guest packages; it returns the file's path.
func writeWorkspace(ctx context.Context, tool *goTool, cache, moduleDir string) (string, error) {
	guest, err := writeModule(cache)
	if err != nil {
		return "", err
	}
	var w goWork
	base := moduleDir
	if tool.Work == "" {
		w.Use = []struct{ DiskPath string }{{moduleDir}}
	} else {
		base = filepath.Dir(tool.Work)
		var stderr bytes.Buffer
		out, err := tool.run(ctx, base, nil, &stderr, "work", "edit", "-json", tool.Work)
		if err != nil {
			return "", goFailed("go work edit", &stderr, err)
		}
		if err := json.Unmarshal(out, &w); err != nil {
			return "", fmt.Errorf("%s: %w", tool.Work, err)
		}
	}
	text := w.text(tool.Version, base, guest)
	sum := sha256.Sum256([]byte(text))
	dir := filepath.Join(cache, "work-"+hex.EncodeToString(sum[:8]))
	return filepath.Join(dir, "go.work"), writeFolder(dir, map[string][]byte{"go.work": []byte(text)})
}

// text is the go.work file with all paths absolute.
func (w *goWork) text(version, base, guest string) string {
	abs := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(base, p)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "go %s\n\nuse %s\n", strings.TrimPrefix(version, "go"), strconv.Quote(guest))
	for _, u := range w.Use {
		fmt.Fprintf(&s, "use %s\n", strconv.Quote(abs(u.DiskPath)))
	}
	for _, r := range w.Replace {
		to := r.New.Path
		if r.New.Version == "" {
			to = strconv.Quote(abs(to))
		}
		fmt.Fprintf(&s, "replace %s %s => %s %s\n", r.Old.Path, r.Old.Version, to, r.New.Version)
	}
	return s.String()
}
