package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func init() {
	hookTests["connections"] = testHookConnections
	hookTests["ledger"] = testHookLedger
	hookTests["worker"] = testHookWorker
}

// An authority has a certificate, as PEM, and servers that it vouches for.
type authority struct {
	certificate string
	server      tls.Certificate
}

// newAuthority makes one with a server at any address of this machine. What stands
// for all of them, 0.0.0.0, leads to this machine too and is no loopback address,
// so that a proxy would be asked for it.
func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4zero, net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return authority{string(text), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// serve starts a server and returns its address by way of 0.0.0.0.
func (a authority) serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{a.server}}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are broken off
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "0.0.0.0", 1)
}

// A trap is a listener that nobody is to connect to.
type trap struct {
	listener net.Listener
	calls    atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	trap := &trap{listener: listener}
	t.Cleanup(func() {
		_ = listener.Close()
		if n := trap.calls.Load(); n > 0 {
			t.Errorf("%d connections to the attacker's address", n)
		}
	})
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			trap.calls.Add(1)
			_ = c.Close()
		}
	}()
	return trap
}

// steer sets what could lead the hook's connections somewhere else.
func (g *gate) steer(trap *trap, evil authority) {
	g.t.Helper()
	folder := g.path("certificates")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		g.t.Fatal(err)
	}
	file := g.write("certificates/evil.pem", evil.certificate)
	address := "http://" + trap.listener.Addr().String()
	for name, value := range map[string]string{
		"SSL_CERT_FILE": file, "SSL_CERT_DIR": folder, "NO_PROXY": "", "no_proxy": "",
		"HTTPS_PROXY": address, "HTTP_PROXY": address, "ALL_PROXY": address, "https_proxy": address, "http_proxy": address,
		"GITHUB_API_URL": address, "GITHUB_GRAPHQL_URL": address + "/graphql", "GITHUB_TOKEN": "mallorys", "GH_TOKEN": "mallorys",
		"COUNTERSIGN_GITHUB_TOKEN": "mallorys", "ACTIONS_ID_TOKEN_REQUEST_URL": address, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
		"GODEBUG": "http2debug=2,netdns=go+2,x509usefallbackroots=1,x509negativeserial=1,tls10server=1,tlsmlkem=0",
		"HOME":    folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder, "RES_OPTIONS": "timeout:1", "LOCALDOMAIN": "mallory.example",
		"SSLKEYLOGFILE": g.path("keylog"), "GOROOT": folder, "ZONEINFO": folder, "TMPDIR": folder,
	} {
		g.env[name] = value
	}
}

// testHookConnections has keys at an https URL, and a job that wants the hook to
// ask somebody else.
func testHookConnections(t *testing.T, program string) {
	owner, evil := newAuthority(t, "owner"), newAuthority(t, "evil")
	for _, test := range []struct {
		name   string
		server authority // who answers
		caFile bool
		code   int
		says   string
	}{
		{"the owner's server", owner, true, 0, "allowed: "},
		{"the attacker's server", evil, true, 3, "error: the key set cannot be fetched: "},
		{"the attacker's server, and no ca-file", evil, false, 3, "error: the key set cannot be fetched: "},
		{"the owner's server, and no ca-file", owner, false, 3, "error: the key set cannot be fetched: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked atomic.Int32
			g := newGate(t, program, "")
			address := test.server.serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				fmt.Fprintf(w, `{"keys":[%s]}`, g.public)
			}))
			config := "version: 1\naudit-log: audit.jsonl\non-refusal: exit\nkeys: [" + address + "/jwks]\n"
			if g.write("ca.pem", owner.certificate); test.caFile {
				config += "ca-file: ca.pem\n"
			}
			g.write("hook.yml", config)
			g.onRunner(g.token(time.Now()))
			g.steer(newTrap(t), evil)
			code, stderr := g.run()
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("exit code %d, want %d; %s", code, test.code, stderr)
			}
			if n, want := asked.Load(), map[bool]int32{true: 1}[test.code == 0]; n != want {
				t.Errorf("the server was asked %d times, want %d", n, want)
			}
			if strings.Contains(stderr, "http2") || strings.Contains(stderr, "go package net") {
				t.Errorf("GODEBUG is heard: %s", stderr)
			}
		})
	}
}

// testHookLedger records uses at the address of the config alone, to which alone
// the token goes.
func testHookLedger(t *testing.T, program string) {
	const secret = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
	owner, evil := newAuthority(t, "owner"), newAuthority(t, "evil")
	server := githubtest.New(t)
	server.Repo("acme/ledger")
	server.SetToken(secret)
	behind, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	behind.Path = ""
	address := owner.serve(t, httputil.NewSingleHostReverseProxy(behind))
	config := "keys: [owner.jwk]\nca-file: ca.pem\non-refusal: exit\nrules: [{repository: acme/*, single-use: true}]\n" +
		"ledger: {repository: acme/ledger, api-url: " + address + "/api/v3, token-file: ledger.token}\n"
	g := newGate(t, program, config)
	g.write("ca.pem", owner.certificate)
	g.write("ledger.token", secret+"\n")
	g.onRunner(g.token(time.Now()))
	g.steer(newTrap(t), evil)
	for i, want := range []struct {
		code int
		says string
	}{{0, "allowed: "}, {1, "error: replayed: "}} {
		server.ResetRequests()
		code, stderr := g.run()
		if code != want.code || !strings.Contains(stderr, want.says) {
			t.Errorf("run %d: exit code %d, want %d; %s", i+1, code, want.code, stderr)
		}
		if strings.Contains(stderr, secret) || strings.Contains(stderr, "http2") {
			t.Errorf("the ledger's token is in the log: %s", stderr)
		}
		if len(server.Requests()) == 0 {
			t.Error("the ledger was not asked")
		}
		for _, r := range server.Requests() {
			if r.Header.Get("Authorization") != "Bearer "+secret {
				t.Errorf("%s %s bears %q", r.Method, r.Path, r.Header.Get("Authorization"))
			}
		}
	}
}
