package runspec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

var digest = strings.Repeat("0123456789abcdef", 4)

func TestParseArtifactsRefuses(t *testing.T) {
	const path = `"path":"a"`
	for name, elements := range map[string]string{
		"a path twice":           `{"path":"a","size":1,"sha256":"D"},{"path":"b","size":1,"sha256":"D"},{"path":"a","size":2,"sha256":"D"}`,
		"a path twice, escaped":  `{"path":"a","size":1,"sha256":"D"},{"path":"\u0061","size":1,"sha256":"D"}`,
		"a digest in capitals":   `{` + path + `,"size":1,"sha256":"` + strings.ToUpper(digest) + `"}`,
		"a digest too short":     `{` + path + `,"size":1,"sha256":"` + digest[1:] + `"}`,
		"a digest too long":      `{` + path + `,"size":1,"sha256":"` + digest + `0"}`,
		"a digest with a prefix": `{` + path + `,"size":1,"sha256":"sha256:` + digest[7:] + `"}`,
		"a digest not hex":       `{` + path + `,"size":1,"sha256":"` + digest[1:] + `g"}`,
		"a digest empty":         `{` + path + `,"size":1,"sha256":""}`,
		"a size of 2^53":         `{` + path + `,"size":9007199254740992,"sha256":"D"}`,
		"a negative size":        `{` + path + `,"size":-1,"sha256":"D"}`,
		"a size with exponent":   `{` + path + `,"size":1e3,"sha256":"D"}`,
		"no size":                `{` + path + `,"sha256":"D"}`,
		"no path":                `{"size":1,"sha256":"D"}`,
		"no digest":              `{` + path + `,"size":1}`,
		"a field more":           `{` + path + `,"size":1,"sha256":"D","mode":"0644"}`,
		"an array":               `["a",1,"D"]`,
		"the second":             `{"path":"a","size":1,"sha256":"D"},{}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"version":1,"artifacts":[` + strings.ReplaceAll(elements, "D", digest) + `]}`
			spec, err := runspec.ParseText(text)
			if err == nil || spec != nil || !strings.Contains(err.Error(), "field artifacts") || strings.Contains(err.Error(), digest[1:20]) {
				t.Errorf("ParseText(%s) = %+v, %v", text, spec, err)
			}
		})
	}
	text := `{"version":1,"artifacts":[{"size":9007199254740991,"sha256":"` + digest + `","path":"../\n"},{"path":"..","size":0,"sha256":"` + digest + `"}]}`
	got, err := runspec.ParseText(text)
	if err != nil {
		t.Fatal(err) // whether a path is safe is not for this package to say
	}
	want := []runspec.Artifact{{Path: "../\n", Size: 1<<53 - 1, SHA256: digest}, {Path: "..", SHA256: digest}}
	if diff := cmp.Diff(want, got.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
}

