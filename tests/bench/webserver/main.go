// Webserver is what the web part of the benchmarks asks: HTTP on port 80,
// HTTPS on 443, TCP that sends without end on 7001, and TCP that counts what it
// receives on 7002. It is an ordinary Go program, built as a unikernel and as a
// Linux process.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// bodyBytes is the size of /body.
const bodyBytes = 64 << 10

func main() {
	certificate, err := selfSigned()
	if err != nil {
		log.Fatal(err)
	}
	body := make([]byte, bodyBytes)
	http.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello\n") })
	http.HandleFunc("GET /body", func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	failed := make(chan error)
	for _, service := range []struct {
		port  int
		serve func(net.Listener) error
	}{
		{80, func(l net.Listener) error { return http.Serve(l, nil) }},
		{443, func(l net.Listener) error {
			return http.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}}), nil)
		}},
		{7001, func(l net.Listener) error { return each(l, source) }},
		{7002, func(l net.Listener) error { return each(l, sink) }},
	} {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", service.port))
		if err != nil {
			log.Fatal(err)
		}
		go func() { failed <- service.serve(l) }()
	}
	log.Fatal(<-failed)
}

// each serves every connection on a goroutine of its own.
func each(l net.Listener, serve func(net.Conn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// chunkBytes is what one call sends or receives at most.
const chunkBytes = 128 << 10

// source sends until the peer has gone.
func source(c net.Conn) {
	for p := make([]byte, chunkBytes); ; {
		if _, err := c.Write(p); err != nil {
			return
		}
	}
}

// sink says how many bytes came, once the peer has sent all.
func sink(c net.Conn) {
	n := 0
	for p := make([]byte, chunkBytes); ; {
		got, err := c.Read(p)
		n += got
		if err != nil {
			fmt.Fprintln(c, n)
			return
		}
	}
}

// selfSigned makes a certificate with the kind of key that servers have today.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
