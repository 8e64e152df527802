package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/report"
)

// TestSignPipeline signs, and verifies what was signed.
func TestSignPipeline(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	if got := strings.Count(p.read("signed.yml"), "signature:"); got != 2 {
		t.Errorf("%d signatures, want 2", got)
	}
	p.wantCheck("", p.verifyingFile("signed.yml")...)
	_, stderr := p.check(p.verifyingFile("signed.yml")...)
	for _, note := range []string{
		`note: of step "test" this is not signed: key`,
		`note: of step "deploy" this is not signed: group`,
		`note: of step "deploy it" this is not signed: label, agents`,
	} {
		if !strings.Contains(stderr, note+"\n") {
			t.Errorf("no %q in %s", note, stderr)
		}
	}
	r := p.wantCheck(report.UnsignedStep, p.verifyingFile("signed.yml", "--require-unsigned-none")...)
	if len(r.failures()) != 3 || strings.Contains(stderr, "note: of step \"test\" this is not signed: agents") {
		t.Errorf("with --require-unsigned-none there is %+v", r.failures())
	}
	for _, f := range r.failures() {
		if f.File != filepath.ToSlash(p.path("signed.yml")) || f.Line < 1 || f.Column < 1 {
			t.Errorf("what is not signed has no place: %+v", f)
		}
	}
	p.write("bare.yml", "steps: [{command: make}]\n")
	p.write("bare-signed.yml", p.sign("bare.yml"))
	p.wantCheck("", p.verifyingFile("bare-signed.yml", "--require-unsigned-none")...)

	// From standard input, and to it.
	code, stdout, stderr := p.runWith(plainPipeline, p.replaced(p.signing("plain.yml"), p.path("plain.yml"), "-")...)
	if code != exitOK {
		t.Fatal(stderr)
	}
	if code, _, stderr := p.runWith(stdout, p.replaced(p.verifyingFile("signed.yml"), p.path("signed.yml"), "-")...); code != exitOK {
		t.Error(stderr)
	}
}

// TestSignInPlace replaces a file as a whole, or not at all.
func TestSignInPlace(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	in := func(name string) string { return filepath.Join("in", name) }
	if err := os.Mkdir(p.path("in"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := p.write(in("pipeline.yml"), plainPipeline)
	mode := os.FileMode(0o640)
	if runtime.GOOS == "windows" {
		mode = 0o666
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	link := in("pipeline.yml")
	if os.Symlink("pipeline.yml", p.path(in("link.yml"))) == nil {
		link = in("link.yml")
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if code, stderr := p.fails(p.signing(link, "--in-place")...); code != exitOK {
		t.Fatal(stderr)
	}
	after, err := os.Lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	if after.Mode() != mode || os.SameFile(before, after) {
		t.Errorf("the file has the mode %s and is the same: %t", after.Mode(), os.SameFile(before, after))
	}
	if p.read(in("pipeline.yml")) != p.read("signed.yml") {
		t.Error("in place of the file stands something else than is printed")
	}
	if info, err := os.Lstat(p.path(link)); err != nil || link != in("pipeline.yml") && info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v %v", info, err)
	}
	names := p.names("in")
	for _, text := range []string{"", "steps: [", "steps: [{command: echo $HOME}]", "steps: [{command: a}, {unknown: b}]"} {
		p.write(in("pipeline.yml"), text)
		p.wantFails(exitUsage, "", p.signing(link, "--in-place")...)
		if p.read(in("pipeline.yml")) != text || !slices.Equal(p.names("in"), names) {
			t.Errorf("after %q could not be signed there is %q: %q", text, p.names("in"), p.read(in("pipeline.yml")))
		}
	}
}

// TestPipelineKeys signs and verifies with keys of all kinds.
func TestPipelineKeys(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	for _, algorithm := range []string{"EdDSA", "ES512", "PS512"} {
		p.keygen(algorithm, algorithm)
		private, public := p.path(algorithm+".jwk"), p.path(algorithm+".pub.jwk")
		code, stdout, stderr := p.run(p.replaced(p.signing("plain.yml"), p.path("k.jwk"), private)...)
		if code != exitOK || !strings.Contains(stdout, "algorithm: "+algorithm+"\n") {
			t.Fatalf("%s: %d %s", algorithm, code, stderr)
		}
		p.write("by.yml", stdout)
		p.wantCheck("", p.replaced(p.verifyingFile("by.yml"), p.path("k.pub.jwk"), public)...)
		p.wantCheck(report.BadStepSignature, p.verifyingFile("by.yml")...)
	}
	// A JWKS is searched for the kid that a signature names.
	all := p.write("all.json", `{"keys":[`+p.read("PS512.pub.jwk")+","+p.read("k.pub.jwk")+`]}`)
	p.wantCheck("", p.replaced(p.verifyingFile("signed.yml"), p.path("k.pub.jwk"), all)...)
	none := p.write("none.json", `{"keys":[`+p.read("PS512.pub.jwk")+","+p.read("ES512.pub.jwk")+`]}`)
	r := p.wantCheck(report.BadStepSignature, p.replaced(p.verifyingFile("signed.yml"), p.path("k.pub.jwk"), none)...)
	if f := r.failures(); len(f) != 2 || !strings.Contains(f[0].Message, "not among those to check with") {
		t.Errorf("without the kid there is %+v", f)
	}

	for _, algorithm := range []string{"ES256", "RS256", "PS256"} {
		p.keygen(algorithm, algorithm)
		p.wantFails(exitUsage, algorithm, p.replaced(p.signing("plain.yml"), p.path("k.jwk"), p.path(algorithm+".jwk"))...)
		p.wantCheck(report.BadStepSignature, p.replaced(p.verifyingFile("signed.yml"), p.path("k.pub.jwk"), p.path(algorithm+".pub.jwk"))...)
	}
	shared := p.write("shared.json", `{"keys":[`+p.read("k.pub.jwk")+`,{"kty":"oct","alg":"HS256","kid":"s","k":"`+strings.Repeat("A", 64)+`"}]}`)
	p.wantFails(exitUsage, "shared secret", p.replaced(p.verifyingFile("signed.yml"), p.path("k.pub.jwk"), shared)...)
	secret := p.write("secret", strings.Repeat("s", 64))
	noKey := func(args []string, more ...string) []string {
		i := slices.Index(args, "--key")
		return append(slices.Delete(slices.Clone(args), i, i+2), more...)
	}
	for _, args := range [][]string{p.signing("plain.yml"), p.verifyingFile("signed.yml")} {
		p.wantFails(exitUsage, "", noKey(args, "--secret-file", secret)...)
		p.wantFails(exitUsage, map[string]string{"sign": "--keyless means nothing", "verify": "steps are signed with keys"}[args[0]], noKey(args, "--keyless")...)
		p.wantFails(exitUsage, "there is no key", noKey(args)...)
		p.wantFails(exitUsage, "", p.replaced(args, "--key", "--token-file")...)
	}
}
