package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// allBuilt are the entries of the files that are built, in the order of paths.
func allBuilt() []runspec.Artifact {
	return []runspec.Artifact{listed("app.tgz", "app"), listed("lib/a.so", "library a"), listed("lib/b.so", "library b")}
}

func TestSignManifest(t *testing.T) {
	a := newArtifactTest(t)
	a.onRunner("build.yml")
	a.sign()
	if text := a.read("m"); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("the file is %q", text)
	}
	if info, err := os.Stat(a.path("m")); err != nil || info.Mode() != 0o644 && runtime.GOOS != "windows" {
		t.Errorf("the file's mode is %v %v", info.Mode(), err)
	}
	typ, claims, spec := a.inspected("--token-file", a.path("m"))
	if typ != "artifacts+jwt" || claims["iss"] != widgetsRepository || claims["aud"] != widgetsRepository || claims["sub"] != "acme/widgets@"+otherSHA ||
		claims["exp"] != 253402300799.0 || claims["iat"] != float64(a.now.Unix()) || claims["nbf"] != claims["iat"] {
		t.Errorf("the token is a %s with %v", typ, claims)
	}
	want := &runspec.Spec{
		Version: 1, Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456", Ref: "refs/heads/main", SHA: otherSHA,
		Workflow: ".github/workflows/build.yml", Artifacts: allBuilt(), Signer: &runspec.Signer{
			Repository: "acme/widgets", WorkflowRef: "acme/widgets/.github/workflows/build.yml@refs/heads/main", RunID: "42", RunAttempt: 1, Actor: "octocat", SHA: otherSHA,
		},
	}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Errorf("the spec (-want +got):\n%s", diff)
	}
	// What a flag gives is signed nevertheless.
	a.sign("--actor", "hubot", "--actor-id", "1", "--event", "release", "--inputs", `{"reason":"x"}`)
	if _, _, spec = a.inspected("--token-file", a.path("m")); spec.Actor != "hubot" || spec.ActorID != "1" || spec.Event != "release" || spec.Inputs["reason"] != "x" {
		t.Errorf("the spec is %+v", spec)
	}
	a.sign("--actor", "hubot")
	if _, _, spec = a.inspected("--token-file", a.path("m")); spec.Actor != "hubot" || spec.ActorID != "" {
		t.Errorf("the spec is %+v", spec)
	}
	a.put("spec.json", `{"version":1,"event":"push","actor":"hubot","inputs":{"reason":"x"}}`)
	a.sign("--spec", a.path("spec.json"))
	if _, _, spec = a.inspected("--token-file", a.path("m")); spec.Actor != "hubot" || spec.Event != "push" || spec.Inputs["reason"] != "x" {
		t.Errorf("the spec is %+v", spec)
	}
}

func TestSignManifestTTL(t *testing.T) {
	a := newArtifactTest(t)
	for ttl, want := range map[string]time.Duration{"1s": time.Second, "10m": 10 * time.Minute, "87600h": 87600 * time.Hour, "2562047h": 2562047 * time.Hour} {
		a.sign("--ttl", ttl)
		if _, claims, _ := a.inspected("--token-file", a.path("m")); claims["exp"] != float64(a.now.Add(want).Unix()) {
			t.Errorf("with --ttl %s it expires at %v", ttl, claims["exp"])
		}
	}
	for _, ttl := range []string{"0", "-1h", "999ms"} {
		if stderr := a.fails(exitUsage, "a manifest cannot be valid for", a.signing("--ttl", ttl)...); strings.Contains(stderr, "24h") {
			t.Error(stderr)
		}
	}
	a.fails(exitUsage, "a token cannot be valid for", a.signing("--kind", "run", "--actor", "octocat", "--ttl", "87600h")...)
}

