package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav"
	"github.com/emersion/go-webdav/caldav"
)

// event is the text of a calendar object.
func event(uid, start string, more ...string) string {
	lines := append([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//test//EN", "BEGIN:VEVENT", "UID:" + uid,
		"DTSTAMP:20261121T120000Z", "DTSTART:" + start, "DURATION:PT1H", "SUMMARY:event " + uid}, more...)
	return strings.Join(append(lines, "END:VEVENT", "END:VCALENDAR", ""), "\r\n")
}

const place = homePath + "default/"

// TestCalendarObjects stores, reads and deletes objects, under the conditions
// that keep clients from writing over each other.
func TestCalendarObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := newHandler(options{calendars: dir})
	if err != nil {
		t.Fatal(err)
	}
	put := []string{"Content-Type", "text/calendar; charset=utf-8"}
	with := func(more ...string) []string { return append(more, put...) }
	todo := strings.NewReplacer("VEVENT", "VTODO", "DURATION:PT1H\r\n", "").Replace(event("todo", "20261201T100000Z"))
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
		header               []string
	}{
		{"PUT", place + "a.ics", event("a", "20261201T100000Z"), 201, "", with("If-None-Match", "*")},
		{"PUT", place + "a.ics", event("a", "20261202T100000Z"), 412, "", with("If-None-Match", "*")},
		{"PUT", place + "a.ics", event("a", "20261202T100000Z"), 412, "", with("If-Match", `"other"`)},
		{"PUT", place + "a.ics", event("a", "20261202T100000Z"), 201, "", with("If-Match", "*")},
		{"PUT", place + "new.ics", event("new", "20261202T100000Z"), 412, "", with("If-Match", "*")},
		{"GET", place + "a.ics", "", 200, "DTSTART:20261202T100000Z", nil},
		{"PUT", place + "b.ics", event("a", "20261201T100000Z"), 409, "no-uid-conflict", put},
		{"PUT", place + "b.ics", event("b", "20261201T100000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:c"), 409, "valid-calendar-object-resource", put},
		{"PUT", place + "b.ics", "BEGIN:VCALENDAR\r\n", 400, "", put},
		{"PUT", place + "b.ics", "0;0=", 400, "cannot be read", put}, // the library panics
		{"PUT", place + "b.ics", event("b", "x"), 400, "", []string{"Content-Type", "text/plain"}},
		{"PUT", place + "b.txt", event("b", "20261201T100000Z"), 403, "", put},
		{"PUT", homePath + "absent/b.ics", event("b", "20261201T100000Z"), 404, "", put},
		{"PUT", place + "..%2fb.ics", event("b", "20261201T100000Z"), 403, "", put},
		{"PUT", place + ".hidden.ics", event("b", "20261201T100000Z"), 403, "", put},
		{"PUT", place + "large.ics", event("l", "20261201T100000Z", "DESCRIPTION:"+strings.Repeat("a", maxRequest)), 413, "", put},
		{"PUT", place + "r.ics", event("r", "16010101T000000Z", "RRULE:FREQ=SECONDLY"), 409, "valid-calendar-data", put},
		{"PUT", place + "r.ics", event("r", "16010101T000000Z", "RRULE:FREQ=x"), 409, "valid-calendar-data", put},
		{"PUT", place + "todo.ics", todo, 201, "", put},
		{"MKCOL", homePath + "work/", "", 201, "", nil},
		{"MKCOL", homePath + "work/", "", 405, "", nil},
		{"MKCOL", homePath + "..%2f..%2fwork/", "", 403, "", nil},
		{"PROPFIND", homePath, "", 207, homePath + "work/", []string{"Depth", "1"}},
		{"PROPFIND", place, "", 207, place + "a.ics", []string{"Depth", "1"}},
		{"DELETE", place, "", 403, "", nil},
		{"DELETE", place + "todo.ics", "", 204, "", nil},
		{"DELETE", place + "todo.ics", "", 404, "", nil},
		{"GET", place + "todo.ics", "", 404, "", nil},
		{"GET", "/.well-known/caldav", "", 308, "", nil},
	} {
		status, body := request(t, h, c.method, c.target, c.body, c.header...)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d, %q; want %d with %q", c.method, c.target, status, body, c.status, c.want)
		}
	}

	// All is there after a start anew, and the etags are the same.
	again, err := newHandler(options{calendars: dir})
	if err != nil {
		t.Fatal(err)
	}
	find := func(h http.Handler) string {
		_, body := request(t, h, "PROPFIND", place+"a.ics", `<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>`, "Content-Type", "text/xml")
		return body
	}
	if before, after := find(h), find(again); before != after || !strings.Contains(before, "getetag") {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(dir, "work")); err != nil {
		t.Error(err)
	}
}

