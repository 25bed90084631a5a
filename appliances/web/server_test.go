package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func get(t *testing.T, h http.Handler, method, target, body string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandler(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := newHandler(options{})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := newHandler(options{root: root, pprof: true})
	if err != nil {
		t.Fatal(err)
	}
	hash := fmt.Sprintf("5 %x\n", sha256.Sum256([]byte("hello")))
	for _, c := range []struct {
		handler              http.Handler
		method, target, body string
		status               int
		want                 string
		header               []string
	}{
		{own, "GET", "/", "", 200, "It works", nil},
		{own, "HEAD", "/", "", 200, "", nil},
		{own, "POST", "/", "", 405, "", nil},
		{own, "GET", "/nothing", "", 404, "", nil},
		{own, "GET", "/../server.go", "", 307, "", nil}, // to the path without dots
		{own, "GET", "/hello", "", 200, "Hello over HTTP/1.1\n", nil},
		{own, "GET", "/bytes/0", "", 200, "", nil},
		{own, "GET", "/bytes/-1", "", 400, "number", nil},
		{own, "GET", "/bytes/x", "", 400, "number", nil},
		{own, "GET", "/bytes/9223372036854775807", "", 400, "number", nil},
		{own, "GET", "/bytes/10", "", 416, "", []string{"Range", "bytes=10-"}},
		{own, "GET", "/bytes/10", "", 206, "", []string{"Range", "bytes=9-"}},
		{own, "GET", "/bytes/10", "", 304, "", []string{"If-None-Match", `"10"`}},
		{own, "POST", "/sum", "hello", 200, hash, nil},
		{own, "PUT", "/sum", "hello", 200, hash, nil},
		{own, "GET", "/debug/pprof/", "", 404, "", nil},
		{own, "GET", "/metrics", "", 200, `web_requests_total{code="200",method="get"}`, nil},
		{folder, "GET", "/a.txt", "", 200, "a file\n", nil},
		{folder, "GET", "/a.txt", "", 206, "file", []string{"Range", "bytes=2-5"}},
		{folder, "GET", "/%2e%2e/%2e%2e/etc/passwd", "", 404, "", nil},
		{folder, "GET", "/debug/pprof/", "", 200, "goroutine", nil},
	} {
		r := get(t, c.handler, c.method, c.target, c.body, c.header...)
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: %d, %v, %q; want %d with %q", c.method, c.target, r.StatusCode, err, body, c.status, c.want)
		}
	}
}

// output is what a server prints while it runs.
type output struct {
	sync.Mutex
	strings.Builder
	line chan struct{} // gets one value per write
}

func (o *output) Write(b []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	defer func() { o.line <- struct{}{} }()
	return o.Builder.Write(b)
}

var addresses = regexp.MustCompile(`(?s)web: (http://\S+)\n.*(https://\S+), public key (sha256//\S+)\n`)

// TestServe starts the program, speaks HTTP/1.1 and 2 with it, with and
// without TLS, and stops it while a request is under way.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &output{line: make(chan struct{}, 16)}
	var stderr strings.Builder
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"--listen=127.0.0.1:0", "--listen-tls=127.0.0.1:0", "--host=example.test"}, out, &stderr)
	}()
	<-out.line
	<-out.line
	out.Lock()
	found := addresses.FindStringSubmatch(out.String())
	out.Unlock()
	if found == nil {
		t.Fatalf("printed %q", out.String())
	}
	plain, secure, want := found[1], found[2], found[3]

	for _, c := range []struct {
		base, proto string
		http1       bool
	}{
		{plain, "HTTP/1.1", true}, {plain, "HTTP/2.0", false},
		{secure, "HTTP/1.1", true}, {secure, "HTTP/2.0", false},
	} {
		transport := clientOf(want, c.http1)
		r, err := (&http.Client{Transport: transport}).Get(c.base + "/hello")
		if err != nil {
			t.Fatalf("%s %s: %v", c.base, c.proto, err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != "Hello over "+c.proto+"\n" {
			t.Errorf("%s: %q, want %s", c.base, body, c.proto)
		}
	}

	// A body under way when the server is asked to stop is read to its end. It
	// is under way once the server has asked for it.
	body, feed := io.Pipe()
	upload, err := http.NewRequest("PUT", plain+"/sum", body)
	if err != nil {
		t.Fatal(err)
	}
	upload.Header.Set("Expect", "100-continue")
	answer := make(chan string, 1)
	go func() {
		r, err := (&http.Transport{ExpectContinueTimeout: time.Minute}).RoundTrip(upload)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		answer <- string(b)
	}()
	io.WriteString(feed, "hel")
	cancel()
	<-out.line
	io.WriteString(feed, "lo")
	feed.Close()
	if got, want := <-answer, fmt.Sprintf("5 %x\n", sha256.Sum256([]byte("hello"))); got != want {
		t.Errorf("the last answer was %q, want %q", got, want)
	}
	if s := <-status; s != exitOK || stderr.Len() != 0 {
		t.Errorf("status %d, %q", s, &stderr)
	}
}

// clientOf speaks one protocol only, and wants a public key under TLS.
func clientOf(want string, http1 bool) *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP1(http1)
	t.Protocols.SetHTTP2(!http1)
	t.Protocols.SetUnencryptedHTTP2(!http1)
	t.TLSClientConfig = pinned(want)
	return t
}

// pinned trusts the server that has a public key, and no other.
func pinned(want string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // the key is checked instead
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := pin(s.PeerCertificates[0]); got != want {
				return fmt.Errorf("public key %s, want %s", got, want)
			}
			return nil
		},
	}
}

// TestCertificate verifies the certificate as a client does that trusts it.
func TestCertificate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, err := selfSigned([]string{"example.test", "10.0.0.2", "fd00::2"}, now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	for name, ok := range map[string]bool{"example.test": true, "[10.0.0.2]": true, "[fd00::2]": true, "other.test": false} {
		_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}

	// The same through files.
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	o := options{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{
		o.cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, o.key: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, err := certificate(o)
	if err != nil || pin(read.Leaf) != pin(c.Leaf) {
		t.Errorf("the certificate of the files is another one: %v", err)
	}
}

// TestGrace lets a request outlast the time that it is given.
func TestGrace(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(started); <-release }))
	s.Start()
	go http.Get(s.URL)
	<-started
	if err := stop(s.Config, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
}
