package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/cli"
)

// A releaseTree is a copy of this project in which scripts/release runs, with a
// program in place of Go.
type releaseTree struct {
	tree, bin, log, temp string
}

// newReleaseTree makes one. build is the shell code of `go build`, with the file to
// make as $out; each build leaves a line of what it was given in the log.
func newReleaseTree(t *testing.T, build string) releaseTree {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("releases are made on other systems")
	}
	r := releaseTree{copyOfSources(t), t.TempDir(), filepath.Join(t.TempDir(), "log"), t.TempDir()}
	mod := filepath.Join(r.tree, "go.mod")
	// The Go at hand, so that none is fetched.
	version := strings.TrimSpace(command(t, ".", "go", "env", "GOVERSION"))
	text := regexp.MustCompile(`(?m)^toolchain .*\n`).ReplaceAllString(string(fileText(t, mod)), "")
	text = regexp.MustCompile(`(?m)^(go \d+\.\d+).*`).ReplaceAllString(text, "$1")
	writeFile(t, mod, text+"\ntoolchain "+version+"\n")
	writeFile(t, filepath.Join(r.bin, "go"), `#!/usr/bin/env bash
set -euo pipefail
case $1 in
  env) echo "$GOTOOLCHAIN"; exit ;;
  build) ;;
  *) echo "go $*" >&2; exit 1 ;;
esac
printf '%s\n' "$GOOS/$GOARCH|$PWD|${GOCACHE:-}|$GOTOOLCHAIN|$GOENV|$CGO_ENABLED|$*" >>"`+r.log+`"
arguments=("$@")
while [ "$1" != -o ]; do shift; done
out=$2
`+build+"\n")
	return r
}

// run runs the script and returns its exit code and what it says.
func (r releaseTree) run(t *testing.T, env []string, args ...string) (code int, stderr string) {
	t.Helper()
	c := exec.Command(filepath.Join(r.tree, "scripts", "release"), args...)
	c.Env = append(ownEnvironment(), "PATH="+r.bin+":"+os.Getenv("PATH"), "TMPDIR="+r.temp,
		"GOOS=plan9", "GOARCH=386", "GOAMD64=v3", "GOFLAGS=-tags=other")
	c.Env = append(c.Env, env...)
	var text bytes.Buffer
	c.Stderr = &text
	_ = c.Run()
	if left, err := os.ReadDir(r.temp); err != nil || len(left) > 0 {
		t.Errorf("it left %v: %v", left, err)
	}
	return c.ProcessState.ExitCode(), text.String()
}

// files returns what the script has written: the text of each file in dist/ and of
// scripts/checksums.txt.
func (r releaseTree) files(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.tree, "dist", "*"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range append(paths, filepath.Join(r.tree, "scripts", "checksums.txt")) {
		relative, _ := filepath.Rel(r.tree, path)
		files[relative] = string(fileText(t, path))
	}
	return files
}

// sameBytes stands for a Go whose builds are the same.
const sameBytes = `echo "for $GOOS $GOARCH" >"$out"`

var releaseTargets = []string{"darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64.exe", "windows_arm64.exe"}