func TestValidateArtifacts(t *testing.T) {
	good := runspec.Artifact{Path: "dist/a\nb", Size: 1<<53 - 1, SHA256: digest}
	for name, change := range map[string]func(*runspec.Artifact){
		"path":      func(a *runspec.Artifact) { a.Path = "" },
		"not UTF-8": func(a *runspec.Artifact) { a.Path = "a\xff" },
		"size":      func(a *runspec.Artifact) { a.Size = 1 << 53 },
		"negative":  func(a *runspec.Artifact) { a.Size = -1 },
		"digest":    func(a *runspec.Artifact) { a.SHA256 = strings.ToUpper(digest) },
		"none":      func(a *runspec.Artifact) { a.SHA256 = "" },
	} {
		spec := runspec.Spec{Version: 1, Artifacts: []runspec.Artifact{good, good}}
		if err := spec.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&spec.Artifacts[1])
		if err := spec.Validate(); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzWriteCanonical compares with what encoding/json and RFC 8785's reference make of
// a spec.
func FuzzWriteCanonical(f *testing.F) {
	for _, s := range []string{"", "a", `"artifacts":[]`, `x","artifacts":[],"y":"`, "a\"b\\\n\x00\u2028😀", "a\xff"} {
		f.Add(s, s, s, int64(len(s)), uint8(len(s)))
	}
	f.Add("dist/app.tgz", "mallory", "artifacts", int64(1<<53-1), uint8(3))
	f.Fuzz(func(t *testing.T, path, actor, input string, size int64, n uint8) {
		size &= 1<<53 - 1
		spec := &runspec.Spec{Version: 1, Actor: actor, Commands: []string{input}, Inputs: map[string]string{input: path, "artifacts": "[]"}}
		switch n % 6 {
		case 0:
			spec.Artifacts = []runspec.Artifact{}
		case 1:
		default:
			for i := range int64(n % 6) {
				spec.Artifacts = append(spec.Artifacts, runspec.Artifact{Path: path + fmt.Sprint(i), Size: size >> i, SHA256: input})
			}
		}
		type fields runspec.Spec // without its methods
		text, err := json.Marshal((*fields)(spec))
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := jcs.Transform(text)
		got, err := spec.MarshalJSON()
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("the spec is\n%s, want\n%s; errors %v, %v", got, want, err, wantErr)
		}
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := spec.WriteCanonical(&b); err != nil || b.String() != string(want) {
			t.Errorf("written is %s; error %v", b.String(), err)
		}
	})
}

// A failing is a writer that fails after n bytes.
type failing int

func (n *failing) Write(p []byte) (int, error) {
	if *n -= failing(len(p)); *n < 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

func TestWriteCanonicalErrors(t *testing.T) {
	spec := &runspec.Spec{Version: 1, Artifacts: []runspec.Artifact{{Path: "a", SHA256: digest}, {Path: "b", SHA256: digest}}}
	text, err := spec.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(text) + 1 {
		room := failing(n)
		if err := spec.WriteCanonical(&room); (err == nil) != (n == len(text)) {
			t.Errorf("with room for %d of %d bytes: %v", n, len(text), err)
		}
	}
}

// A manifest takes little memory beside its token: what is allocated in all, whenever
// it is given back, is bounded by the token's length.
func TestManifestMemory(t *testing.T) {
	const files = 20000
	spec := &runspec.Spec{Version: 1, Repository: "acme/widgets", Artifacts: make([]runspec.Artifact, files)}
	for i := range spec.Artifacts {
		spec.Artifacts[i] = runspec.Artifact{Path: fmt.Sprintf("dist/assets/%d/a-%06d-é.js", i%100, i), Size: int64(i) << 20, SHA256: digest}
	}
	private, public, _, err := jose.Generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	signing, err := jose.ParseSigningKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := jose.ParseVerifyingKeys(public, "")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1795312800, 0)
	claims := jose.Claims{Subject: spec.Subject(), IssuedAt: at, NotBefore: at, Expires: at.AddDate(10, 0, 0), Private: map[string]any{"spec": spec}}
	var token string
	allocated := func(work func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		work()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	signed := allocated(func() { token, err = jose.Sign(runspec.Manifest, signing, claims) })
	if err != nil {
		t.Fatal(err)
	}
	var got *runspec.Spec
	verified := allocated(func() {
		var opened *jose.Token
		if opened, err = jose.Verify(runspec.Manifest, verifying, token); err != nil {
			return
		}
		claim, _ := opened.Claims.Get("spec")
		got, err = runspec.Parse(claim)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, spec) {
		t.Error("the spec is another one than was signed")
	}
	// The token and the method's copy of it; and to verify its claims, three quarters
	// of it, the list and what finds a path that stands twice.
	n := uint64(len(token))
	if signed > 2*n+n/4 || verified > 3*n {
		t.Errorf("of a token of %d bytes, %d were allocated to sign it and %d to verify", n, signed, verified)
	}
}

func TestManifestForm(t *testing.T) {
	want := runspec.Token
	want.Type, want.MaxSize, want.LongArrays = "artifacts+jwt", 67108864, true
	if diff := cmp.Diff(want, runspec.Manifest); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}
