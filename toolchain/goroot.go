package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// SupportedGo lists the Go releases whose standard library we know how to
// re-home; a build with any other stops before it starts.
var SupportedGo = []string{"go1.26"}

// goTool is an installed Go toolchain.
type goTool struct {
	Command string // absolute path of the go command
	Root    string // GOROOT
	Version string // "go1.26.8"
	Work    string // go.work in effect, "" if none
	Flags   string // GOFLAGS
}

// findGo asks the go command in PATH which toolchain it uses for packages in
// dir; a go.mod there can switch it to another one.
func findGo(ctx context.Context, dir string) (*goTool, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("no go command in PATH: install Go " + supported() + " to build images")
	}
	cmd := exec.CommandContext(ctx, path, "env", "-json", "GOROOT", "GOVERSION", "GOWORK", "GOFLAGS")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", commandError(err))
	}
	var env struct{ GOROOT, GOVERSION, GOWORK, GOFLAGS string }
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	if env.GOWORK == "off" {
		env.GOWORK = ""
	}
	if !supportedVersion(env.GOVERSION) {
		return nil, fmt.Errorf("the Go toolchain is %s; tender build supports %s (other releases differ inside the runtime)", env.GOVERSION, supported())
	}
	return &goTool{
		Command: filepath.Join(env.GOROOT, "bin", "go"),
		Root:    env.GOROOT,
		Version: env.GOVERSION,
		Work:    env.GOWORK,
		Flags:   env.GOFLAGS,
	}, nil
}

func supportedVersion(v string) bool {
	for _, s := range SupportedGo {
		if v == s || strings.HasPrefix(v, s+".") {
			return true
		}
	}
	return false
}

func supported() string { return strings.Join(SupportedGo, ", ") + " (any patch release)" }

// run executes the go command for linux/amd64 without cgo; its errors go to
// stderr as they are.
func (g *goTool) run(ctx context.Context, dir string, env []string, stderr *bytes.Buffer, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.Command, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOTOOLCHAIN=local")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = stderr
	return cmd.Output()
}

// commandError prefers what a command wrote on stderr over "exit status 1".
func commandError(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(bytes.TrimSpace(exit.Stderr)) > 0 {
		return errors.New(string(bytes.TrimSpace(exit.Stderr)))
	}
	return err
}
