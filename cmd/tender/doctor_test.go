package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	got := command("doctor")
	for _, what := range []string{kvmDevice, userMode, kernelMode, tunDevice, xdpSockets, filters, goToolchain} {
		if !strings.Contains(got.out, " "+what+" ") {
			t.Errorf("%s is not shown: %+v", what, got)
		}
	}
	var found []finding
	asJSON := command("doctor", "--json")
	check(t, json.Unmarshal([]byte(asJSON.out), &found))
	if len(found) != 7 || asJSON.status != got.status || got.err != "" {
		t.Errorf("%+v, %+v", asJSON, got)
	}
	if got.status == 0 && haveKVM() != nil {
		t.Error("all is well without KVM")
	}
}

// Each line about what is missing says how to mend it.
func TestDoctorOnBareHost(t *testing.T) {
	needRoot(t)
	cmd := withoutDev(tenderCommand(t, "doctor"))
	script := &cmd.Args[4]
	*script = strings.Replace(*script, "exec", "PATH=/nowhere exec", 1)
	got := finish(t, cmd)
	if got.status != 1 || got.err != "" {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{"no   /dev/kvm", "modprobe kvm", "no   /dev/net/tun", "modprobe tun", "no   Go toolchain", "install go1.26"} {
		if !strings.Contains(got.out, text) {
			t.Errorf("no %q in\n%s", text, got.out)
		}
	}
}
