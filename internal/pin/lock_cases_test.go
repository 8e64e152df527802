package pin_test

import (
	"fmt"
	"strings"
)

// A lockCase is a lockfile, and what is wrong with it that nobody has to be asked
// for: the start of the error, or rules that entries break.
type lockCase struct {
	name, text string
	err        string
	rules      []string
}

const goodLock = `version: v0.0.2
workflows:
  .github/workflows/ci.yml:
    - acme/widgets@v1.2.3
    - acme/gears@v2
dependencies:
  acme/widgets@v1.2.3:
    ref: v1.2.3
    commit: sha1-0123456789abcdef0123456789abcdef01234567
    owner_id: 123456
    repo_id: 456789
    uses:
      - acme/gears@v2
  acme/gears@v2:
    ref: v2.2.2
    commit: sha1-0123456789abcdef0123456789abcdef01234567
    owner_id: 123456
    repo_id: 456789
`

// changed returns the good lockfile with other text in the place of some.
func changed(old, new string) string {
	if !strings.Contains(goodLock, old) {
		panic("the good lockfile has no " + old)
	}
	return strings.Replace(goodLock, old, new, 1)
}

// bomb returns items of a sequence of which each stands for the one before it
// several times, as an item says in which %[1]s is the name of an anchor.
func bomb(levels int, first, item string) string {
	items := []string{"&a0 " + first}
	for i := 1; i < levels; i++ {
		items = append(items, fmt.Sprintf("&a%d ", i)+fmt.Sprintf(item, fmt.Sprintf("a%d", i-1)))
	}
	return strings.Join(items, ", ")
}

var locks = []lockCase{
	{name: "good", text: goodLock},
	{name: "CRLF", text: strings.ReplaceAll(goodLock, "\n", "\r\n")},
	{name: "no workflow", text: "version: v0.0.2\n"},
	{name: "null", text: "version: v0.0.2\nworkflows:\ndependencies: null\n"},
	{name: "a workflow that uses nothing", text: "version: v0.0.2\nworkflows:\n  a.yml: []\n"},
	{name: "other case", text: changed("    - acme/widgets@v1.2.3", "    - Acme/Widgets@v1.2.3")},
	{name: "a digest is named", text: strings.ReplaceAll(goodLock, "acme/gears@v2", "acme/gears@0123456789abcdef0123456789abcdef01234567")},

	{name: "empty", text: "", err: "the lockfile is not one mapping"},
	{name: "a list", text: "[]", err: "the lockfile is not one mapping"},
	{name: "two documents", text: goodLock + "---\n" + goodLock, err: "the lockfile is not one mapping"},
	{name: "no YAML", text: "a: b: c", err: "it is no YAML"},
	{name: "no version", text: changed("version: v0.0.2\n", ""), err: "the lockfile cannot be read: it names no version"},
	{name: "a newer version", text: changed("v0.0.2", "v0.0.3"), err: `the lockfile cannot be read: its version is "v0.0.3"`},
	{name: "two versions", text: goodLock + "version: v0.0.2\n", err: `the lockfile cannot be read: "version" stands there twice`},
	{name: "an unknown key", text: goodLock + "extra: 1\n", err: `the lockfile cannot be read: it has an unknown key "extra"`},
	{name: "an unknown key of an entry", text: goodLock + "    integrity: x\n", err: `the lockfile cannot be read: the entry "acme/gears@v2" has an unknown key "integrity"`},
	{name: "an entry twice", text: goodLock + "  acme/gears@v2: {}\n", err: `the lockfile cannot be read: "acme/gears@v2" stands there twice`},
	{name: "an entry twice in another case", text: goodLock + "  Acme/Gears@v2: {}\n", err: `the lockfile cannot be read: "Acme/Gears@v2" stands there twice`},
	{name: "a field twice", text: goodLock + "    ref: v2\n", err: `the lockfile cannot be read: "ref" stands there twice`},
	{name: "no ref", text: changed("    ref: v1.2.3\n", ""), err: `the lockfile cannot be read: the entry "acme/widgets@v1.2.3" has no ref`},
	{name: "no owner", text: changed("    owner_id: 123456\n", ""), err: `the lockfile cannot be read: the entry "acme/widgets@v1.2.3" lacks the id`},
	{name: "an id of zero", text: changed("repo_id: 456789", "repo_id: 0"), err: "the lockfile cannot be read: an id is no number"},
	{name: "an id that is none", text: changed("repo_id: 456789", "repo_id: 0x6F855"), err: "the lockfile cannot be read: an id is no number"},
	{name: "an entry that is none", text: changed("acme/widgets@v1.2.3:", "acme/widgets:"), err: `the lockfile cannot be read: "acme/widgets" is no owner/name@ref`},
	{name: "an entry with a path", text: changed("acme/widgets@v1.2.3:", "acme/widgets/sub@v1.2.3:"), err: `the lockfile cannot be read: "acme/widgets/sub@v1.2.3" is no owner/name@ref`},
	{name: "uses that is no list", text: changed("uses:\n      - acme/gears@v2", "uses: acme/gears@v2"), err: `the lockfile cannot be read: what "acme/widgets@v1.2.3" uses is no list`},
	{name: "a workflow that is no list", text: "version: v0.0.2\nworkflows: {a.yml: acme/widgets@v1}\n", err: `the lockfile cannot be read: the list of "a.yml" is none`},
	{name: "workflows that are none", text: "version: v0.0.2\nworkflows: [a.yml]\n", err: "the lockfile cannot be read: a mapping is expected"},
	{name: "a key that is no text", text: "version: v0.0.2\n[a]: b\n", err: "the lockfile cannot be read: a text is expected"},
	{name: "aliases that stand for too much", text: "version: v0.0.2\nworkflows: {<<: [" + bomb(40, "{a.yml: []}", "{<<: [*%[1]s, *%[1]s]}") + "]}\n", err: "it is no YAML that can be read"},

	{name: "no entry", text: goodLock[:strings.Index(goodLock, "  acme/gears@v2:")], rules: []string{"unpinned", "unpinned"}},
	{name: "no entry for what an action uses", text: changed("      - acme/gears@v2", "      - acme/gears@v3"), rules: []string{"unpinned"}},
	{name: "no commit", text: changed("    commit: sha1-0123456789abcdef0123456789abcdef01234567\n", ""), rules: []string{"malformed-digest"}},
	{name: "no algorithm", text: changed("sha1-", ""), rules: []string{"malformed-digest"}},
	{name: "another algorithm", text: changed("sha1-", "sha256-"), rules: []string{"malformed-digest"}},
	{name: "a short commit", text: changed("01234567\n", "0123456\n"), rules: []string{"short-digest"}},
	{name: "seven digits", text: changed("sha1-0123456789abcdef0123456789abcdef01234567", "sha1-0123456"), rules: []string{"short-digest"}},
	{name: "a long commit", text: changed("01234567\n", "012345678\n"), rules: []string{"malformed-digest"}},
	{name: "64 digits", text: changed("sha1-", "sha1-0123456789abcdef01234567"), rules: []string{"malformed-digest"}},
	{name: "capitals", text: changed("abcdef", "ABCDEF"), rules: []string{"malformed-digest"}},
	{name: "a ref that is another commit", text: changed("ref: v1.2.3", "ref: 1123456789abcdef0123456789abcdef01234567"), rules: []string{"digest-mismatch"}},
	{name: "another digest is named", text: strings.ReplaceAll(goodLock, "acme/gears@v2", "acme/gears@1123456789abcdef0123456789abcdef01234567"), rules: []string{"digest-mismatch"}},
}
