package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// unreachable is a server that nobody may ask.
const unreachable = "GITHUB_SERVER_URL=http://127.0.0.1:1"

// testInstallCache uses what an earlier installation left, or somebody else.
func testInstallCache(t *testing.T, r pinned) {
	server := newReleaseServer(t, r.serve)
	good := "GITHUB_SERVER_URL=" + server.URL
	m := newInstallation(t)
	m.install(t, r.tree, good).check(t, m, 0, "", r.place)
	binary := filepath.Join(m.cache, r.place)
	if text, err := os.ReadFile(binary); err != nil || !bytes.Equal(text, r.asset) {
		t.Fatalf("the binary is not the asset: %v", err)
	}

	t.Run("second use", func(t *testing.T) {
		m.install(t, r.tree, unreachable).check(t, m, 0, "", r.place)
	})
	t.Run("put there by hand", func(t *testing.T) {
		m := newInstallation(t, "curl", "wget", "go")
		writeFile(t, filepath.Join(m.cache, r.place), string(r.asset))
		if err := os.Chmod(filepath.Join(m.cache, r.place), 0o600); err != nil {
			t.Fatal(err)
		}
		m.install(t, r.tree, unreachable).check(t, m, 0, "", r.place)
	})
	t.Run("in the home folder", func(t *testing.T) {
		m := newInstallation(t)
		i := m.install(t, r.tree, good, "RUNNER_TOOL_CACHE=", "XDG_CACHE_HOME=", "HOME="+m.cache)
		i.check(t, m, 0, "", filepath.Join(".cache", r.place))
	})
	t.Run("nowhere", func(t *testing.T) {
		m := newInstallation(t)
		m.install(t, r.tree, good, "RUNNER_TOOL_CACHE=", "XDG_CACHE_HOME=", "HOME=").
			check(t, m, 2, "there is no folder to keep the binary in", "")
	})
	for name, folder := range map[string]string{"a relative folder": "tools", "two lines": m.cache + "\npath=/bin/echo"} {
		t.Run(name, func(t *testing.T) {
			m := newInstallation(t)
			m.install(t, r.tree, good, "RUNNER_TOOL_CACHE="+folder).check(t, m, 2, "to an absolute path", "")
			if _, err := os.Stat(filepath.Join(r.tree, "tools")); err == nil {
				t.Error("there is a cache in the folder of the Action")
			}
		})
	}
	t.Run("the cache is a link", func(t *testing.T) {
		m := newInstallation(t)
		link(t, t.TempDir(), filepath.Join(m.cache, "countersign"))
		m.install(t, r.tree, good).check(t, m, 2, "is a link", "countersign")
	})
	// The sum would be right now, and the file another one from another folder.
	t.Run("the binary is a link", func(t *testing.T) {
		m := newInstallation(t)
		link(t, binary, filepath.Join(m.cache, r.place))
		m.install(t, r.tree, good).check(t, m, 0, "is not what was put there", r.place)
		wantPlain(t, filepath.Join(m.cache, r.place))
	})
	t.Run("its folder is a link", func(t *testing.T) {
		m := newInstallation(t)
		link(t, filepath.Dir(binary), filepath.Dir(filepath.Join(m.cache, r.place)))
		m.install(t, r.tree, good).check(t, m, 0, "is not what was put there", r.place)
		wantPlain(t, filepath.Dir(filepath.Join(m.cache, r.place)))
	})
	t.Run("a file of four terabytes", func(t *testing.T) {
		m := newInstallation(t)
		path := filepath.Join(m.cache, r.place)
		writeFile(t, path, "")
		if err := os.Truncate(path, 4<<40); err != nil {
			t.Fatal(err)
		}
		m.install(t, r.tree, good).check(t, m, 0, "is not what was put there", r.place)
	})
	t.Run("no outputs", func(t *testing.T) {
		m := newInstallation(t)
		m.install(t, r.tree, good, "GITHUB_OUTPUT="+t.TempDir()).check(t, m, 3, "there is no writing to GITHUB_OUTPUT", r.place)
	})
	t.Run("a file in the way", func(t *testing.T) {
		m := newInstallation(t)
		writeFile(t, filepath.Join(m.cache, "countersign"), "")
		m.install(t, r.tree, good).check(t, m, 3, "there is no writing to", "countersign")
	})
	t.Run("a folder in the way", func(t *testing.T) {
		m := newInstallation(t)
		writeFile(t, filepath.Join(m.cache, r.place, "file"), "")
		m.install(t, r.tree, good).check(t, m, 3, "there is no writing to", "countersign")
	})
	for name, text := range map[string]string{"changed": string(r.asset) + "\n", "another": "#!/bin/sh\nexit 0\n", "empty": ""} {
		t.Run("poisoned: "+name, func(t *testing.T) {
			writeFile(t, binary, text)
			gone := m.install(t, r.tree, unreachable)
			gone.check(t, m, 3, "warning: "+binary+" is not what was put there", r.place)
			m.install(t, r.tree, good).check(t, m, 0, "warning: ", r.place)
			if text, err := os.ReadFile(binary); err != nil || !bytes.Equal(text, r.asset) {
				t.Errorf("the binary is not the asset: %v", err)
			}
			i := m.install(t, r.tree, unreachable)
			if i.check(t, m, 0, "", r.place); i.stderr != "" {
				t.Errorf("it says %s", i.stderr)
			}
		})
	}
	if _, leaks := server.asked(); len(leaks) > 0 {
		t.Errorf("it sent %q", leaks)
	}
}

