package programs

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// fileBytes is the size of the file that the web server serves.
const fileBytes = 3 << 20

// web serves a page and a file of random bytes.
var web = newAppliance("web", func(dir string) error {
	content := make([]byte, fileBytes)
	rand.Read(content)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "index.html"), []byte("<title>the front page</title>\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "file.bin"), content, 0o644),
	)
})

const (
	plainURL  = "http://" + serverIPv4
	secureURL = "https://" + serverIPv4
)

func startWeb(t *testing.T, k kind) *host {
	t.Helper()
	suite.NeedTools(t, "curl", "openssl")
	h := start(t, k, web, "80", "--root={srv}", "--pprof", "--host=web.test")
	h.awaitPort("443")
	return h
}

// TestWeb is a user with curl and openssl.
func TestWeb(t *testing.T) {
	everywhere(t, func(t *testing.T, k kind) {
		h := startWeb(t, k)
		for _, c := range []struct {
			name string
			test func(*host)
		}{
			{"protocols", webProtocols}, {"certificate", webCertificate}, {"tls", webTLS}, {"files", webFiles},
			{"keep-alive", webKeepAlive}, {"transfers", webTransfers}, {"streams", webStreams},
			{"hostile", webHostile}, {"metrics", webMetrics}, {"profiles", webProfiles},
		} {
			t.Run(c.name, func(t *testing.T) { c.test(h.with(t)) })
		}
		webStop(h)
	})
}

func webProtocols(h *host) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"HTTP/1.0", []string{"--http1.0", plainURL}},
		{"HTTP/1.1", []string{"--http1.1", plainURL}},
		{"HTTP/2.0", []string{"--http2-prior-knowledge", plainURL}},
		{"HTTP/1.1", []string{"--insecure", "--http1.1", secureURL}},
		{"HTTP/2.0", []string{"--insecure", "--http2", secureURL}},
		{"HTTP/2.0", []string{"--insecure", secureURL}}, // what ALPN chooses
		{"HTTP/1.1", []string{"http://[" + serverIPv6 + "]"}},
		{"HTTP/2.0", []string{"--insecure", "https://[" + serverIPv6 + "]"}},
	} {
		last := len(c.args) - 1
		args := append([]string{"curl", "-sS", "--fail"}, c.args[:last]...)
		h.mustPrint([]string{"Hello over " + c.want + "\n"}, append(args, c.args[last]+"/hello")...)
	}
}

// webCertificate takes the certificate from the server, and then trusts it and
// nothing else.
func webCertificate(h *host) {
	file := filepath.Join(h.t.TempDir(), "cert.pem")
	shown := h.output("openssl", "s_client", "-connect", serverIPv4+":443")
	from, to := strings.Index(shown, "-----BEGIN"), strings.LastIndex(shown, "-----END CERTIFICATE-----\n")
	if from < 0 || to < from {
		h.t.Fatalf("no certificate in:\n%s", shown)
	}
	must(h.t, os.WriteFile(file, []byte(shown[from:to]+"-----END CERTIFICATE-----\n"), 0o600))
	for _, url := range []string{secureURL, "https://[" + serverIPv6 + "]", "https://web.test"} {
		h.mustPrint([]string{"HTTP/2.0"}, "curl", "-sS", "--cacert", file, "--resolve", "web.test:443:"+serverIPv4, url+"/hello")
	}
	out, err := h.client.Run(h.t.Context(), commandLimit, "curl", "-sS", "--cacert", file, "--resolve", "other.test:443:"+serverIPv4, "https://other.test/hello")
	if err == nil {
		h.t.Errorf("curl takes the certificate for another name: %s", out)
	}
	key := regexp.MustCompile(`public key (sha256//\S+)`).FindStringSubmatch(h.console.String())
	if key == nil {
		h.t.Fatal("the public key was not printed")
	}
	h.mustPrint([]string{"HTTP/2.0"}, "curl", "-sS", "--insecure", "--pinnedpubkey", key[1], secureURL+"/hello")
}

