package programs

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// dav serves a folder with a file in it, and a folder for calendars.
var dav = newAppliance("dav", func(dir string) error {
	for _, name := range []string{"files", "calendars"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "files", "readme.txt"), []byte("what was there\n"), 0o644)
})

const (
	davLogin  = "me:secret"
	filesURL  = plainURL + "/files/"
	caldavURL = plainURL + "/caldav/user/calendars/default/"
)

// TestDAV is a user with curl and cadaver.
func TestDAV(t *testing.T) {
	everywhere(t, func(t *testing.T, k kind) {
		suite.NeedTools(t, "curl", "cadaver")
		h := start(t, k, dav, "80", "--files={srv}/files", "--calendars={srv}/calendars", "--login="+davLogin)
		for _, c := range []struct {
			name string
			test func(*host)
		}{{"curl", davCurl}, {"cadaver", davCadaver}, {"calendar", davCalendar}} {
			t.Run(c.name, func(t *testing.T) { c.test(h.with(t)) })
		}
		h.terminate()
		h.mustEnd(20*time.Second, 0)
	})
}

// TestDAVConformance runs litmus, the tests of WebDAV servers by the makers of
// cadaver, and wants nothing to fail but what the library, x/net/webdav, is
// known to lack: shared locks, conditions on several things at a time, and a
// place for the properties of clients in a folder of Linux.
func TestDAVConformance(t *testing.T) {
	everywhere(t, func(t *testing.T, k kind) {
		suite.NeedTools(t, "litmus")
		for _, c := range []struct {
			name, args, suites string
			fail               []string
		}{
			{"memory", "--login=" + davLogin, "basic copymove props locks http", []string{"fail_complex_cond_put", "lock_shared", "propfind_invalid2"}},
			{"folder", "--files={srv}/files", "basic copymove locks http", []string{"fail_complex_cond_put", "lock_shared", "owner_modify"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				h := start(t, k, dav, "80", c.args)
				out := h.output("env", "--chdir="+t.TempDir(), "TESTS="+c.suites, "litmus", "--keep-going", filesURL, "me", "secret")
				failed := map[string]bool{}
				for _, m := range regexp.MustCompile(`(\w+)\.* *FAIL`).FindAllStringSubmatch(out, -1) {
					failed[m[1]] = true
				}
				if got := slices.Sorted(maps.Keys(failed)); !slices.Equal(got, c.fail) {
					t.Errorf("these tests fail: %q, want %q:\n%s", got, c.fail, out)
				}
				if ran := strings.Count(out, "<- summary for"); ran != len(strings.Fields(c.suites)) {
					t.Errorf("%d suites of %q ran:\n%s", ran, c.suites, out)
				}
			})
		}
	})
}

// curl runs curl with the login, and wants its status and texts.
func (h *host) curl(status int, texts []string, args ...string) {
	h.t.Helper()
	words := append([]string{"curl", "-sS", "--user", davLogin, "-w", "\nstatus %{http_code}\n"}, args...)
	h.mustPrint(append([]string{fmt.Sprintf("\nstatus %d\n", status)}, texts...), words...)
}

func davCurl(h *host) {
	h.curl(401, nil, "--user", "me:wrong", filesURL+"readme.txt")
	h.curl(200, []string{"what was there"}, filesURL+"readme.txt")
	content := make([]byte, 5<<20)
	rand.Read(content)
	file := filepath.Join(h.t.TempDir(), "content.bin")
	must(h.t, os.WriteFile(file, content, 0o600))
	h.curl(201, nil, "-T", file, filesURL)
	h.curl(201, nil, "-T", file, filesURL) // once more, over it
	if got := h.output("curl", "-sS", "--fail", "--user", davLogin, filesURL+"content.bin"); got != string(content) {
		h.t.Errorf("the file comes back as %d other bytes", len(got))
	}
	h.curl(201, nil, "-X", "MKCOL", filesURL+"sub")
	h.curl(201, nil, "-X", "MOVE", "-H", "Destination: "+filesURL+"sub/moved.bin", filesURL+"content.bin")
	h.curl(201, nil, "-X", "COPY", "-H", "Destination: "+filesURL+"copy", filesURL+"sub")
	h.curl(207, []string{"/files/sub/", "/files/copy/", "/files/readme.txt"}, "-X", "PROPFIND", "-H", "Depth: 1", filesURL)
	h.curl(207, []string{"<D:getcontentlength>5242880</D:getcontentlength>"}, "-X", "PROPFIND", filesURL+"copy/moved.bin")
	h.curl(404, nil, filesURL+"content.bin")
	h.curl(404, nil, "--path-as-is", filesURL+"..%2f..%2fetc%2fpasswd")
	h.curl(204, nil, "-X", "DELETE", filesURL+"sub")
	h.curl(204, nil, "-X", "DELETE", filesURL+"copy")
}

