package config_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/countersign-ci/countersign/internal/config"
)

func ExampleParse() {
	c, err := config.Parse(".github/countersign.yml", []byte(`
files: [README.md]
min-age: 7d
deny:
  owners: [hubot]
exceptions:
  - repository: acme/legacy-*
    rule: unpinned
    reason: moves to v3 in spring
    until: 2027-03-31
updates:
  - path: docs/*.md
    pattern: 'acme/widgets@(v[0-9.]+)'
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// What the file gives to flags.
	fmt.Println(c.Flag("min-age"))
	fmt.Println(c.Flag("style"))

	// What may be used.
	fmt.Println(c.Refusal("github.com", "hubot", "widgets"))

	// What only warns.
	lastDay := time.Date(2027, 3, 31, 23, 0, 0, 0, time.UTC)
	fmt.Println(c.Exceptions[0].Covers("acme/legacy-api", "unpinned", lastDay))
	fmt.Println(c.Exceptions[0].Covers("acme/legacy-api", "unpinned", lastDay.Add(time.Hour)))

	// What follows the newest release.
	fmt.Println(c.Updates[0].Matches("docs/install.md"), c.Updates[0].Find([]byte("uses: acme/widgets@v1.2.3")))
	// Output:
	// [7d] true
	// [] false
	// "hubot" is denied by "hubot" in deny.owners
	// true
	// false
	// true [[19 25]]
}

func ExampleError() {
	_, err := config.Parse(".github/countersign.yml", []byte("style: commit\nrequir-digest: true\n"))
	var e *config.Error
	if errors.As(err, &e) {
		fmt.Println("error:", e)
		fmt.Println("hint:", e.Hint())
	}
	// Output:
	// error: .github/countersign.yml:2:1: there is no key "requir-digest"; did you mean "require-digest"?
	// hint: there are files, style, update, min-age, require-branch, require-digest, vendored, allow, deny, exceptions and updates
}