// TestSignManifestOut has the file with the token be none of the artifacts, whether it
// is there or not, and be written as a whole or not at all.
func TestSignManifestOut(t *testing.T) {
	a := newArtifactTest(t)
	for range 2 {
		a.sign("--out", a.path("root/dist.countersign"))
		if _, _, spec := a.inspected("--token-file", a.path("root/dist.countersign")); !slices.Equal(spec.Artifacts, allBuilt()) {
			t.Errorf("artifacts are %v", spec.Artifacts)
		}
	}
	before := a.tree("root")
	a.fails(exitUndecided, "a file cannot be written", a.signing("--out", a.path("root/lib"))...)
	a.fails(exitUndecided, "a file cannot be written", a.signing("--out", a.path("none/m"))...)
	a.fails(exitUsage, "hint: ", a.signing("--artifacts", "[", "--out", a.path("root/dist.countersign"))...)
	a.wantTree("root", before)

	a.remove("root/dist.countersign")
	code, stdout, stderr := a.run(a.signing()...)
	if code != exitOK || strings.Count(stdout, ".") != 2 || strings.Count(stdout, "\n") != 1 {
		t.Errorf("without --out it ended with %d: %q %s", code, stdout, stderr)
	}
	if code, dash, _ := a.run(a.signing("--out", "-")...); code != exitOK || strings.Count(dash, ".") != 2 {
		t.Errorf("with --out - it ended with %d: %q", code, dash)
	}
	a.wantTree("root", built)
	for _, out := range []string{"", a.path("m")} {
		code, stdout, _ = a.run(a.signing("--json", "--out", out)...)
		var shown struct {
			Token, Jti string
			Spec       runspec.Spec
			Expires    string `json:"expires_at"`
		}
		if err := json.Unmarshal([]byte(stdout), &shown); err != nil || code != exitOK {
			t.Fatal(err, stdout)
		}
		if shown.Expires != "9999-12-31T23:59:59Z" || !slices.Equal(shown.Spec.Artifacts, allBuilt()) || shown.Jti == "" || strings.Count(shown.Token, ".") != 2 {
			t.Errorf("it printed %s", stdout)
		}
		if out != "" && a.read("m") != shown.Token+"\n" {
			t.Error("the file has another token than was printed")
		}
	}
}

// TestSignManifestOutputs looks at what the Action gets.
func TestSignManifestOutputs(t *testing.T) {
	a := newArtifactTest(t)
	a.env["GITHUB_OUTPUT"], a.env["GITHUB_STEP_SUMMARY"] = a.path("output"), a.path("summary")
	outputs := func() map[string]string {
		t.Helper()
		values := map[string]string{}
		lines := strings.Split(a.read("output"), "\n")
		for i := 0; i+2 < len(lines); i += 3 {
			name, _, _ := strings.Cut(lines[i], "<<")
			values[name] = lines[i+1]
		}
		a.remove("output")
		return values
	}
	a.sign()
	if o := outputs(); o["token"] != "" || !strings.Contains(o["spec"], `"path":"app.tgz"`) || o["jti"] == "" || o["expires-at"] != "9999-12-31T23:59:59Z" {
		t.Errorf("with --out the outputs are %q", o)
	}
	if summary := a.read("summary"); !strings.Contains(summary, "| artifacts | 3 |") || strings.Contains(summary, "eyJ") {
		t.Errorf("the summary is %s", summary)
	}
	_, stdout, _ := a.run(a.signing()...)
	if o := outputs(); o["token"]+"\n" != stdout {
		t.Errorf("without --out the outputs are %q", o)
	}
	// Nothing half-written is left as an output either.
	a.fails(exitUndecided, "", a.signing("--out", a.path("none/m"))...)
	if o := outputs(); o["spec"] != "" || o["jti"] != "" {
		t.Errorf("of what failed the outputs are %q", o)
	}
	for i := range 6000 {
		a.put("root/many/"+strings.Repeat("x", 20)+string(rune('a'+i%26))+time.Unix(int64(i), 0).UTC().Format("150405"), "")
	}
	code, _, stderr := a.run(a.signing("--out", a.path("m"))...)
	if o := outputs(); code != exitOK || o["spec"] != "" || o["spec-digest"] == "" || !strings.Contains(stderr, "note: the output spec is left empty") {
		t.Errorf("of a long list the outputs are %.2000q: %s", o, stderr)
	}
	a.env["INPUT_MODE"] = "sign"
	a.env["INPUT_KEY"] = a.path("k.jwk")
	a.fails(exitUsage, "hint: give `out`", slices.DeleteFunc(a.signing(), func(s string) bool { return s == "--key" || s == a.path("k.jwk") })...)
	if o := outputs(); o["token"] != "" || o["jti"] != "" {
		t.Errorf("of a token that is too large the outputs are %.2000q", o)
	}
}

