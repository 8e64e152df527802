package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A pinner is a program that pins the refs of files, and how it is told to.
type pinner struct {
	name         string
	program      string
	write, check []string // arguments: rewrite the files, or look at them only
	files        bool     // which are named after the arguments
	folder       bool     // or their folder is
	env          []string // names the server
}

// ownPinner is the program of this project.
func ownPinner(program string, server *githubtest.Server) pinner {
	check := []string{"verify", "--check", "pins"}
	return pinner{
		name: "countersign", program: program, write: append(check, "--write"), check: check,
		env: []string{"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "GITHUB_TOKEN=token"},
	}
}

// otherPinners are the programs of others that are on PATH.
func otherPinners(t testing.TB, server *githubtest.Server) []pinner {
	t.Helper()
	api := server.URL()
	ratchet := []string{"ACTIONS_BASE_URL=" + api, "ACTIONS_UPLOAD_URL=" + api, "ACTIONS_TOKEN=token"}
	all := []pinner{
		{name: "pinact", write: []string{"run"}, check: []string{"run"}, env: []string{"GHES_API_URL=" + api, "GHES_TOKEN=token"}},
		{name: "ratchet", write: []string{"pin"}, check: []string{"lint"}, files: true, env: ratchet},
		{name: "frizbee", write: []string{"actions"}, check: []string{"actions", "--dry-run", "--error"}, folder: true},
	}
	var found []pinner
	for _, p := range all {
		path, err := exec.LookPath(p.name)
		if err != nil || p.name == "frizbee" && runtime.GOOS != "linux" {
			continue // frizbee's certificates are the system's elsewhere
		}
		if p.name == "frizbee" {
			p.env = append(asGitHub(t, server), "GITHUB_TOKEN=token")
		}
		p.program = path
		found = append(found, p)
	}
	return found
}

// asGitHub has a Go program take the server for https://api.github.com: it returns
// variables for a proxy and a certificate that are made for this.
func asGitHub(t testing.TB, server *githubtest.Server) []string {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"api.github.com"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	must(os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))

	target, err := url.Parse(server.URL())
	must(err)
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.Transport = &http.Transport{MaxIdleConnsPerHost: 100} // as fast as without it
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "/git/refs/", "/git/ref/", 1) // its former name
		forward.ServeHTTP(w, r)
	}))
	api.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	api.EnableHTTP2 = true // as api.github.com does
	api.StartTLS()
	t.Cleanup(api.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "api.github.com:443" {
			http.Error(w, "there is nothing else", http.StatusBadGateway)
			return
		}
		tunnel(w, api.Listener.Addr())
	}))
	t.Cleanup(proxy.Close)
	return []string{"HTTPS_PROXY=" + proxy.URL, "SSL_CERT_FILE=" + authority}
}
