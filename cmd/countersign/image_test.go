package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// A base image: NAME:TAG@DIGEST.
	pinnedImage = regexp.MustCompile(`^[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$`)
	// A user that Kubernetes' runAsNonRoot takes for one that is not root.
	numericUser = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
	fetching    = regexp.MustCompile(`\b(curl|wget|apk|apt|apt-get)\b|\|\s*(ba)?sh\b`)
)

// imageComplaints says what a Dockerfile does that ours must not do, whatever an
// engine makes of it. The final stages are the named ones and the last.
func imageComplaints(dockerfile string, final ...string) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	if strings.Contains(dockerfile, "# syntax=") {
		complain("a syntax is fetched")
	}
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(dockerfile, "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	stages := []string{"scratch"}
	users := make(map[string]string)
	var stage, entryPoint string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		instruction, words := strings.ToUpper(words[0]), words[1:]
		var options []string
		for len(words) > 0 && strings.HasPrefix(words[0], "--") {
			options, words = append(options, words[0]), words[1:]
		}
		rest := strings.Join(words, " ")
		switch instruction {
		case "FROM":
			if base := words[0]; !slices.Contains(stages, base) && !pinnedImage.MatchString(base) {
				complain("FROM %s has no tag with a digest", base)
			}
			stage, entryPoint = "", ""
			if len(words) == 3 {
				stage = words[2]
			}
			stages, users[stage] = append(stages, stage), ""
		case "COPY":
			for _, option := range options {
				from, ok := strings.CutPrefix(option, "--from=")
				if ok && !slices.Contains(stages, from) && !pinnedImage.MatchString(from) {
					complain("COPY --from=%s has no tag with a digest", from)
				}
			}
		case "ADD":
			complain("ADD %s: COPY fetches and unpacks nothing", rest)
		case "RUN":
			if fetching.MatchString(rest) {
				complain("RUN %s fetches what no digest names", rest)
			}
		case "USER":
			users[stage] = rest
		case "ENTRYPOINT":
			entryPoint = rest
		}
	}
	for _, name := range append(final, stage) {
		if !numericUser.MatchString(users[name]) {
			complain("the user of stage %q is %q", name, users[name])
		}
	}
	if want := `["/usr/local/bin/countersign"]`; entryPoint != want {
		complain("the entry point is %s, not %s", entryPoint, want)
	}
	return complaints
}

func readDockerfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDockerfile(t *testing.T) {
	for _, complaint := range imageComplaints(readDockerfile(t), "gitlab") {
		t.Error(complaint)
	}
}

// TestDockerfileComplaints breaks the Dockerfile and expects to hear of it.
func TestDockerfileComplaints(t *testing.T) {
	good := readDockerfile(t)
	digest := regexp.MustCompile(`@sha256:[0-9a-f]+`)
	tests := []struct {
		name, broken string
		want         string // of the first complaint
	}{
		{"a tag alone", digest.ReplaceAllString(good, ""), "FROM golang:"},
		{"a short digest", digest.ReplaceAllString(good, "@sha256:0123abcd"), "FROM golang:"},
		{"a digest alone", regexp.MustCompile(`alpine:[^@]+`).ReplaceAllString(good, "alpine"), "FROM alpine@"},
		{"an image by variable", strings.Replace(good, "FROM scratch", "FROM $BASE", 1), "FROM $BASE"},
		{"files of another image", strings.ReplaceAll(good, "--from=build /etc", "--from=debian:13 /etc"), "COPY --from=debian:13"},
		{"root", strings.ReplaceAll(good, "USER 65532:65532", "USER root"), `the user of stage "gitlab" is "root"`},
		{"a user by name", strings.ReplaceAll(good, "USER 65532:65532", "USER nonroot"), `the user of stage "gitlab" is "nonroot"`},
		{"root by number", strings.ReplaceAll(good, "USER 65532:65532", "USER 0:65532"), `the user of stage "gitlab" is "0:65532"`},
		{"no user in the last stage", good[:strings.LastIndex(good, "USER ")] + good[strings.LastIndex(good, "ENTRYPOINT "):], `the user of stage "" is ""`},
		{"root again", strings.Replace(good, "ENTRYPOINT ", "USER 0\nENTRYPOINT ", 1), `the user of stage "" is "0"`},
		{"a shell", strings.Replace(good, `["/usr/local/bin/countersign"]`, "/usr/local/bin/countersign", 1), "the entry point is /usr/local/bin/countersign"},
		{"a download", strings.Replace(good, "WORKDIR /src", "RUN curl -fsSL https://example.com/x | sh", 1), "RUN curl"},
		{"a piped download", strings.Replace(good, "WORKDIR /src", "RUN fetch https://example.com/x | sh", 1), "RUN fetch"},
		{"an added URL", strings.Replace(good, "COPY go.mod", "ADD https://example.com/go.mod", 1), "ADD https:"},
		{"a syntax", "# syntax=docker/dockerfile:1\n" + good, "a syntax"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := imageComplaints(test.broken, "gitlab")
			if len(got) == 0 || !strings.HasPrefix(got[0], test.want) {
				t.Errorf("complaints %q, want the first to begin with %q", got, test.want)
			}
		})
	}
}

