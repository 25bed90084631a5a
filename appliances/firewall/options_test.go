package main

import (
	"strings"
	"testing"
	"time"

	"tender/guest/net/packet"
)

func TestParse(t *testing.T) {
	o, err := parse(strings.Split("--outside=10.0.0.2/24 --inside=192.168.0.1/24 --inside=192.168.1.1/24  --route=0.0.0.0/0,10.0.0.1"+
		" --route=10.9.0.0/16,192.168.1.9,cost=7 --allow=tcp,in=outside,out=inside,src=10.0.0.0/24,dst=192.168.0.20,sport=1024-65535,dport=80"+
		" --drop=47 --allow=icmp,type=echo-request --policy=accept --echo=no --flows=99 --icmp-errors=5 --stats=1m --exit-after=1500ms", " "))
	if err != nil {
		t.Fatal(err)
	}
	if len(o.rules) != 3 || o.rules[0].Verdict != packet.Accept || o.rules[1].Verdict != packet.Drop || o.rules[1].Proto != 47 || o.rules[2].ICMPType != 8 {
		t.Errorf("rules %+v", o.rules)
	}
	if r := o.rules[0]; r.In != outside || r.Out != inside || r.SrcPorts.First != 1024 || r.DstPorts.Last != 80 || r.Src.Bits != 24 || r.Dst.Bits != 32 {
		t.Errorf("rule %+v", r)
	}
	if len(o.config.Interfaces[inside].Addrs) != 2 || o.config.Routes[0].Iface != outside || o.config.Routes[1].Iface != inside || o.config.Routes[1].Cost != 7 {
		t.Errorf("config %+v", o.config)
	}
	if o.policy != packet.Accept || o.echo || o.config.Flows != 99 || o.config.ICMPErrorsPerSecond != 5 || o.stats != time.Minute || o.exitAfter != 1500*time.Millisecond {
		t.Errorf("options %+v", o)
	}
}

