package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestInstall runs scripts/install.sh. No test of these has to see the network.
func TestInstall(t *testing.T) {
	r := newPinned(t)
	t.Run("action", func(t *testing.T) { testInstallInAction(t, r) })
	t.Run("source", func(t *testing.T) { testInstallFromSource(t, r) })
	// The others only compare bytes; with few of them they are faster.
	r.tree = copyOfSources(t)
	r.pin(t, bytes.Repeat([]byte("#!/bin/sh\n"), 20_000))
	t.Run("servers", func(t *testing.T) { testInstallServers(t, r) })
	t.Run("cache", func(t *testing.T) { testInstallCache(t, r) })
	t.Run("at once", func(t *testing.T) { testInstallAtOnce(t, r) })
	t.Run("settings", func(t *testing.T) { testInstallSettings(t, r) })
	t.Run("GitHub", func(t *testing.T) { testInstallFromGitHub(t, r) })
}

// testInstallServers downloads from servers that answer well or badly.
func testInstallServers(t *testing.T, r pinned) {
	half := len(r.asset) / 2
	serve := r.serve
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path != r.path {
				serve(w, q)
				return
			}
			_, port, _ := strings.Cut(q.Host, ":")
			w.Header().Set("Location", strings.NewReplacer("HOST", q.Host, "PORT", port).Replace(to))
			w.WriteHeader(http.StatusFound)
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		code   int
		stderr string
		asked  int // requests
		lacks  string
	}{
		{"fresh", serve, 0, "", 1, ""},
		{"shasum in place of sha256sum", serve, 0, "", 1, "sha256sum"},
		{"an asset that was changed", func(w http.ResponseWriter, _ *http.Request) {
			changed := bytes.Clone(r.asset)
			changed[half] ^= 1
			_, _ = w.Write(changed)
		}, 1, "is not the file whose SHA-256 sum is in scripts/checksums.txt", 1, ""},
		{"half an asset, as if it were all", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(r.asset[:half])
		}, 1, "is not the file whose SHA-256 sum", 1, ""},
		{"an empty asset", status(200), 1, "is not the file whose SHA-256 sum", 1, ""},
		{"a transfer that is cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(r.asset)))
			_, _ = w.Write(r.asset[:half])
			panic(http.ErrAbortHandler)
		}, 3, "the transfer was cut short", 1, ""},
		{"a server that hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 3, "there is no answer", 1, ""},
		{"an asset without end", func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < 80; i++ {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, 3, "it is longer than 67108864 bytes", 1, ""},
		{"no such release", status(404), 2, "and there is no Go to build it with", 1, "go"},
		{"a release that is gone", status(410), 2, "and there is no Go to build it with", 1, "go"},
		{"not without a login", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic realm=x")
			w.WriteHeader(401)
		}, 2, "and there is no Go to build it with", 1, "go"},
		{"to the login", redirect("http://HOST/login?return_to=x"), 2, "and there is no Go to build it with", 1, "go"},
		{"forbidden", status(403), 3, "the server answers 403", 1, ""},
		{"nothing", status(204), 3, "the server answers 204", 1, ""},
		{"an error that passes", func() http.HandlerFunc {
			var seen sync.Map // servers
			return func(w http.ResponseWriter, q *http.Request) {
				if _, again := seen.LoadOrStore(q.Host, true); again {
					serve(w, q)
				} else {
					w.WriteHeader(500)
				}
			}
		}(), 0, "", 2, ""},
		{"an error that stays", status(502), 3, "the server answers 502", 3, ""},
		{"too many requests", status(429), 3, "the server answers 429", 3, ""},
		{"to the same host", redirect("http://HOST/else"), 0, "", 2, ""},
		{"to another path", redirect("/else"), 0, "", 2, ""},
		{"to another host", redirect("http://localhost:PORT/else"), 1, "which is not of 127.0.0.1", 1, ""},
		{"to another port", redirect("http://127.0.0.1:1/else"), 1, "leads to 127.0.0.1:1, which is not of", 1, ""},
		{"to a host with the name in it", redirect("https://HOST.example/else"), 1, "leads to what is no https address", 1, ""},
		{"to a user of the host", redirect("http://HOST@localhost:PORT/else"), 1, "leads to what is no https address", 1, ""},
		{"to githubusercontent, not from GitHub", redirect("https://release-assets.githubusercontent.com/else"), 1, "which is not of", 1, ""},
		{"to plain http", redirect("http://github.example/else"), 1, "leads to what is no https address", 1, ""},
		{"to a file", redirect("file:///etc/passwd"), 1, "leads to what is no https address", 1, ""},
		{"to another host, in this one's words", redirect("//localhost:PORT/else"), 1, "leads to what is no https address", 1, ""},
		{"in capitals", func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/else" {
				_, _ = w.Write(r.asset)
				return
			}
			w.Header()["LOCATION"] = []string{" \t /else"}
			w.WriteHeader(302)
		}, 0, "", 2, ""},
		{"to nowhere", redirect(""), 1, "leads to what is no https address", 1, ""},
		{"in a circle", func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Location", q.URL.Path)
			w.WriteHeader(http.StatusMovedPermanently)
		}, 1, "leads to more than 5 other addresses", 6, ""},
	}
	for _, client := range []string{"curl", "wget"} {
		// What bounds wget in all is timeout.
		if _, err := exec.LookPath(client); err != nil {
			continue
		}
		if _, err := exec.LookPath("timeout"); err != nil && client == "wget" {
			continue
		}
		lacks := map[string]string{"curl": "", "wget": "curl"}[client]
		for _, test := range tests {
			t.Run(client+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				server := newReleaseServer(t, test.answer)
				m := newInstallation(t, lacks, test.lacks)
				m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL).check(t, m, test.code, test.stderr, onlyIf(test.code == 0, r.place))
				paths, leaks := server.asked()
				if len(paths) != test.asked || paths[0] != r.path {
					t.Errorf("the server was asked for %q, want %d requests", paths, test.asked)
				}
				if len(leaks) > 0 {
					t.Errorf("it sent %q", leaks)
				}
			})
		}
		stalls := map[string]func(w http.ResponseWriter, q *http.Request, flush func() error){
			"at once": func(http.ResponseWriter, *http.Request, func() error) {},
			"half way": func(w http.ResponseWriter, _ *http.Request, flush func() error) {
				_, _ = w.Write(r.asset[:half])
				_ = flush()
			},
			"again and again": func(w http.ResponseWriter, q *http.Request, flush func() error) {
				for q.Context().Err() == nil {
					_, _ = w.Write([]byte("#"))
					_ = flush()
					<-time.After(10 * time.Millisecond)
				}
			},
		}
		for name, send := range stalls {
			t.Run(client+"/a server that stalls "+name, func(t *testing.T) {
				t.Parallel()
				server := newReleaseServer(t, func(w http.ResponseWriter, q *http.Request) {
					send(w, q, http.NewResponseController(w).Flush)
					<-q.Context().Done() // the client has gone
				})
				m := newInstallation(t, lacks)
				m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL, "COUNTERSIGN_DOWNLOAD_TIMEOUT=1").
					check(t, m, 3, "the release cannot be downloaded", "")
			})
		}
	}
}

func onlyIf(ok bool, s string) string {
	if !ok {
		return ""
	}
	return s
}
