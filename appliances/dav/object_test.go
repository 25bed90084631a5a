package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav/caldav"
)

// FuzzObject takes texts of clients. What is accepted can be read again as
// the same object, and be asked for.
func FuzzObject(f *testing.F) {
	f.Add([]byte(event("a", "20261201T100000Z")))
	f.Add([]byte(event("a", "20261201T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3", "EXDATE:20261208T100000Z")))
	f.Add([]byte("0;0=")) // the library panics
	f.Add([]byte(event("a", "20261201", "SUMMARY;LANGUAGE=en:a\\, b\\n", "BEGIN:VALARM", "TRIGGER:-PT5M", "ACTION:DISPLAY", "END:VALARM")))
	f.Add([]byte(event("a", "20261201T100000", "RDATE:x", "DTSTART;TZID=Europe/Berlin:20261201T100000")))
	filter := caldav.CompFilter{Name: ical.CompCalendar, Comps: []caldav.CompFilter{{
		Name:  ical.CompEvent,
		Start: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		End:   time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		var object *caldav.CalendarObject
		var uid string
		var stored []byte
		err := attempt(func() error {
			data, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
			if err == nil {
				object, uid, stored, err = newObject(place+"a.ics", data)
			}
			return err
		})
		if (object == nil) == (err == nil) {
			t.Fatalf("object %v, error %v", object, err)
		}
		if err != nil {
			return
		}
		begun := time.Now()
		attempt(func() error { _, err := caldav.Match(filter, object); return err }) // whatever comes out
		if spent := time.Since(begun); spent > 10*time.Second {
			t.Errorf("it took %v to tell whether it is in a month", spent)
		}
		data, err := ical.NewDecoder(bytes.NewReader(stored)).Decode()
		if err != nil {
			t.Fatalf("what was stored cannot be read: %v\n%s", err, stored)
		}
		again, sameUID, _, err := newObject(place+"a.ics", data)
		if err != nil || sameUID != uid || again.ETag != object.ETag {
			t.Errorf("stored and read it is another object: %v\n%s", err, stored)
		}
	})
}
