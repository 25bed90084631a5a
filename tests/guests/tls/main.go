// Tls makes TLS handshakes over an in-memory connection, with a certificate
// made on the spot.
package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"net"
	"time"
)

func certificate() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "guest"},
		DNSNames:     []string{"guest"},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serve answers each line in capitals.
func serve(conn net.Conn, config *tls.Config) {
	s := tls.Server(conn, config)
	line, err := bufio.NewReader(s).ReadBytes('\n')
	if err != nil {
		log.Fatal("server: ", err)
	}
	if _, err := s.Write(bytes.ToUpper(line)); err != nil {
		log.Fatal("server: ", err)
	}
}

func main() {
	cert, pool := certificate()
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		here, there := net.Pipe()
		go serve(there, &tls.Config{Certificates: []tls.Certificate{cert}})
		c := tls.Client(here, &tls.Config{RootCAs: pool, ServerName: "guest", MaxVersion: version})
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if err := c.Handshake(); err != nil {
			log.Fatal("client: ", err)
		}
		fmt.Fprintln(c, "hello")
		answer, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			log.Fatal("client: ", err)
		}
		fmt.Printf("%s: %s", tls.VersionName(c.ConnectionState().Version), answer)
	}
}
