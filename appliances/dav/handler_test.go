package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// request returns the status and the body of an answer.
func request(t *testing.T, h http.Handler, method, target, body string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

// TestFiles goes through the life of a file, in memory and in a folder.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, o := range map[string]options{"memory": {}, "folder": {files: dir}} {
		t.Run(name, func(t *testing.T) {
			h, err := newHandler(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				method, target, body string
				status               int
				want                 string
				header               []string
			}{
				{"PUT", "/files/a.txt", "hello", 201, "", nil},
				{"GET", "/files/a.txt", "", 200, "hello", nil},
				{"PROPFIND", "/files/", "", 207, "/files/a.txt", []string{"Depth", "1"}},
				{"MKCOL", "/files/b", "", 201, "", nil},
				{"MKCOL", "/files/b", "", 405, "", nil},
				{"PUT", "/files/c/d", "", 409, "", nil},
				{"MOVE", "/files/a.txt", "", 201, "", []string{"Destination", "/files/b/c.txt"}},
				{"GET", "/files/a.txt", "", 404, "", nil},
				{"GET", "/files/b/c.txt", "", 206, "ell", []string{"Range", "bytes=1-3"}},
				{"LOCK", "/files/b/c.txt", `<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`, 200, "exclusive", nil},
				{"PUT", "/files/b/c.txt", "other", 423, "", nil},
				{"COPY", "/files/b/c.txt", "", 201, "", []string{"Destination", "/files/copy"}},
				{"DELETE", "/files/copy", "", 204, "", nil},
				{"DELETE", "/files/absent", "", 404, "", nil},
				{"PROPFIND", "/files/", strings.Repeat(" ", maxRequest) + "<a/>", 413, "", nil},
				{"GET", "/files/..%2f..%2fetc%2fpasswd", "", 404, "", nil},
				{"PROPFIND", "/caldav/", "", 404, "", nil}, // none
				{"GET", "/", "", 404, "", nil},
			} {
				status, body := request(t, h, c.method, c.target, c.body, c.header...)
				if status != c.status || !strings.Contains(body, c.want) {
					t.Errorf("%s %s: %d, %q; want %d with %q", c.method, c.target, status, body, c.status, c.want)
				}
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(dir, "b", "c.txt")); err != nil || string(text) != "hello" {
		t.Errorf("in the folder is %q, %v", text, err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h, err := newHandler(options{login: "me:a:b", calendars: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, password string
		status         int
	}{
		{"", "", 401}, {"me", "", 401}, {"me", "a", 401}, {"You", "a:b", 401}, {"me", "a:b", 207},
	} {
		for _, path := range []string{"/files/", homePath} {
			r := httptest.NewRequest("PROPFIND", path, nil)
			if c.name != "" {
				r.SetBasicAuth(c.name, c.password)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || (w.Header().Get("WWW-Authenticate") != "") != (c.status == 401) {
				t.Errorf("%s as %q with %q: %d, %v; want %d", path, c.name, c.password, w.Code, w.Header(), c.status)
			}
		}
	}
}
