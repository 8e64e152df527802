package config

import "regexp"

// ParseBoomper reads a .github/boomper.yml, the config of Boomper
// (github.com/toolmantim/boomper), whose README names these keys:
//
//	updates:                  # those of the project's own file, but that
//	  - path: README.md       # the path of one file, and no glob
//	    pattern: 'my-org/my-plugin#(v.*):' # a regular expression, read as RE2
//	    branch: main          # refused: the branch that is checked out is updated
//	branches: [main]          # refused: the workflow says when it runs
//	skip-ci: true             # passed over: it is about the message of a commit
//
// Boomper takes what lies between the outermost brackets of a pattern for the
// version. Here it is the one capturing group; where a pattern has no other
// brackets the two are the same. Its patterns are JavaScript's, from which RE2
// differs in nothing that a pattern of a version has; what RE2 lacks, such as
// looking ahead, is refused.
//
// name is what errors call the file; they are of type *Error.
func ParseBoomper(name string, text []byte) (*Config, error) {
	return parse(name, text, boomperKeys)
}

var boomperKeys = []key[Config]{
	{name: "updates", read: func(v value, c *Config) (err error) {
		c.Updates, err = v.updates(boomperUpdateKeys)
		return err
	}},
	{name: "branches", read: func(v value, _ *Config) error {
		return v.errorf("remove it; the `on:` of the workflow says on which branches and events it runs", "%q has no meaning here", v.key)
	}},
	{name: "skip-ci", read: func(v value, _ *Config) error {
		_, err := v.boolean()
		return err
	}},
}

var boomperUpdateKeys = []key[Update]{
	{name: "path", required: true, read: func(v value, u *Update) error {
		s, err := v.path()
		u.Path = globMark.ReplaceAllString(s, `\$0`)
		return err
	}},
	{name: "pattern", required: true, read: func(v value, u *Update) (err error) {
		u.Pattern, err = v.pattern()
		return err
	}},
	{name: "branch", read: func(v value, _ *Update) error {
		return v.errorf("remove it, and have the workflow check out the branch that is to be updated", "%q would update another branch than the one that is checked out", v.key)
	}},
}

// globMark matches what stands for something else in a glob.
var globMark = regexp.MustCompile(`[*?\[\]{}]`)
