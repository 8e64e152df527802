package pin

import "strings"

// ParseRemote returns the repository that a git remote names on a host, the zero
// Repository if it names none there.
func ParseRemote(remote, host string) Repository {
	t := target{kind: Plugin}
	if !strings.Contains(remote, "://") && !scpLike.MatchString(remote) {
		return Repository{}
	}
	if t.locate(strings.TrimSuffix(remote, "/")); !strings.EqualFold(t.host, host) {
		return Repository{}
	}
	return t.repository
}