// TestParseRefuses checks that an error names the argument, says what is
// wrong, and shows a right form that is itself accepted.
func TestParseRefuses(t *testing.T) {
	const addresses = "--outside=10.0.0.2/24 --inside=192.168.0.1/24 "
	for args, want := range map[string]string{
		"":                                              "--outside",
		"--outside=10.0.0.2/24":                         "--inside: is missing",
		"--outside=10.0.0.2":                            `"10.0.0.2" is not an address with`,
		"--outside=10.0.0.256/24":                       "not an address",
		"--outside=10.0.0.0/24":                         "network's own",
		"--outside=10.0.0.255/24":                       "broadcast",
		"--outside=127.0.0.1/8":                         "cannot be a host's",
		"--outside=10.0.0.2/0":                          "has no network",
		"--outside=fe80::1/64":                          "not an address",
		"--outside":                                     "needs a value",
		"--outside=":                                    "needs a value",
		addresses + "--inside=10.0.0.3/24":              "collides with --outside=10.0.0.2/24",
		addresses + "--inside=10.0.0.2/16":              "collides",
		addresses + "outside=10.0.0.2/24":               "no such argument",
		addresses + "-v":                                "no such argument",
		addresses + "--frobnicate=1":                    "no such argument",
		addresses + "--route=0.0.0.0/0":                 "next hop is missing",
		addresses + "--route=0.0.0.0/0,x":               `"x" is not an IPv4 address`,
		addresses + "--route=0.0.0.0/99,10.0.0.1":       "not an IPv4 network",
		addresses + "--route=10.1.1.1/8,10.0.0.1":       "the network is 10.0.0.0/8",
		addresses + "--route=0.0.0.0/0,10.9.9.9":        "in no network",
		addresses + "--route=0.0.0.0/0,10.0.0.2":        "own address",
		addresses + "--route=0.0.0.0/0,10.0.0.255":      "broadcast",
		addresses + "--route=0.0.0.0/0,10.0.0.1,5":      "is not cost=N",
		addresses + "--route=0.0.0.0/0,10.0.0.1,cost=x": "not a number",
		addresses + "--allow=":                          "needs a value",
		addresses + "--allow=http":                      `"http" is not a protocol`,
		addresses + "--allow=256":                       "not a protocol",
		addresses + "--allow=tcp,":                      "not a test",
		addresses + "--allow=tcp,dport":                 "not a test",
		addresses + "--allow=tcp,dport=http":            `"http" is not a port`,
		addresses + "--allow=tcp,dport=80-70":           "not a port",
		addresses + "--allow=tcp,dport=65536":           "not a port",
		addresses + "--allow=tcp,dport=1,dport=2":       "there twice",
		addresses + "--allow=icmp,dport=80":             "ports need protocol",
		addresses + "--allow=any,dport=80":              "ports need protocol",
		addresses + "--allow=tcp,type=8":                "needs protocol icmp",
		addresses + "--allow=icmp,type=pong":            "not an ICMP type",
		addresses + "--allow=tcp,in=eth0":               "neither outside nor inside",
		addresses + "--allow=tcp,src=10.0.0.5/24":       "the network is 10.0.0.0/24",
		addresses + "--allow=tcp,color=red":             "color= is not a test",
		addresses + "--drop=http":                       "--drop=http",
		addresses + "--policy=reject":                   "neither drop nor accept",
		addresses + "--echo=1":                          "neither yes nor no",
		addresses + "--flows=0":                         "not a number from 1",
		addresses + "--flows=99999999":                  "not a number from 1",
		addresses + "--flows=99999999999999999999":      "not a number from 1",
		addresses + "--icmp-errors=-1":                  "not a number from 1",
		addresses + "--stats=10":                        "with its unit",
		addresses + "--exit-after=-5s":                  "at least 1ms",
	} {
		var out, errs strings.Builder
		status := run(strings.Split(args, " "), &out, &errs, func() (devices, error) {
			t.Errorf("%s: accepted", args)
			return devices{}, errClosed
		})
		line := errs.String()
		if status != exitUsage || !strings.Contains(line, want) || strings.Count(line, "\n") != 1 || out.Len() != 0 {
			t.Errorf("%s: status %d, said %q, want %q", args, status, line, want)
		}
		_, example, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "for example ")
		if !ok {
			t.Errorf("%s: no example in %q", args, line)
			continue
		}
		full := []string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24", example}
		if strings.HasPrefix(example, "--outside") || strings.HasPrefix(example, "--inside") {
			full = []string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24"}
		}
		if _, err := parse(full); err != nil {
			t.Errorf("%s: the example %q is wrong: %v", args, example, err)
		}
	}
}

// TestHelp checks that the help names every flag and that its examples work.
func TestHelp(t *testing.T) {
	var out strings.Builder
	if status := run([]string{"--help"}, &out, &out, nil); status != exitOK || out.String() != help {
		t.Errorf("status %d, said %q", status, out.String())
	}
	for name, f := range flags {
		if !strings.Contains(help, "  --"+name+"=") {
			t.Errorf("--%s is not in the help", name)
		}
		args := []string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24"}
		if name != "outside" && name != "inside" {
			args = append(args, "--"+name+"="+f.example)
		}
		if _, err := parse(args); err != nil {
			t.Errorf("example of --%s: %v", name, err)
		}
	}
	_, example, _ := strings.Cut(help, "Example: a web server behind the firewall\n")
	if _, err := parse(strings.Fields(example)); err != nil {
		t.Errorf("the example in the help: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, flag := range []string{"--route=0.0.0.0/0,10.0.0.1,cost=2", "--allow=tcp,dport=1-2,src=1.2.3.4/32", "--stats=1s", "--x", "--drop=any,in=inside"} {
		f.Add(flag)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		o, err := parse([]string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24", arg})
		if (o == nil) == (err == nil) && err != nil {
			t.Errorf("%q: options and an error", arg)
		}
	})
}