func TestSignManifestFiles(t *testing.T) {
	a := newArtifactTest(t)
	image := "ghcr.io/acme/widgets@sha256:" + strings.Repeat("0123456789abcdef", 4)
	base := func(args ...string) []string {
		return slices.Concat([]string{"sign", "--kind", "artifacts", "--key", a.path("k.jwk"), "--out", a.path("m")}, a.away(), args)
	}
	root := []string{"--root", a.path("root")}
	for _, test := range []struct {
		name string
		args []string
		want []string // paths, or what is said where it is refused
		code int
	}{
		{"one glob", []string{"--artifacts", "lib/*.so"}, []string{"lib/a.so", "lib/b.so"}, exitOK},
		{"several globs", []string{"--artifacts", "lib/b*", "--artifacts", "*.tgz", "--artifacts", "**/b.so"}, []string{"app.tgz", "lib/b.so"}, exitOK},
		{"a name", []string{"--artifacts", "app.tgz"}, []string{"app.tgz"}, exitOK},
		{"an image alone", []string{"--image", image}, []string{"oci://ghcr.io/acme/widgets"}, exitOK},
		{"an image and files", []string{"--image", image, "--artifacts", "*"}, []string{"app.tgz", "oci://ghcr.io/acme/widgets"}, exitOK},
		{"nothing", nil, []string{"--root is about artifacts", "hint: give --artifacts"}, exitUsage},
		{"no match", []string{"--artifacts", "*.zip"}, []string{"no file matches --artifacts", "relative to --root"}, exitUsage},
		{"one of two matches", []string{"--artifacts", "*.zip", "--artifacts", "*.tgz"}, []string{"app.tgz"}, exitOK},
		{"a folder", []string{"--artifacts", "lib"}, []string{"no file matches"}, exitUsage},
		{"an absolute glob", []string{"--artifacts", "/etc/*"}, []string{"begins with a slash"}, exitUsage},
		{"a glob that leaves", []string{"--artifacts", "../*"}, []string{"has a part that no path has"}, exitUsage},
		{"a bad glob", []string{"--artifacts", "a[b"}, []string{"is malformed"}, exitUsage},
		{"an image by tag", []string{"--image", "ghcr.io/acme/widgets:v1"}, []string{"--image: ", "names no image by its digest", "hint: write it as"}, exitUsage},
		{"an image with another digest", []string{"--image", "ghcr.io/acme/widgets@sha512:" + strings.Repeat("0", 128)}, []string{"names no image"}, exitUsage},
		{"an image with a path", []string{"--image", "../x@sha256:" + strings.Repeat("0", 64)}, []string{"names no image"}, exitUsage},
		{"an image twice", []string{"--image", image, "--image", image}, []string{"stands twice"}, exitUsage},
		{"a run to start", []string{"--artifacts", "**", "--dispatch", "deploy.yml"}, []string{"a manifest starts no run", "hint: leave out --dispatch"}, exitUsage},
		{"no such root", []string{"--root", a.path("none"), "--artifacts", "**"}, []string{"cannot be opened as a folder"}, exitUsage},
		{"a file as root", []string{"--root", a.path("root/app.tgz"), "--artifacts", "**"}, []string{"cannot be opened as a folder"}, exitUndecided},
		{"another kind", []string{"--kind", "other", "--artifacts", "**"}, []string{"--kind"}, exitUsage},
		{"another format", []string{"--format", "buildkite", "--artifacts", "**"}, []string{"means nothing with --format buildkite"}, exitUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := *a
			a.t = t
			code, stdout, stderr := a.run(base(append(slices.Clone(root), test.args...)...)...)
			if code != test.code || stdout != "" {
				t.Fatalf("it ended with %d: %q %s", code, stdout, stderr)
			}
			if code != exitOK {
				for _, want := range test.want {
					if !strings.Contains(stderr, want) {
						t.Errorf("it says %q, want %q", stderr, want)
					}
				}
				return
			}
			_, _, spec := a.inspected("--token-file", a.path("m"))
			var paths []string
			for _, artifact := range spec.Artifacts {
				paths = append(paths, artifact.Path)
			}
			if !slices.Equal(paths, test.want) {
				t.Errorf("artifacts are %q, want %q", paths, test.want)
			}
		})
	}
	a.fails(exitUsage, "hint: give --sha", slices.Replace(a.signing(), slices.Index(a.signing(), "--sha"), slices.Index(a.signing(), "--sha")+2)...)
	a.fails(exitUsage, "hint: give --repository", slices.Replace(a.signing(), slices.Index(a.signing(), "--repository"), slices.Index(a.signing(), "--repository")+2)...)
	a.fails(exitUsage, "there are none", base("--root", ".")...)
	a.fails(exitUsage, "--root is about artifacts", append(base("--kind", "run", "--actor", "octocat"), root...)...)
}

