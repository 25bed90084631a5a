package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/emersion/go-webdav/caldav"
	"golang.org/x/net/webdav"
)

// Sizes of what a client may send.
const (
	maxFile    = 1 << 30 // bytes of a file
	maxRequest = 1 << 20 // bytes of any other body, of an event too
)

// newHandler is all that is served.
func newHandler(o options) (http.Handler, error) {
	mux := http.NewServeMux()
	files := &webdav.Handler{Prefix: "/files", FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()}
	if o.files != "" {
		if st, err := os.Stat(o.files); err != nil {
			return nil, fmt.Errorf("--files: %w", err)
		} else if !st.IsDir() {
			return nil, fmt.Errorf("--files=%s: this is no folder", o.files)
		}
		files.FileSystem = webdav.Dir(o.files)
	}
	mux.Handle("/files/", limited(maxFile, files))
	if o.calendars != "" {
		store, err := openCalendars(o.calendars)
		if err != nil {
			return nil, fmt.Errorf("--calendars: %w", err)
		}
		handler := &caldav.Handler{Backend: store, Prefix: calendarPrefix}
		mux.Handle(calendarPrefix+"/", limited(0, survived(handler)))
		mux.Handle("/.well-known/caldav", handler)
	}
	if o.login == "" {
		return mux, nil
	}
	return guarded(o.login, mux), nil
}

// limited bounds what clients send: files, and requests.
func limited(file int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(maxRequest)
		if r.Method == http.MethodPut {
			limit = max(limit, file)
		}
		if r.ContentLength > limit {
			http.Error(w, fmt.Sprintf("at most %d bytes", limit), http.StatusRequestEntityTooLarge)
			return
		}
		if r.ContentLength != 0 { // else the handlers have to see that there is none
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		next.ServeHTTP(w, r)
	})
}

// guarded lets those in who give the login. How long it takes to say no does
// not depend on what is wrong.
func guarded(login string, next http.Handler) http.Handler {
	name, password, _ := strings.Cut(login, ":")
	wantName, wantPassword := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotName, gotPassword, given := r.BasicAuth()
		gotNameSum, gotPasswordSum := sha256.Sum256([]byte(gotName)), sha256.Sum256([]byte(gotPassword))
		same := subtle.ConstantTimeCompare(gotNameSum[:], wantName[:]) & subtle.ConstantTimeCompare(gotPasswordSum[:], wantPassword[:])
		if !given || same != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="dav", charset="UTF-8"`)
			http.Error(w, "name and password are needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
