package artifact_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/runspec"
)

var (
	digest = strings.Repeat("0123456789abcdef", 4)
	other  = strings.Repeat("fedcba9876543210", 4)
)

func TestParseImage(t *testing.T) {
	for ref, path := range map[string]string{
		"ghcr.io/acme/widgets":           "oci://ghcr.io/acme/widgets",
		"localhost:5000/widgets":         "oci://localhost:5000/widgets",
		"ghcr.io/acme/widgets:v1.2.0":    "oci://ghcr.io/acme/widgets:v1.2.0",
		"widgets":                        "oci://widgets",
		"127.0.0.1:5000/acme/a_b/c-d:v1": "oci://127.0.0.1:5000/acme/a_b/c-d:v1",
	} {
		got, err := artifact.ParseImage(ref + "@sha256:" + digest)
		want := runspec.Artifact{Path: path, SHA256: digest}
		if diff := cmp.Diff(want, got); diff != "" || err != nil || !artifact.IsImage(got) {
			t.Errorf("%s (-want +got):\n%s\nerror %v", ref, diff, err)
		}
		if err := artifact.CheckPath(got.Path); err == nil {
			t.Errorf("a file can have the path of an image, %q", got.Path)
		}
		if err := artifact.CheckManifest([]runspec.Artifact{got, {Path: "a", SHA256: digest}}); err != nil {
			t.Error(err)
		}
	}
	for _, ref := range []string{
		"", "widgets", "widgets:v1", "@sha256:" + digest, "widgets@sha256:" + digest[1:], "widgets@sha256:" + digest + "0", "widgets@sha512:" + digest,
		"widgets@sha256:" + strings.ToUpper(digest), "widgets@" + digest, "../widgets@sha256:" + digest, "a/../b@sha256:" + digest, "a//b@sha256:" + digest,
		"/a@sha256:" + digest, "a/@sha256:" + digest, "a\n@sha256:" + digest, "a@sha256:" + digest + "\n", "a@b@sha256:" + digest, "oci://a@sha256:" + digest,
		"a b@sha256:" + digest, "ä@sha256:" + digest, "a:@sha256:" + digest, strings.Repeat("a", 513) + "@sha256:" + digest,
	} {
		got, err := artifact.ParseImage(ref)
		var e *artifact.ImageError
		if !errors.As(err, &e) || e.Hint() == "" || got != (runspec.Artifact{}) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is %+v, error %v", ref, got, err)
		}
	}
}

func TestCheckManifest(t *testing.T) {
	file := func(path string) runspec.Artifact { return runspec.Artifact{Path: path, SHA256: digest} }
	image := file("oci://ghcr.io/acme/widgets")
	for want, manifest := range map[string][]runspec.Artifact{
		"lists nothing":         {},
		"stands twice":          {image, file("a"), image},
		`"a" stands twice`:      {file("a"), image, file("a")},
		"letter case":           {file("a"), image, file("A")},
		`lies below "a"`:        {file("a/b"), image, file("a")},
		"has the part ..":       {file("a"), file("../a")},
		`"oci://" names no`:     {file("a"), file("oci://")},
		`"oci://../a" names no`: {file("oci://../a")},
		`"oci://sized" names`:   {{Path: "oci://sized", Size: 1, SHA256: digest}},
		`"oci://short" names`:   {{Path: "oci://short", SHA256: digest[1:]}},
		"a drive or a scheme":   {file("oci:/a")},
	} {
		if err := artifact.CheckManifest(manifest); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", manifest, err, want)
		}
	}
	if err := artifact.CheckManifest([]runspec.Artifact{image}); err != nil {
		t.Error(err)
	}
	manifest := []runspec.Artifact{file("b"), image, file("../x"), file("a"), file("oci://"), file("")}
	if diff := cmp.Diff([]string{"b", "a"}, artifact.Files(manifest)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestMatcher(t *testing.T) {
	match, err := artifact.Matcher([]string{"dist/**", "*.log", "{a,b}/[*]"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"dist/a": true, "dist/a/b": true, "dist/.hidden/x": true, "a.log": true, "a/*": true, "b/*": true, "dist/a\nb": true, "dist/\xff": true,
		"a/a.log": false, "a/x": false, "distant": false, "c/*": false, "Dist/a": false, "": false,
	} {
		if match(path) != want {
			t.Errorf("%q matches: %t, want %t", path, !want, want)
		}
	}
	none, err := artifact.Matcher(nil)
	if err != nil || none("a") {
		t.Errorf("no glob matches; error %v", err)
	}
	for _, glob := range []string{
		"", "/a", "./a", "a/", "a//b", "../a", "a/../b", "a/./b", "{../a,b}", ".", "..", `a\b`, `\*`, "[a", "{a", "a}", "[]", "a/{b,.}",
	} {
		_, err := artifact.Matcher([]string{"**", glob})
		var e *artifact.GlobError
		if !errors.As(err, &e) || e.Glob != glob || e.Hint() == "" {
			t.Errorf("the glob %q: %v", glob, err)
		}
	}
	for _, glob := range []string{"**", "a", ".hidden", "a.b/..c", "...", "a?/[!b]*"} {
		if _, err := artifact.Matcher([]string{glob}); err != nil {
			t.Error(err)
		}
	}
}