// webTLS shakes hands in the ways there are.
func webTLS(h *host) {
	for _, c := range []struct {
		texts []string
		args  []string
	}{
		{[]string{"New, TLSv1.3", "ALPN protocol: h2"}, []string{"-tls1_3", "-alpn", "h2,http/1.1"}},
		{[]string{"New, TLSv1.2", "ALPN protocol: http/1.1"}, []string{"-tls1_2", "-alpn", "http/1.1"}},
		{[]string{"Server Temp Key: ECDH, prime256v1"}, []string{"-groups", "P-256"}},
		{[]string{"Cipher is TLS_CHACHA20_POLY1305_SHA256"}, []string{"-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"}},
	} {
		h.mustPrint(c.texts, append([]string{"openssl", "s_client", "-connect", serverIPv4 + ":443"}, c.args...)...)
	}
	h.mustPrint([]string{"Reused, TLSv1.2"}, "openssl", "s_client", "-reconnect", "-tls1_2", "-connect", serverIPv4+":443")
	for _, old := range []string{"-tls1", "-tls1_1"} {
		args := []string{"openssl", "s_client", old, "-cipher", "DEFAULT:@SECLEVEL=0", "-connect", serverIPv4 + ":443"}
		if out, err := h.client.Run(h.t.Context(), commandLimit, args...); err == nil {
			h.t.Errorf("a handshake with %s succeeds:\n%s", old, out)
		}
	}
}

