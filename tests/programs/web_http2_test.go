package programs

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Load of one connection with many streams. The server takes 250 at a time, of which
// those that were given up count until the server knows.
const (
	streams           = 50
	requestsPerStream = 20
	streamBytes       = 100_000
)

// webStreams loads one HTTP/2 connection with many streams at the same time,
// as a browser does: short answers, downloads, uploads, and downloads that are
// given up.
func webStreams(h *host) {
	var dials atomic.Int32
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return h.dial(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: commandLimit}
	reference, err := answer(client, "GET", "/bytes/100000", nil)
	must(h.t, err)

	var wg sync.WaitGroup
	failures := make(chan error, streams)
	for stream := range streams {
		wg.Go(func() {
			for i := range requestsPerStream {
				if err := webRequest(client, reference, stream+i); err != nil {
					failures <- fmt.Errorf("stream %d, request %d: %w", stream, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		h.t.Error(err)
	}
	if n := dials.Load(); n != 1 {
		h.t.Errorf("%d connections were made, want 1", n)
	}
}

// webRequest makes one of the requests of a browser.
func webRequest(client *http.Client, reference string, which int) error {
	switch which % 8 {
	case 0:
		got, err := answer(client, "GET", "/bytes/100000", nil)
		if err == nil && got != reference {
			return fmt.Errorf("%d other bytes", len(got))
		}
		return err
	case 1:
		content := make([]byte, streamBytes)
		rand.Read(content)
		got, err := answer(client, "PUT", "/sum", content)
		if want := fmt.Sprintf("%d %s\n", streamBytes, sumText(content)); err == nil && got != want {
			return fmt.Errorf("an upload gives %q, want %q", got, want)
		}
		return err
	case 2: // given up early: the stream ends, the connection stays
		r, err := client.Get(secureURL + "/bytes/1000000000")
		if err != nil {
			return err
		}
		_, err = io.CopyN(io.Discard, r.Body, 1000)
		r.Body.Close()
		return err
	}
	got, err := answer(client, "GET", "/hello", nil)
	if err == nil && !strings.Contains(got, "HTTP/2.0") {
		return fmt.Errorf("answer %q", got)
	}
	return err
}

// answer is the body of a successful answer.
func answer(client *http.Client, method, path string, body []byte) (string, error) {
	request, err := http.NewRequest(method, secureURL+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.Status, got)
	}
	return string(got), err
}