// link makes a symbolic link and the folders above it.
func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// wantPlain checks that there is no link at a path any more.
func wantPlain(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink != 0 {
		t.Errorf("%s: %v %v", path, info.Mode(), err)
	}
}

// testInstallAtOnce downloads twice at a time: neither has to see half a file.
func testInstallAtOnce(t *testing.T, r pinned) {
	var both sync.WaitGroup
	both.Add(2)
	server := newReleaseServer(t, func(w http.ResponseWriter, _ *http.Request) {
		both.Done()
		both.Wait()
		_, _ = w.Write(r.asset)
	})
	m := newInstallation(t)
	var ends [2]installed
	var wg sync.WaitGroup
	for i := range ends {
		wg.Go(func() { ends[i] = m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL) })
	}
	wg.Wait()
	for _, end := range ends {
		end.kept = m.kept(t)
		end.check(t, m, 0, "", r.place)
	}
}

// testInstallFromSource builds where there is no release, and only there. It changes
// the tree.
func testInstallFromSource(t *testing.T, r pinned) {
	server := newReleaseServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	asks := func(t *testing.T, want int) {
		t.Helper()
		if paths, leaks := server.asked(); len(paths) != want || len(leaks) > 0 {
			t.Errorf("the server was asked for %q with %q, want %d requests", paths, leaks, want)
		}
	}
	url := "GITHUB_SERVER_URL=" + server.URL

	t.Run("a release that is not there", func(t *testing.T) {
		m := newInstallation(t)
		first := m.install(t, r.tree, url)
		if len(first.kept) != 1 {
			t.Fatalf("the tool cache has %q: %s", first.kept, first.stderr)
		}
		first.check(t, m, 0, "so countersign is built from source", first.kept[0])
		if text, err := os.ReadFile(filepath.Join(m.cache, first.kept[0])); err != nil || !bytes.Equal(text, r.asset) {
			t.Errorf("what was built is not the asset: %v", err)
		}
		m.install(t, r.tree, url).check(t, m, 0, "so countersign is built from source", first.kept[0])
		asks(t, 2)
	})

	// Without Go, what would be built shows in the message.
	m := newInstallation(t, "go")
	const none = "this commit of countersign has no release for this machine, and there is no Go to build it with"
	t.Run("sources that changed", func(t *testing.T) {
		for _, name := range []string{"go.mod", "go.sum", "cmd/countersign/main.go", "internal/policy/more.rego", "scripts/build"} {
			path := filepath.Join(r.tree, name)
			text, before := os.ReadFile(path)
			writeFile(t, path, string(text)+"\n")
			m.install(t, r.tree, url).check(t, m, 2, none, "")
			if before != nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				continue
			}
			writeFile(t, path, string(text))
		}
		asks(t, 0)
	})
	t.Run("a source with another name", func(t *testing.T) {
		old, other := filepath.Join(r.tree, "internal/cli/version.go"), filepath.Join(r.tree, "internal/cli/version_other.go")
		if err := os.Rename(old, other); err != nil {
			t.Fatal(err)
		}
		m.install(t, r.tree, url).check(t, m, 2, none, "")
		if err := os.Rename(other, old); err != nil {
			t.Fatal(err)
		}
		asks(t, 0)
	})
	t.Run("tests and documents that changed", func(t *testing.T) {
		for _, name := range []string{"README.md", "internal/cli/more_test.go", "internal/cli/testdata/more.go", "scripts/more"} {
			writeFile(t, filepath.Join(r.tree, name), "changed\n")
		}
		m.install(t, r.tree, url).check(t, m, 2, "there is no "+server.URL+r.path, "")
		asks(t, 1)
	})
	t.Run("no asset for this machine", func(t *testing.T) {
		other := r
		other.name += "_other"
		other.pin(t, r.asset)
		m.install(t, r.tree, url).check(t, m, 2, none, "")
		asks(t, 0)
	})
	for name, text := range map[string]string{"no release yet": "# There is no release yet.\n", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, filepath.Join(r.tree, "scripts", "checksums.txt"), text)
			m.install(t, r.tree, url).check(t, m, 2, none, "")
			asks(t, 0)
		})
	}
}