// TestSignRunWithArtifacts puts a list into the token of a run, and one that is too
// large into a file that the token lists.
func TestSignRunWithArtifacts(t *testing.T) {
	a := newArtifactTest(t)
	for _, path := range []string{"../../etc/passwd", "app.tgz\"}, {\"size\": 1, \"sha256\": \"" + strings.Repeat("a", 64) + "\", \"path\": \"APP.tgz"} {
		a.put("spec.json", `{"version": 1, "artifacts": [{"size": 1, "sha256": "`+strings.Repeat("a", 64)+`", "path": "`+path+`"}]}`)
		a.fails(exitUsage, "the path", "sign", "--key", a.path("k.jwk"), "--issuer", "https://github.com/acme/widgets", "--repository", "acme/widgets",
			"--sha", otherSHA, "--actor", "octocat", "--spec", a.path("spec.json"))
	}
	run := func(args ...string) []string {
		return append(a.signing("--kind", "run", "--actor", "octocat", "--out", a.path("run.jwt")), args...)
	}
	check := func(args ...string) []string {
		return a.verifying(append([]string{"--check", "token,artifacts", "--expect", "actor=octocat", "--token-file", a.path("run.jwt")}, args...)...)
	}
	code, _, stderr := a.run(run()...)
	if typ, _, spec := a.inspected("--token-file", a.path("run.jwt")); code != exitOK || typ != "run-spec+jwt" || spec.Actor != "octocat" || !slices.Equal(spec.Artifacts, allBuilt()) {
		t.Errorf("the run's token is %s %+v: %s", typ, spec, stderr)
	}
	if r, stderr := a.check(check()...); !r.OK {
		t.Error(stderr)
	}
	a.put("root/app.tgz", "APP")
	if r, _ := a.check(check()...); r.Failure != "artifact-changed" {
		t.Errorf("it failed with %q", r.Failure)
	}
	a.remove("root/app.tgz")
	for i := range 800 {
		a.put("root/many/"+time.Unix(int64(i), 0).UTC().Format("150405"), "")
	}
	a.fails(exitUsage, "hint: sign the list on its own, with --kind artifacts --out FILE, and list that FILE in the token of the run", run()...)
	a.put("manifest/dist.countersign", "")
	a.sign("--out", a.path("manifest/dist.countersign"))
	if code, _, stderr := a.run(run("--root", a.path("manifest"))...); code != exitOK {
		t.Fatal(stderr)
	}
	chain := func(rule string) {
		t.Helper()
		r, stderr := a.check(check("--root", a.path("manifest"))...)
		if r.Failure != rule {
			t.Errorf("it failed with %q, want %q: %s", r.Failure, rule, stderr)
		}
	}
	chain("")
	a.wantCheck(nil, "--token-file", a.path("manifest/dist.countersign"))
	a.sign("--out", a.path("manifest/dist.countersign"))
	chain("artifact-changed")
}

// TestSignManifestKeepsFile leaves a file as it was where nothing is signed.
func TestSignManifestKeepsFile(t *testing.T) {
	a := newArtifactTest(t)
	a.put("m", "before")
	a.put("root/u\u0308", "")
	a.fails(exitUsage, "not in Unicode's form NFC", a.signing("--out", a.path("m"))...)
	if a.read("m") != "before" {
		t.Error("the file was changed")
	}
	names, err := filepath.Glob(a.path(".countersign-*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left are %q %v", names, err)
	}
}