// davCadaver types what a person does.
func davCadaver(h *host) {
	dir := h.t.TempDir()
	must(h.t, os.WriteFile(filepath.Join(dir, ".netrc"), []byte("machine "+serverIPv4+" login me password secret\n"), 0o600))
	must(h.t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("some notes\n"), 0o600))
	cmd := h.client.Command(h.t.Context(), "env", "--chdir="+dir, "HOME="+dir, "cadaver", filesURL)
	cmd.Stdin = strings.NewReader(`mkcol work
cd work
put notes.txt
lock notes.txt
showlocks
unlock notes.txt
copy notes.txt other.txt
move other.txt last.txt
ls
get last.txt back.txt
delete notes.txt last.txt
cd ..
rmcol work
ls
quit
`)
	var said rig.Console
	cmd.Stdout, cmd.Stderr = &said, &said
	must(h.t, cmd.Start())
	timer := time.AfterFunc(commandLimit, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		h.t.Errorf("cadaver: %v", err)
	}
	h.mustHave(said.String(), []string{"notes.txt", "last.txt", "Scope: exclusive", "readme.txt"}, "cadaver")
	if strings.Contains(said.String(), "failed") {
		h.t.Errorf("cadaver failed:\n%s", &said)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "back.txt")); err != nil || string(got) != "some notes\n" {
		h.t.Errorf("the notes come back as %q, %v", got, err)
	}
}

// davCalendar finds the calendar, stores events, and asks for those of a day.
func davCalendar(h *host) {
	h.curl(207, []string{"/caldav/user/calendars/"}, "-L", "-X", "PROPFIND", "-H", "Depth: 0", "-H", "Content-Type: application/xml",
		"--data", `<propfind xmlns="DAV:"><prop><c:calendar-home-set xmlns:c="urn:ietf:params:xml:ns:caldav"/></prop></propfind>`,
		plainURL+"/.well-known/caldav")
	dir := h.t.TempDir()
	for day := range 3 {
		file := filepath.Join(dir, fmt.Sprintf("%d.ics", day+1))
		text := strings.ReplaceAll(fmt.Sprintf(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:day%[1]d
DTSTAMP:20261121T120000Z
DTSTART:2026120%[1]dT100000Z
DTEND:2026120%[1]dT110000Z
SUMMARY:Day %[1]d
END:VEVENT
END:VCALENDAR
`, day+1), "\n", "\r\n")
		must(h.t, os.WriteFile(file, []byte(text), 0o600))
		h.curl(201, nil, "-H", "Content-Type: text/calendar", "-H", "If-None-Match: *", "-T", file, caldavURL)
	}
	h.curl(412, nil, "-H", "Content-Type: text/calendar", "-H", "If-None-Match: *", "-T", filepath.Join(dir, "1.ics"), caldavURL)
	query := `<c:calendar-query xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><c:calendar-data/></prop><c:filter><c:comp-filter name="VCALENDAR">` +
		`<c:comp-filter name="VEVENT"><c:time-range start="20261202T000000Z" end="20261203T000000Z"/></c:comp-filter></c:comp-filter></c:filter></c:calendar-query>`
	words := []string{"curl", "-sS", "--fail", "--user", davLogin, "-X", "REPORT", "-H", "Content-Type: application/xml", "-H", "Depth: 1", "--data", query, caldavURL}
	out := h.mustPrint([]string{"SUMMARY:Day 2"}, words...)
	if strings.Contains(out, "Day 1") || strings.Contains(out, "Day 3") {
		h.t.Errorf("events of other days are in the answer:\n%s", out)
	}
	for day := range 3 {
		h.curl(204, nil, "-X", "DELETE", fmt.Sprintf("%s%d.ics", caldavURL, day+1))
	}
}
