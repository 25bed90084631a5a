package netback

import (
	"net"
	"strings"
	"testing"
)

func TestParseMAC(t *testing.T) {
	for _, c := range []struct {
		in   string
		want [6]byte
		says string
	}{
		{in: "02:00:00:00:00:01", want: [6]byte{2, 0, 0, 0, 0, 1}},
		{in: "fe:DC:ba:98:76:54", want: [6]byte{0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54}},
		{in: "00:00:00:00:00:00", says: "belongs to no device"},
		{in: "01:00:5e:00:00:01", says: "group address"},
		{in: "ff:ff:ff:ff:ff:ff", says: "(fe)"},
		{in: "", says: "form"},
		{in: "02:00:00:00:00", says: "form"},
		{in: "2:0:0:0:0:1", says: "form"},
		{in: "02-00-00-00-00-01", says: "form"},
		{in: "02:00:00:00:00:0g", says: "form"},
		{in: "02:00:00:00:00:01 ", says: "form"},
		{in: "02:00:00:00:00:01:02:03", says: "form"},
		{in: "+2:00:00:00:00:01", says: "form"},
	} {
		got, err := ParseMAC(c.in)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("ParseMAC(%q) = %x, %v; want %x, %q", c.in, got, err, c.want, c.says)
		}
	}
}

// What ParseMAC accepts, the standard library reads the same way, and it is an
// address or an error, never both.
func FuzzParseMAC(f *testing.F) {
	for _, s := range []string{"02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0", "::::::", "02:00:00:00:00:\x80\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mac, err := ParseMAC(s)
		if (err == nil) == (mac == [6]byte{}) {
			t.Fatalf("ParseMAC(%q) = %x, %v", s, mac, err)
		}
		if err != nil {
			return
		}
		want, err := net.ParseMAC(s)
		if err != nil || string(want) != string(mac[:]) || mac[0]&1 != 0 {
			t.Fatalf("ParseMAC(%q) = %x, net.ParseMAC = %v, %v", s, mac, want, err)
		}
	})
}