// webFiles reads the file whole, in pieces, and as one that has it already.
func webFiles(h *host) {
	want, err := os.ReadFile(filepath.Join(web.folder.Of(h.t), "srv", "file.bin"))
	must(h.t, err)
	h.mustPrint([]string{"the front page"}, "curl", "-sS", "--fail", plainURL)
	h.mustPrint([]string{"404"}, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", plainURL+"/nothing")
	h.mustPrint([]string{"404"}, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", plainURL+"/%2e%2e/%2e%2e/etc/passwd")
	for _, url := range []string{plainURL, secureURL} {
		if got := h.output("curl", "-sS", "--insecure", "--fail", url+"/file.bin"); got != string(want) {
			h.t.Errorf("%s: the file arrives as %d other bytes", url, len(got))
		}
		for _, r := range [][2]int{{0, 0}, {1000, 70000}, {fileBytes - 1, fileBytes - 1}} {
			got := h.output("curl", "-sS", "--insecure", "--fail", "-r", fmt.Sprintf("%d-%d", r[0], r[1]), url+"/file.bin")
			if got != string(want[r[0]:r[1]+1]) {
				h.t.Errorf("%s: the bytes %d to %d arrive as %d other ones", url, r[0], r[1], len(got))
			}
		}
	}
	// A download that was broken off goes on.
	part := filepath.Join(h.t.TempDir(), "part")
	must(h.t, os.WriteFile(part, want[:fileBytes/3], 0o600))
	h.output("curl", "-sS", "--fail", "-C", "-", "-o", part, plainURL+"/file.bin")
	if got, err := os.ReadFile(part); err != nil || !bytes.Equal(got, want) {
		h.t.Errorf("a download that goes on becomes %d other bytes: %v", len(got), err)
	}
}

// webKeepAlive sends 1000 requests on one connection, and wants that there was
// one.
func webKeepAlive(h *host) {
	for _, args := range [][]string{{plainURL}, {"--insecure", "--http1.1", secureURL}, {"--insecure", secureURL}} {
		last := len(args) - 1
		words := append([]string{"curl", "-sS", "--fail", "-w", "%{num_connects}\n"}, args[:last]...)
		out := h.output(append(words, args[last]+"/hello?[1-1000]")...)
		if hello, same, first := strings.Count(out, "Hello over"), strings.Count(out, "\n0\n"), strings.Count(out, "\n1\n"); hello != 1000 || same != 999 || first != 1 {
			h.t.Errorf("%v: %d answers, %d on the connection there was, %d on a new one", args, hello, same, first)
		}
	}
}

// webTransfers moves what is much larger than any buffer, both ways.
func webTransfers(h *host) {
	const size = 30_000_000
	sums := map[string]bool{}
	for _, url := range []string{plainURL, secureURL} {
		got := h.output("curl", "-sS", "--insecure", "--fail", url+"/bytes/"+strconv.Itoa(size))
		if len(got) != size {
			h.t.Fatalf("%s: %d bytes, want %d", url, len(got), size)
		}
		sums[sumText([]byte(got))] = true
	}
	if len(sums) != 1 {
		h.t.Errorf("two downloads differ: %v", sums)
	}
	content := make([]byte, size)
	rand.Read(content)
	file := filepath.Join(h.t.TempDir(), "upload")
	must(h.t, os.WriteFile(file, content, 0o600))
	want := fmt.Sprintf("%d %s\n", size, sumText(content))
	for _, args := range [][]string{{plainURL + "/sum"}, {"--insecure", secureURL + "/sum"}, {"-H", "Transfer-Encoding: chunked", plainURL + "/sum"}} {
		h.mustPrint([]string{want}, append([]string{"curl", "-sS", "--fail", "-T", file}, args...)...)
	}
}

func sumText(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// webHostile says what no client says, and wants the server to go on.
func webHostile(h *host) {
	for _, c := range []struct{ name, says, want string }{
		{"no HTTP", "\x16\x03\x01\x00\x00 hello\r\n\r\n", "400 Bad Request"},
		{"no host", "GET /hello HTTP/1.1\r\n\r\n", "400 Bad Request"},
		{"two lengths", "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400 Bad Request"},
		{"bad chunk", "POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request"},
		{"long header", "GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", "431 Request Header"},
		{"HTTP/2 without a frame", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""},
	} {
		conn, err := h.dial(h.t.Context(), "tcp", serverIPv4+":80")
		must(h.t, err)
		must(h.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		io.WriteString(conn, c.says) // the server may have hung up by its end
		answer, err := io.ReadAll(conn)
		conn.Close()
		if !strings.Contains(string(answer), c.want) || errors.Is(err, os.ErrDeadlineExceeded) {
			h.t.Errorf("%s: %q, %v; want %q", c.name, answer, err, c.want)
		}
	}
	// Silent connections, of which some begin a handshake or a header.
	for i := range 300 {
		conn, err := h.dial(h.t.Context(), "tcp", serverIPv4+[]string{":80", ":443"}[i%2])
		if err != nil {
			h.t.Fatalf("connection %d: %v", i, err)
		}
		defer conn.Close()
		io.WriteString(conn, []string{"", "\x16\x03\x01", "GET /", ""}[i%4])
	}
	h.mustPrint([]string{"HTTP/2.0"}, "curl", "-sS", "--insecure", secureURL+"/hello")
}

// webMetrics reads the counters before and after a few requests.
func webMetrics(h *host) {
	count := func() int {
		out := h.output("curl", "-sS", "--fail", plainURL+"/metrics")
		m := regexp.MustCompile(`(?m)^web_requests_total\{code="200",method="get"\} (\d+)$`).FindStringSubmatch(out)
		if m == nil {
			return 0
		}
		n, err := strconv.Atoi(m[1])
		must(h.t, err)
		return n
	}
	count() // the first answer does not count itself
	before := count()
	h.output("curl", "-sS", "--fail", plainURL+"/hello?[1-7]")
	if after := count(); after != before+8 { // and one for the count before
		h.t.Errorf("7 requests count as %d", after-before-1)
	}
	h.mustPrint([]string{"go_goroutines ", "web_request_duration_seconds_count ", "web_requests_in_flight 1\n"},
		"curl", "-sS", "--fail", plainURL+"/metrics")
}

// webProfiles reads profiles with the tool that people use.
func webProfiles(h *host) {
	suite.NeedTools(h.t, "go")
	for profile, text := range map[string]string{"heap": "inuse_space", "goroutine": "net/http", "profile?seconds=1": "cpu"} {
		file := filepath.Join(h.t.TempDir(), "profile")
		h.output("curl", "-sS", "--fail", "-o", file, plainURL+"/debug/pprof/"+profile)
		h.mustPrint([]string{text}, "go", "tool", "pprof", "-top", file)
	}
}

// webStop asks the server to stop during a download, which is to be finished.
func webStop(h *host) {
	conn, err := h.dial(h.t.Context(), "tcp", serverIPv4+":80")
	must(h.t, err)
	defer conn.Close()
	must(h.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, "PUT /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	must(h.t, err)
	permission := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	_, err = io.ReadFull(conn, permission)
	must(h.t, err)
	h.terminate()
	must(h.t, h.console.Await(h.t.Context(), "web: stopping"))
	_, err = io.WriteString(conn, "hello")
	must(h.t, err)
	answer, _ := io.ReadAll(conn)
	h.mustHave(string(answer), []string{"5 " + sumText([]byte("hello"))}, "the last request")
	h.mustEnd(20*time.Second, 0)
	if c, err := h.dial(context.Background(), "tcp", serverIPv4+":80"); err == nil {
		c.Close()
		h.t.Error("somebody takes connections after the end")
	}
}
