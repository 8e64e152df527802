package config

import (
	"fmt"
	"strings"
)

// A List has globs of hosts, of owners, and of repositories in the form
// owner/name.
type List struct {
	Hosts, Owners, Repositories []string
}

// Refusal says why a repository is not to be used, or "" where it may be. A host
// may have a port, which is passed over.
func (c *Config) Refusal(host, owner, name string) string {
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimSuffix(host, ".")
	repository := owner + "/" + name
	for _, by := range []struct {
		list  string
		globs []string
		name  string
	}{
		{"hosts", c.Deny.Hosts, host},
		{"owners", c.Deny.Owners, owner},
		{"repositories", c.Deny.Repositories, repository},
	} {
		if glob := matching(by.globs, by.name); glob != "" {
			return fmt.Sprintf("%q is denied by %q in deny.%s", by.name, glob, by.list)
		}
	}
	a := c.Allow
	switch {
	case len(a.Hosts) > 0 && matching(a.Hosts, host) == "":
		return fmt.Sprintf("%q is not in allow.hosts", host)
	case len(a.Owners)+len(a.Repositories) > 0 && matching(a.Owners, owner) == "" && matching(a.Repositories, repository) == "":
		return fmt.Sprintf("%q is not in allow.owners or allow.repositories", repository)
	}
	return ""
}

// matching returns the first glob that matches a name, or "".
func matching(globs []string, name string) string {
	for _, glob := range globs {
		if matchName(glob, name) {
			return glob
		}
	}
	return ""
}

// The keys of deny, and of allow, where an empty list would allow nothing.
var (
	denyKeys = listKeys(func(v value, read func(value) (string, error)) ([]string, error) {
		return items(v, read)
	})
	allowKeys = listKeys(func(v value, read func(value) (string, error)) ([]string, error) {
		return v.someOf(read, adviceAllow)
	})
)

const adviceAllow = "leave the key out to allow all, or name what is allowed"

func listKeys(read func(value, func(value) (string, error)) ([]string, error)) []key[List] {
	return []key[List]{
		{name: "hosts", read: func(v value, l *List) (err error) { l.Hosts, err = read(v, value.host); return err }},
		{name: "owners", read: func(v value, l *List) (err error) { l.Owners, err = read(v, value.owner); return err }},
		{name: "repositories", read: func(v value, l *List) (err error) { l.Repositories, err = read(v, value.repository); return err }},
	}
}

// allowed reads a mapping that allows something.
func (v value) allowed(to *List) error {
	err := mapping(v, allowKeys, to)
	if err == nil && len(v.Content) == 0 {
		err = v.errorf(adviceAllow, "%q has no list", v.key)
	}
	return err
}