// TestCalendarClient is a CalDAV client, which finds the calendars by itself
// and asks for a span of time.
func TestCalendarClient(t *testing.T) {
	t.Parallel()
	h, err := newHandler(options{calendars: t.TempDir(), login: "me:secret"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	client, err := caldav.NewClient(webdav.HTTPClientWithBasicAuth(server.Client(), "me", "secret"), server.URL+"/caldav/")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	principal, err := client.FindCurrentUserPrincipal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	home, err := client.FindCalendarHomeSet(ctx, principal)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.FindCalendars(ctx, home)
	if err != nil || len(list) != 1 || list[0].Name != "default" {
		t.Fatalf("the calendars are %v, %v", list, err)
	}
	add := func(name, text string) {
		t.Helper()
		data, err := ical.NewDecoder(strings.NewReader(text)).Decode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutCalendarObject(ctx, list[0].Path+name+".ics", data); err != nil {
			t.Fatal(err)
		}
	}
	for day := 1; day <= 9; day++ {
		add(fmt.Sprint(day), event(fmt.Sprint(day), fmt.Sprintf("2026120%dT100000Z", day)))
	}
	add("wednesdays", event("wednesdays", "20251203T100000Z", "RRULE:FREQ=WEEKLY"))
	add("thursdays", event("thursdays", "20251204T100000Z", "RRULE:FREQ=WEEKLY")) // 3 December is one
	in := func(zone string) string {
		return strings.Replace(event(zone, "20261206T003000"), "DTSTART:", "DTSTART;TZID="+zone+":", 1)
	}
	add("berlin", in("Europe/Berlin")) // still 5 December in UTC
	add("lima", in("America/Lima"))    // not any more
	add("unknown", in("Company/Somewhere"))
	found, err := client.QueryCalendar(ctx, list[0].Path, &caldav.CalendarQuery{
		CompRequest: caldav.CalendarCompRequest{Name: ical.CompCalendar, AllProps: true, AllComps: true},
		CompFilter: caldav.CompFilter{Name: ical.CompCalendar, Comps: []caldav.CompFilter{{
			Name:  ical.CompEvent,
			Start: time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC),
			End:   time.Date(2026, 12, 6, 0, 0, 0, 0, time.UTC),
		}}},
	})
	var paths []string
	for _, o := range found {
		paths = append(paths, strings.TrimPrefix(o.Path, list[0].Path))
	}
	if want := "3.ics 4.ics 5.ics berlin.ics thursdays.ics unknown.ics"; err != nil || strings.Join(paths, " ") != want {
		t.Errorf("found %v, %v; want %s", paths, err, want)
	}
}

func TestCalendarLimit(t *testing.T) {
	t.Parallel()
	c, err := openCalendars(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= maxCalendars; i++ {
		err := c.CreateCalendar(context.Background(), &caldav.Calendar{Path: fmt.Sprintf("%sc%d/", homePath, i)})
		if (err == nil) != (i < maxCalendars) {
			t.Fatalf("calendar %d: %v", i, err)
		}
	}
}

func TestDamagedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "default"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "no calendar", "0;0=", event("a", "x", "RRULE:FREQ=SECONDLY")} {
		if err := os.WriteFile(filepath.Join(dir, "default", "a.ics"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openCalendars(dir); err == nil || !strings.Contains(err.Error(), "a.ics") {
			t.Errorf("%q: %v, want the name of the file", text, err)
		}
	}
}

// FuzzSplit wants names that stay in the folder.
func FuzzSplit(f *testing.F) {
	for _, path := range []string{place, place + "a.ics", homePath + "../a/b", homePath + "a/../b", homePath + "a/b/c", "/"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		calendar, object, err := split(path)
		if err != nil {
			return
		}
		for _, name := range []string{calendar, object} {
			if name != "" && (filepath.Base(name) != name || !filepath.IsLocal(name)) {
				t.Errorf("%q leads to %q", path, name)
			}
		}
	})
}