// TestReleaseScript makes a release, checks it, and checks what does not hold.
func TestReleaseScript(t *testing.T) {
	r := newReleaseTree(t, sameBytes)
	old := r.files(t)
	if code, stderr := r.run(t, nil, "--check"); code != 1 || !strings.Contains(stderr, "are not those of scripts/checksums.txt") {
		t.Errorf("with no release yet --check ends with %d: %s", code, stderr)
	}
	if diff := cmp.Diff(old, r.files(t)); diff != "" {
		t.Errorf("it has written (-want +got):\n%s", diff)
	}

	if err := os.RemoveAll(r.log); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(r.tree, "dist", "countersign_0.1.0_linux_amd64"), "of an earlier release")
	if code, stderr := r.run(t, nil); code != 0 {
		t.Fatalf("it ended with %d: %s", code, stderr)
	}
	toolchain := strings.TrimSpace(command(t, ".", "go", "env", "GOVERSION"))
	want := map[string]string{}
	sums := fmt.Sprintf("# The SHA-256 sums of the binaries of countersign %s, built with %s by scripts/release.\n# sources sha256:%s",
		cli.Version, toolchain, command(t, r.tree, "scripts/sources"))
	for _, target := range releaseTargets {
		asset := "countersign_" + cli.Version + "_" + target
		text := "for " + strings.TrimSuffix(strings.ReplaceAll(target, "_", " "), ".exe") + "\n"
		want["dist/"+asset] = text
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(text)), asset)
	}
	want["dist/checksums.txt"], want["scripts/checksums.txt"] = sums, sums
	if diff := cmp.Diff(want, r.files(t)); diff != "" {
		t.Errorf("it has written (-want +got):\n%s", diff)
	}
	r.checkBuilds(t, toolchain)

	tests := []struct {
		name   string
		change func() // of the tree
		env    []string
		args   []string
		code   int
		stderr string
	}{
		{"as it is", nil, nil, []string{"--check"}, 0, ""},
		{"the tag", nil, nil, []string{"--check", "v" + cli.Version, "linux/amd64"}, 0, ""},
		{"a run for the tag", nil, []string{"GITHUB_REF_TYPE=tag", "GITHUB_REF_NAME=v" + cli.Version}, []string{"--check", "linux/amd64"}, 0, ""},
		{"a run for a branch", nil, []string{"GITHUB_REF_TYPE=branch", "GITHUB_REF_NAME=v9"}, []string{"--check", "linux/amd64"}, 0, ""},
		{"some of all", nil, nil, []string{"--check", "linux/amd64", "windows/arm64"}, 0, ""},
		{"one, to try it", nil, nil, []string{"linux/amd64"}, 0, ""},
		{"another tag", nil, nil, []string{"--check", "v9.9.9"}, 1, "the tag is v9.9.9, the version " + cli.Version},
		{"a run for another tag", nil, []string{"GITHUB_REF_TYPE=tag", "GITHUB_REF_NAME=v9.9.9"}, nil, 1, "the tag is v9.9.9"},
		{"a run for a tag that is no version", nil, []string{"GITHUB_REF_TYPE=tag", "GITHUB_REF_NAME=latest"}, nil, 1, "the tag is latest"},
		{"a sum too many", r.replace(t, "scripts/checksums.txt", sums, sums+strings.Repeat("0", 64)+"  countersign_0.1.0_linux_amd64\n"), nil, []string{"--check"}, 1, "are not those"},
		{"a sum too few", r.replace(t, "scripts/checksums.txt", sums, sums[:strings.LastIndex(strings.TrimSpace(sums), "\n")+1]), nil, []string{"--check"}, 1, "are not those"},
		{"changed sums", r.replace(t, "scripts/checksums.txt", sums, regexp.MustCompile(`(?m)^[0-9a-f]`).ReplaceAllString(sums, "x")), nil, []string{"--check"}, 1, "are not those"},
		{"a changed sum of some", r.replace(t, "scripts/checksums.txt", sums, regexp.MustCompile(`(?m)^[0-9a-f]`).ReplaceAllString(sums, "x")), nil, []string{"--check", "linux/amd64"}, 1, "are not those"},
		{"other sources", r.replace(t, "go.sum", "", "\n"), nil, []string{"--check", "linux/amd64"}, 1, "are not those"},
		{"a Go without a patch version", r.replace(t, "go.mod", "toolchain "+toolchain, ""), nil, []string{"--check"}, 2, "go.mod does not name one Go"},
		{"another target", nil, nil, []string{"plan9/amd64"}, 2, "plan9/amd64 means nothing here"},
		{"another flag", nil, nil, []string{"--help"}, 2, "--help means nothing here"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change()
				defer test.change() // back
			}
			before := r.files(t)
			code, stderr := r.run(t, test.env, test.args...)
			if code != test.code || !strings.Contains(stderr, test.stderr) {
				t.Errorf("it ended with %d, want %d and %q: %s", code, test.code, test.stderr, stderr)
			}
			if after := r.files(t); code != 0 {
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("it failed and has written (-want +got):\n%s", diff)
				}
			} else if after["scripts/checksums.txt"] != sums {
				t.Error("it has written the sums of what is no release")
			}
		})
	}
}

// replace returns a function that puts one text of a file for another, and by turns
// back. An empty old text is the end of the file.
func (r releaseTree) replace(t *testing.T, name, old, other string) func() {
	path := filepath.Join(r.tree, filepath.FromSlash(name))
	original, changed := "", false
	return func() {
		if changed = !changed; !changed {
			writeFile(t, path, original)
			return
		}
		original = string(fileText(t, path))
		switch {
		case old == "":
			writeFile(t, path, original+other)
		case !strings.Contains(original, old):
			t.Fatalf("%s lacks %q", name, old)
		default:
			writeFile(t, path, strings.Replace(original, old, other, 1))
		}
	}
}

