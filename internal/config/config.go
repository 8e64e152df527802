// Package config reads the files in which a repository says how its pins are
// checked: .github/countersign.yml and, of another tool, .github/boomper.yml. And
// it reads the file in which the owner of a worker says which jobs may start
// there, which [ParseHook] describes.
//
// A fourth one says which files belong to which stack of Spacelift, so that a push
// starts runs of the stacks that it touched and of no other. [ParseStacks] describes
// it.
//
// A .github/countersign.yml has these keys, all of which may be left out:
//
//	# yaml-language-server: $schema=https://raw.githubusercontent.com/countersign-ci/countersign/main/internal/config/countersign.schema.json
//	files:                    # what is checked, in place of the default files
//	  - README*.md
//	  - .github/workflows/*.{yml,yaml}
//	style: commit             # how plugins are pinned: commit or git-sha1
//	update: minor             # how far versions may move: none, patch, minor, major or latest
//	min-age: 7d               # how old a version must be to be moved to
//	require-branch: true      # refuse a commit that only a tag holds
//	require-digest: true      # false: a tag without a digest passes
//	vendored: allow           # deny: refuse plugins at a local path
//	allow:                    # these alone
//	  hosts: [github.com]
//	  owners: [acme, "buildkite-*"]
//	  repositories: ["octocat/hello-*"]
//	deny:                     # not these, even where they are allowed
//	  owners: [hubot]
//	exceptions:               # findings that only warn
//	  - repository: acme/legacy-*
//	    rule: unpinned        # left out: every rule that can be excepted
//	    reason: moves to v3 in spring
//	    until: 2027-03-31     # the last day on which it counts, in UTC
//	updates:                  # versions in any text that follow the newest release
//	  - path: docs/*.md
//	    pattern: 'acme/widgets@(v[0-9.]+)'
//
// A file and a path are globs: * and ? do not go over /, ** does, [a-z] is one
// character of a class and {yml,yaml} one of several texts. They start at the
// root of the repository. In hosts, owners and repositories only * is special;
// it does not go over /, and case in ASCII does not count.
//
// What has to be met by a repository under allow: its host is one of the hosts;
// and its owner is one of the owners or it is one of the repositories. A list
// that is left out asks for nothing. Under deny any match in any list is enough.
//
// A pattern is a regular expression as in RE2, with one capturing group that
// matches the version and nothing else.
//
// Whoever changes a workspace changes the file in it, so it has no say in what
// is trusted: keys, tokens, issuers and the like are refused by name. It is read
// strictly, for a limit that is misspelt is no limit: refused are unknown keys
// and values, keys that stand twice or have no value, anchors, aliases, tags,
// tabs, a second document, and more than 256 KiB.
package config

import (
	_ "embed" // for the schema
	"strconv"
)

// Schema is the JSON schema (draft 2020-12) of .github/countersign.yml, for
// editors. What the schema refuses, [Parse] refuses too.
//
//go:embed countersign.schema.json
var Schema []byte

// A Config is what a file says. The zero value is that of an empty file.
type Config struct {
	Files         []string // globs; empty: the default files
	Style         string   // commit or git-sha1; empty: not given
	Update        string   // none, patch, minor, major or latest; empty: not given
	MinAge        string   // of the form that [ParseDuration] takes; empty: not given
	RequireBranch *bool    // nil: not given

	AllowTags    bool // a tag without a digest passes
	DenyVendored bool // a plugin at a local path is refused
	Allow, Deny  List
	Exceptions   []Exception
	Updates      []Update
}

// Parse reads a .github/countersign.yml. name is what errors call it; they are
// of type *Error.
func Parse(name string, text []byte) (*Config, error) {
	return parse(name, text, configKeys)
}

func parse(name string, text []byte, keys []key[Config]) (*Config, error) {
	root, err := document(name, text)
	if err != nil {
		return nil, err
	}
	c := &Config{}
	if root == nil {
		return c, nil
	}
	v := value{root, name, ""}
	if err := v.refuseTrust(); err != nil {
		return nil, err
	}
	if err := mapping(v, keys, c); err != nil {
		return nil, err
	}
	return c, nil
}

// Flag returns the values that the file gives to the flag of that name, and
// whether it gives any. The flags that it can give are files, style, update,
// min-age and require-branch; none of them decides about trust.
func (c *Config) Flag(name string) (values []string, ok bool) {
	switch name {
	case "files":
		values = c.Files
	case "style":
		values = []string{c.Style}
	case "update":
		values = []string{c.Update}
	case "min-age":
		values = []string{c.MinAge}
	case "require-branch":
		if c.RequireBranch != nil {
			values = []string{strconv.FormatBool(*c.RequireBranch)}
		}
	}
	if len(values) == 0 || values[0] == "" {
		return nil, false
	}
	return values, true
}

// The keys of the file.
var configKeys = []key[Config]{
	{name: "files", read: func(v value, c *Config) (err error) {
		c.Files, err = v.someOf(value.glob, "name files, or leave the key out for the default ones")
		return err
	}},
	{name: "style", read: func(v value, c *Config) (err error) {
		c.Style, err = v.choice("commit", "git-sha1")
		return err
	}},
	{name: "update", read: func(v value, c *Config) (err error) {
		c.Update, err = v.choice("none", "patch", "minor", "major", "latest")
		return err
	}},
	{name: "min-age", read: func(v value, c *Config) (err error) {
		c.MinAge, err = v.duration()
		return err
	}},
	{name: "require-branch", read: func(v value, c *Config) error {
		b, err := v.boolean()
		c.RequireBranch = &b
		return err
	}},
	{name: "require-digest", read: func(v value, c *Config) error {
		b, err := v.boolean()
		c.AllowTags = !b
		return err
	}},
	{name: "vendored", read: func(v value, c *Config) error {
		s, err := v.choice("allow", "deny")
		c.DenyVendored = s == "deny"
		return err
	}},
	{name: "allow", read: func(v value, c *Config) error { return v.allowed(&c.Allow) }},
	{name: "deny", read: func(v value, c *Config) error { return mapping(v, denyKeys, &c.Deny) }},
	{name: "exceptions", read: func(v value, c *Config) (err error) {
		c.Exceptions, err = items(v, value.exception)
		return err
	}},
	{name: "updates", read: func(v value, c *Config) (err error) {
		c.Updates, err = v.updates(updateKeys)
		return err
	}},
}
