package pin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/pin"
)

func TestLower(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{
			"sha1", "pipeline.yml",
			"steps:\n  - plugins:\n      - docker#v1.0.0@git-sha1:SHA1: # keep\n          image: x@git-sha1:SHA1\n",
			"steps:\n  - plugins:\n      - docker#SHA1: # keep\n          image: x@git-sha1:SHA1\n",
		},
		{"sha256", "pipeline.yml", "steps: [{plugins: [docker#v1@git-sha256:SHA256, 'docker@git-sha1:SHA1']}]", "steps: [{plugins: [docker#SHA256, 'docker#SHA1']}]"},
		{
			"group, quotes, CRLF", "pipeline.yml",
			"steps:\r\n- group: g\r\n  steps:\r\n  - plugins: {\"docker#v1@git-sha1:SHA1\": ~}\r\n",
			"steps:\r\n- group: g\r\n  steps:\r\n  - plugins: {\"docker#SHA1\": ~}\r\n",
		},
		{"other forms stay", "pipeline.yml", "steps: [{plugins: [docker#v1, docker#SHA1, ./x, 'docker#v1@git-sha1:abc']}] # v1", ""},
		{"another server", "pipeline.yml", "steps: [{plugins: ['git@git.example.com:a/b.git#v1@git-sha1:SHA1']}]", "steps: [{plugins: ['git@git.example.com:a/b.git#SHA1']}]"},
		{"Markdown", "README.md", "`docker#v1@git-sha1:SHA1` docker#v1@git-sha1:SHA1", "`docker#SHA1` docker#v1@git-sha1:SHA1"},
		{"nothing", "pipeline.yml", "steps: []\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			digests := strings.NewReplacer("SHA256", sha256Digest, "SHA1", sha1Digest)
			text, want := digests.Replace(c.text), digests.Replace(c.want)
			if want == "" {
				want = text
			}
			f, err := pin.Find(c.file, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := pin.Lower(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			sameBytes(t, c.file, []byte(text), got)
			if c.file == "pipeline.yml" {
				sameYAML(t, c.file, []byte(text), got)
				samePipeline(t, c.file, []byte(text), got)
			}
		})
	}
}

// A digest that cannot be exchanged where it stands is refused: an agent that
// knows no digests would not check it.
func TestLowerNoRoom(t *testing.T) {
	for _, text := range []string{
		`steps: [{plugins: ["docker\x23v1@git-sha1:` + sha1Digest + `"]}]`,
		"steps:\n- plugins:\n  - >-\n    docker#v1@git-sha1:" + sha1Digest + "\n",
	} {
		f, err := pin.Find("pipeline.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := pin.Lower(f)
		var room *pin.RoomError
		if !errors.As(err, &room) || room.Hint() == "" || got != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestParseRemote(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/widgets":          "acme/widgets",
		"https://github.com/acme/widgets.git":      "acme/widgets",
		"https://x:y@GitHub.com/acme/widgets.git/": "acme/widgets",
		"git@github.com:acme/widgets.git":          "acme/widgets",
		"github.com:acme/widgets":                  "acme/widgets",
		"ssh://git@github.com/acme/widgets.git":    "acme/widgets",

		"": "", "acme/widgets": "", "github.com/acme/widgets": "", "/srv/git/widgets": "", "../widgets": "",
		"https://git.example.com/acme/widgets": "", "https://github.com/acme": "", "https://github.com/acme/..": "",
		"file:///srv/acme/widgets": "", "https://github.com.example.com/acme/widgets": "", "https://%zz/acme/widgets": "",
	} {
		got := pin.ParseRemote(remote, "github.com")
		if got.String() != want && (want != "" || got != (pin.Repository{})) {
			t.Errorf("%q is %q, want %q", remote, got, want)
		}
	}
}