// testInstallSettings takes no server, repository or program that it cannot trust
// to be what it says.
func testInstallSettings(t *testing.T, r pinned) {
	server := newReleaseServer(t, r.serve)
	tests := []struct {
		set    string
		code   int
		stderr string
	}{
		{"GITHUB_SERVER_URL=http://github.example", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=http://127.0.0.1.example", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=https://octocat@github.example", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=https://github.example/else", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=https://github.example --output=x", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=file:///etc/passwd", 2, "GITHUB_SERVER_URL is not a server"},
		{"GITHUB_SERVER_URL=--help", 2, "GITHUB_SERVER_URL is not a server"},
		{"ACTION_REPOSITORY=acme", 2, "ACTION_REPOSITORY is not a repository"},
		{"ACTION_REPOSITORY=acme/widgets/else", 2, "ACTION_REPOSITORY is not a repository"},
		{"ACTION_REPOSITORY=acme/..", 2, "ACTION_REPOSITORY is not a repository"},
		{"ACTION_REPOSITORY=acme/wid gets", 2, "ACTION_REPOSITORY is not a repository"},
		{"ACTION_REPOSITORY=acme/widgets?x=", 2, "ACTION_REPOSITORY is not a repository"},
		{"COUNTERSIGN_DOWNLOAD_TIMEOUT=soon", 2, "COUNTERSIGN_DOWNLOAD_TIMEOUT is not a number of seconds"},
		{"COUNTERSIGN_DOWNLOAD_TIMEOUT=0", 2, "COUNTERSIGN_DOWNLOAD_TIMEOUT is not a number of seconds"},
		{"COUNTERSIGN_DOWNLOAD_TIMEOUT=-1", 2, "COUNTERSIGN_DOWNLOAD_TIMEOUT is not a number of seconds"},
		{"PATH=" + strings.TrimPrefix(newInstallation(t, "curl", "wget").env[0], "PATH="), 2, "there is neither curl nor GNU wget"},
	}
	for _, test := range tests {
		t.Run(test.set, func(t *testing.T) {
			m := newInstallation(t)
			m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL, test.set).check(t, m, test.code, test.stderr, "")
		})
	}
	t.Run("a wget that follows redirects", func(t *testing.T) {
		m := newInstallation(t, "curl", "wget")
		bin, _, _ := strings.Cut(strings.TrimPrefix(m.env[0], "PATH="), ":")
		writeFile(t, filepath.Join(bin, "wget"), "#!/bin/sh\necho 'BusyBox v1.36.1 multi-call binary.'\n")
		m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL).check(t, m, 2, "there is neither curl nor GNU wget", "")
	})
	if paths, _ := server.asked(); len(paths) > 0 {
		t.Errorf("the server was asked for %q", paths)
	}
	t.Run("another repository", func(t *testing.T) {
		m := newInstallation(t)
		m.install(t, r.tree, "GITHUB_SERVER_URL="+server.URL+"/", "ACTION_REPOSITORY=acme/countersign.mirror").check(t, m, 0, "", r.place)
		const want = "/acme/countersign.mirror/releases/"
		if paths, _ := server.asked(); len(paths) != 1 || !strings.HasPrefix(paths[0], want) {
			t.Errorf("the server was asked for %q, want %s…", paths, want)
		}
	})
}
