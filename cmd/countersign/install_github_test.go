package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A network is a proxy behind which every host is this machine, with certificates
// of an authority of its own.
type network struct {
	proxy     *httptest.Server
	authority string // the file with its certificate

	mu    sync.Mutex
	hosts []string // those that were connected to
}

func newNetwork(t *testing.T, handler http.Handler) *network {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"github.com", "*.githubusercontent.com", "github.example", "acme.ghe.com", "*.acme.ghe.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{authority: filepath.Join(t.TempDir(), "authority.pem")}
	writeFile(t, n.authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	inside := httptest.NewUnstartedServer(handler)
	inside.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	inside.StartTLS()
	t.Cleanup(inside.Close)
	n.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		n.mu.Lock()
		n.hosts = append(n.hosts, q.Host)
		n.mu.Unlock()
		if q.Method != http.MethodConnect || q.Host == "lost.example:443" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		tunnel(w, inside.Listener.Addr())
	}))
	t.Cleanup(n.proxy.Close)
	return n
}

// tunnel answers CONNECT: what comes goes to another address, and back.
func tunnel(w http.ResponseWriter, address net.Addr) {
	to, err := net.Dial("tcp", address.String())
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	from, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer from.Close()
	_, _ = io.WriteString(from, "HTTP/1.1 200 Connected\r\n\r\n")
	go func() { _, _ = io.Copy(to, buffer); to.Close() }()
	_, _ = io.Copy(from, to)
}

// testInstallFromGitHub goes the way of an asset of GitHub, through a proxy.
func testInstallFromGitHub(t *testing.T, r pinned) {
	tool(t, "curl")
	const assets = "release-assets.githubusercontent.com"
	tests := []struct {
		name, server, to string
		code             int
		stderr           string
		hosts            string
	}{
		{"github.com", "", "https://" + assets + "/x?sig=a%2Bb&sp=r", 0, "", "github.com:443 " + assets + ":443"},
		{"with a port", "", "https://" + assets + ":443/x", 0, "", "github.com:443 " + assets + ":443"},
		{"in capitals", "https://GitHub.com", "https://GITHUB.COM/x", 0, "", "github.com:443 github.com:443"},
		{"ghe.com", "https://acme.ghe.com", "https://release-assets.acme.ghe.com/x", 0, "", "acme.ghe.com:443 release-assets.acme.ghe.com:443"},
		{"ghe.com to githubusercontent", "https://acme.ghe.com", "https://" + assets + "/x", 0, "", "acme.ghe.com:443 " + assets + ":443"},
		{"another host", "", "https://mallory.example/x", 1, "leads to mallory.example, which is not of github.com", "github.com:443"},
		{"a host that ends alike", "", "https://notgithub.com/x", 1, "leads to notgithub.com, which is not of", "github.com:443"},
		{"githubusercontent, not quite", "", "https://evilgithubusercontent.com/x", 1, "which is not of", "github.com:443"},
		{"githubusercontent, further", "", "https://a.githubusercontent.com.example/x", 1, "which is not of", "github.com:443"},
		{"plain http", "", "http://" + assets + "/x", 1, "leads to what is no https address", "github.com:443"},
		{"a server of one's own", "https://github.example", "https://" + assets + "/x", 1, "which is not of github.example", "github.example:443"},
		{"a certificate of another host", "https://github.test", "", 3, "there is no answer", "github.test:443"},
		{"a proxy that knows no such host", "https://lost.example", "", 3, "there is no answer", "lost.example:443"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.URL.Path != r.path {
					r.serve(w, q)
					return
				}
				w.Header().Set("Location", test.to)
				w.WriteHeader(http.StatusFound)
			}))
			m := newInstallation(t)
			m.install(t, r.tree, "GITHUB_SERVER_URL="+test.server, "https_proxy="+n.proxy.URL, "CURL_CA_BUNDLE="+n.authority).
				check(t, m, test.code, test.stderr, onlyIf(test.code == 0, r.place))
			n.mu.Lock()
			defer n.mu.Unlock()
			if got := strings.ToLower(strings.Join(n.hosts, " ")); got != test.hosts {
				t.Errorf("it asked %s, want %s", got, test.hosts)
			}
		})
	}
}

// testInstallInAction runs the Action, on a machine whose server has the release.
func testInstallInAction(t *testing.T, r pinned) {
	host := newRunnerHost(t)
	server := newReleaseServer(t, r.serve)
	workflow := filepath.Join(t.TempDir(), "install.yml")
	writeFile(t, workflow, `on: workflow_dispatch
jobs:
  install:
    runs-on: ubuntu-latest
    steps:
      - id: verify
        uses: acme/countersign-mirror@release
        with:
          mode: verify
          secret: 0123456789abcdef0123456789abcdef
          on-missing: warn
`)
	repository, _ := repositoryWith(t, workflow)
	for range 2 {
		run := host.runLogged(t, repository, "workflow_dispatch", "--local-repository", "acme/countersign-mirror@release="+r.tree,
			"--env", "GITHUB_SERVER_URL="+server.URL)
		if got, _ := run.output("verify", "failure"); run.exitCode != 0 || got != "missing-token" {
			t.Fatalf("act ended with %d, and the Action with %q", run.exitCode, got)
		}
		if log := run.log(); !strings.Contains(log, "/"+r.place+"\n") {
			t.Errorf("the Action does not run what was downloaded:\n%s", log)
		}
	}
	path := strings.Replace(r.path, "/countersign-ci/countersign/", "/acme/countersign-mirror/", 1)
	if paths, leaks := server.asked(); len(paths) != 1 || paths[0] != path || len(leaks) > 0 {
		t.Errorf("the server was asked for %q with %q, want the asset, once", paths, leaks)
	}
}