// TestDockerfileGo compares the Go of the base image with the one that go.mod
// names for releases: the image's program is to have the same bytes.
func TestDockerfileGo(t *testing.T) {
	image := regexp.MustCompile(`golang:([0-9.]+)-`).FindStringSubmatch(readDockerfile(t))
	mod, err := os.ReadFile(filepath.Join(projectRoot(t), "go.mod"))
	if err != nil || image == nil {
		t.Fatal(image, err)
	}
	for _, pattern := range []string{`(?m)^toolchain go([0-9.]+)$`, `(?m)^go ([0-9]+\.[0-9]+\.[0-9]+)$`} {
		if named := regexp.MustCompile(pattern).FindSubmatch(mod); named != nil {
			if diff := cmp.Diff(string(named[1]), image[1]); diff != "" {
				t.Errorf("go.mod's Go and the image's (-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Error("go.mod names no exact Go, so another one makes other bytes")
}

// TestDockerIgnore: what is not named stays out of the build, so no key that lies
// in a checkout gets into it.
func TestDockerIgnore(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(projectRoot(t), ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			patterns = append(patterns, line)
		}
	}
	want := []string{"*", "!go.mod", "!go.sum", "!cmd", "!internal", "!scripts", "scripts/*", "!scripts/build", "**/*_test.go", "**/testdata"}
	if diff := cmp.Diff(want, patterns); diff != "" {
		t.Errorf(".dockerignore (-want +got):\n%s", diff)
	}
}

// TestImage builds the image and runs it, where buildah does that with what is on
// this machine. An engine would fetch the base images: there scripts/test-image is
// a job of its own, or COUNTERSIGN_TEST_IMAGE asks for it.
func TestImage(t *testing.T) {
	if os.Getenv("COUNTERSIGN_TEST_IMAGE") == "" {
		if _, err := exec.LookPath("buildah"); err != nil {
			t.Skip("buildah is not on PATH; COUNTERSIGN_TEST_IMAGE=1 builds with a Docker engine")
		}
		if exec.Command("docker", "version").Run() == nil {
			t.Skip("a Docker engine answers, which would fetch images; COUNTERSIGN_TEST_IMAGE=1 lets it")
		}
	}
	t.Parallel()
	c := exec.Command(filepath.Join(projectRoot(t), "scripts", "test-image"))
	c.Env = ownEnvironment()
	output, err := c.CombinedOutput()
	t.Logf("%s", output)
	if err != nil || !strings.HasSuffix(string(output), "\nall checks held\n") {
		t.Error(err)
	}
}