// checkBuilds looks at how each target was built: twice, in folders of different
// lengths, the second time with a cache of its own, and by the same Go.
func (r releaseTree) checkBuilds(t *testing.T, toolchain string) {
	t.Helper()
	builds := strings.Split(strings.TrimSpace(string(fileText(t, r.log))), "\n")
	if len(builds) != 2*len(releaseTargets) {
		t.Fatalf("it built %d times, want each of %d twice:\n%s", len(builds), len(releaseTargets), strings.Join(builds, "\n"))
	}
	for pair := range slices.Chunk(builds, 2) {
		first, second := strings.Split(pair[0], "|"), strings.Split(pair[1], "|")
		if first[0] != second[0] || len(first[1]) == len(second[1]) || first[2] == second[2] || !strings.HasPrefix(second[2], r.temp) {
			t.Errorf("the two builds are alike:\n%s\n%s", pair[0], pair[1])
		}
		for _, build := range [][]string{first, second} {
			if diff := cmp.Diff([]string{toolchain, "off", "0"}, build[3:6]); diff != "" {
				t.Errorf("toolchain, settings and cgo (-want +got):\n%s", diff)
			}
			for _, flag := range []string{"-trimpath", "-buildvcs=false"} {
				if !slices.Contains(strings.Fields(build[6]), flag) {
					t.Errorf("it builds without %s: %s", flag, build[6])
				}
			}
		}
	}
}

// TestReleaseScriptRefuses builds that are not the same twice, or fail.
func TestReleaseScriptRefuses(t *testing.T) {
	tests := []struct {
		name, build string
		code        int
		stderr      string
	}{
		{"the folder in it", `pwd >"$out"`, 1, "two builds of countersign_" + cli.Version + "_darwin_amd64 differ"},
		{"the cache in it", `echo "${GOCACHE:-}" >"$out"`, 1, "two builds of countersign_"},
		{"something that changes", `echo "$$" >"$out"`, 1, "two builds of countersign_"},
		{"only for the last", `[ "$GOOS/$GOARCH" != windows/arm64 ] && echo >"$out" || echo "$$" >"$out"`, 1, "two builds of countersign_" + cli.Version + "_windows_arm64.exe differ"},
		{"more in the second", `case $PWD in */b) echo; esac >"$out"`, 1, "two builds of countersign_"},
		{"a build that fails", "exit 1", 3, "cannot be built"},
		{"the second fails", `echo >"$out"; case $PWD in */b) exit 1; esac`, 3, "cannot be built"},
		{"another Go", "", 3, "not go"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleaseTree(t, test.build)
			if test.name == "another Go" {
				writeFile(t, filepath.Join(r.bin, "go"), "#!/bin/sh\necho go1.2.3\n")
			}
			before := r.files(t)
			if code, stderr := r.run(t, nil); code != test.code || !strings.Contains(stderr, test.stderr) {
				t.Errorf("it ended with %d, want %d and %q: %s", code, test.code, test.stderr, stderr)
			}
			if diff := cmp.Diff(before, r.files(t)); diff != "" {
				t.Errorf("it failed and has written (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(r.tree, "dist")); err == nil {
				t.Error("there is a dist folder")
			}
		})
	}
}

// TestReleaseBinary makes the release of this machine with the real Go, though with
// its own cache for both builds, and installs it.
func TestReleaseBinary(t *testing.T) {
	goPath, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(command(t, ".", "go", "env", "GOCACHE"))
	r := newReleaseTree(t, "GOCACHE="+cache+` exec `+goPath+` "${arguments[@]}"`)
	if code, stderr := r.run(t, nil, runtime.GOOS+"/"+runtime.GOARCH); code != 0 {
		t.Fatalf("it ended with %d: %s", code, stderr)
	}
	dist := filepath.Join(r.tree, "dist")
	command(t, dist, "sh", "-c", "sha256sum --check checksums.txt || shasum -a 256 -c checksums.txt")
	// A release of all targets would have written it.
	command(t, r.tree, "cp", "dist/checksums.txt", "scripts/checksums.txt")

	server := newReleaseServer(t, http.StripPrefix("/countersign-ci/countersign/releases/download/v"+cli.Version, http.FileServer(http.Dir(dist))).ServeHTTP)
	i := newInstallation(t).install(t, r.tree, "GITHUB_SERVER_URL="+server.URL)
	if paths, _ := server.asked(); i.code != 0 || i.stderr != "" || len(paths) != 1 {
		t.Fatalf("the installation ended with %d, after %q: %s", i.code, paths, i.stderr)
	}
	if got := command(t, ".", strings.TrimSpace(i.stdout), "version"); got != "countersign "+cli.Version+"\n" {
		t.Errorf("what was installed says %q", got)
	}
}
