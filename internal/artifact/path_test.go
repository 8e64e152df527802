package artifact_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/countersign-ci/countersign/internal/artifact"
)

var goodPaths = []string{
	"a", "dist/app.tgz", "dist/.hidden", "...", "a/..b/b..", ".a", "dist/a b", "dist/a\nb", "\n", "a\tb", "\x1b[31m", "\x7f", "\u200b", "\u202e",
	"ä", "日本語/ファイル", "\U0001f600", "dist/a:b", "lib/Foo::Bar.3pm", "-rf", "*", "[a]", "~", "$HOME", "a%2f..", "con", "dist/aux.txt", "a.", "a ",
	"a/::error::x", "\ufeff", "\ufffd", strings.Repeat("a", 4096), strings.Repeat("a/", 2047) + "ab",
}

var badPaths = map[string]string{
	"":                               "is empty",
	"/":                              "is absolute",
	"/etc/passwd":                    "is absolute",
	"//server/share":                 "is absolute",
	"..":                             "has the part ..",
	"../a":                           "has the part ..",
	"a/..":                           "has the part ..",
	"a/../b":                         "has the part ..",
	"a/b/../../../c":                 "has the part ..",
	".":                              "has the part .",
	"./a":                            "has the part .",
	"a/.":                            "has the part .",
	"a/./b":                          "has the part .",
	"a/":                             "has an empty part",
	"a//b":                           "has an empty part",
	`a\b`:                            "has a backslash",
	`..\a`:                           "has a backslash",
	`\\server\share`:                 "has a backslash",
	`\`:                              "has a backslash",
	"C:":                             "a drive",
	"c:a":                            "a drive",
	"C:/a":                           "a drive",
	"a:b/c":                          "a drive",
	"oci://ghcr.io/acme":             "a scheme",
	"file:a":                         "a scheme",
	"a\x00":                          "zero byte",
	"a\x00/../b":                     "zero byte",
	"\xff":                           "not UTF-8",
	"a/\xc0\xaf/b":                   "not UTF-8", // an overlong slash
	"\xed\xa0\x80":                   "not UTF-8", // a surrogate
	"a\u0301":                        "NFC",
	"a/o\u0308/b":                    "NFC",
	"\u212b":                         "NFC",
	"\u1100\u1161":                   "NFC", // Hangul
	"\u0f73":                         "NFC", // not in any NFC
	strings.Repeat("a", 4097):        "more than 4096 bytes",
	strings.Repeat("a/", 2048) + "b": "more than 4096 bytes",
}

func TestCheckPath(t *testing.T) {
	for _, path := range goodPaths {
		if err := artifact.CheckPath(path); err != nil {
			t.Errorf("%.50q: %v", path, err)
		}
	}
	for path, want := range badPaths {
		err := artifact.CheckPath(path)
		var e *artifact.PathError
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Reason, want) || e.Hint() == "" {
			t.Errorf("%.50q: %v, want %q", path, err, want)
			continue
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) || len(err.Error()) > 1000 {
			t.Errorf("%.50q: the error %q cannot be shown", path, err)
		}
	}
}

func TestCheckSet(t *testing.T) {
	all := slices.DeleteFunc(slices.Clone(goodPaths), func(p string) bool { return len(p) > 100 || p == "a" })
	for _, paths := range [][]string{
		nil, {}, {"a"}, all,
		{"a/b", "a/c", "A/d"}, {"a", "ab", "a-b", "a.b", "a!/b", "b/a"}, {"a.b/c", "a/b"}, {"i", "ı"}, {"ss", "ß"},
	} {
		if err := artifact.CheckSet(paths); err != nil {
			t.Errorf("%.200q: %v", paths, err)
		}
	}
	for _, test := range []struct {
		paths      []string
		path, want string
	}{
		{[]string{"b", "a", "c", "a"}, "a", "stands twice"},
		{[]string{"README", "a", "readme"}, "readme", `"README" where letter case`},
		{[]string{"dist/é", "dist/É"}, "dist/é", "letter case"},
		{[]string{"ς", "Σ"}, "ς", "letter case"},
		{[]string{"ſ", "s"}, "ſ", "letter case"}, // a long s
		{[]string{"straße", "STRAẞE"}, "straße", "letter case"},
		{[]string{"\u1e9b\u0323", "\u1e69"}, "\u1e9b\u0323", "letter case"}, // one by its small letter and NFC
		{[]string{"dist/A/x", "DIST/a/X"}, "dist/A/x", "letter case"},
		{[]string{"a", "a/b"}, "a/b", `lies below "a"`},
		{[]string{"a/b/c/d", "x", "a"}, "a/b/c/d", `lies below "a"`},
		{[]string{"A", "a-b", "a/b"}, "a/b", `lies below "A"`},
		{[]string{"a", "a!", "a-/x", "a.b", "a/b"}, "a/b", `lies below "a"`},
		{[]string{"é/b", "É"}, "é/b", `lies below "É"`},
		{[]string{"good", "../bad", "good"}, "../bad", "has the part .."},
		{[]string{"a", "b", ""}, "", "is empty"},
	} {
		err := artifact.CheckSet(test.paths)
		var e *artifact.PathError
		if !errors.As(err, &e) || e.Path != test.path || !strings.Contains(e.Reason, test.want) {
			t.Errorf("%q: %v, want %q of %q", test.paths, err, test.want, test.path)
		}
		slices.Reverse(test.paths)
		if artifact.CheckSet(test.paths) == nil {
			t.Errorf("%q holds", test.paths)
		}
	}
}

// FuzzCheckPath looks for a path that is taken and leads out of the root, or that is
// another path on some system.
func FuzzCheckPath(f *testing.F) {
	for _, path := range goodPaths {
		f.Add(path, "other")
	}
	for path := range badPaths {
		f.Add(path, "a")
	}
	f.Add("a/B", "A/b")
	f.Add("a", "a/b")
	f.Fuzz(func(t *testing.T, path, other string) {
		if artifact.CheckPath(path) != nil {
			return
		}
		parts := strings.Split(path, "/")
		for _, part := range parts {
			if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00") {
				t.Errorf("%q has the part %q", path, part)
			}
		}
		if !utf8.ValidString(path) || norm.NFC.String(path) != path || len(path) > 4096 || strings.Contains(parts[0], ":") {
			t.Errorf("%q is safe", path)
		}
		if err := artifact.CheckSet([]string{path}); err != nil {
			t.Errorf("%q alone: %v", path, err)
		}
		if artifact.CheckSet([]string{path, path}) == nil || artifact.CheckSet([]string{path + "/a", path}) == nil {
			t.Errorf("%q goes with itself or what lies below it", path)
		}
		if artifact.CheckPath(other) != nil {
			return
		}
		same := strings.EqualFold(path, other)
		below := len(other) > len(path) && strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/")
		if err := artifact.CheckSet([]string{path, other}); err == nil && (same || below) {
			t.Errorf("%q goes with %q", path, other)
		} else if err != nil && !same && !below && isASCII(path+other) && !belowFolded(path, other) {
			t.Errorf("%q does not go with %q: %v", path, other, err)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func belowFolded(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}
