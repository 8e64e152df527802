package buildkite

import (
	"net/url"
	"regexp"
	"strings"
)

// The parts of a remote, and its short form for ssh (git-clone(1), "GIT URLS").
// A host of one letter would be a drive on Windows.
var (
	hostForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)
	scpForm  = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]{2,}):(.+)$`)
)

// parseRemote returns the URL of a server and the repository, owner/name, that a
// git remote names there:
//
//	https://host[:port]/owner/name[.git]
//	ssh://[user@]host[:port]/owner/name[.git]
//	[user@]host:owner/name[.git]
//
// Nothing else is taken for one: no path, no protocol without a proof of who
// answers, no longer path, and nothing that two readers could read differently.
// A user is left out, as is the port of ssh, which is not that of https.
func parseRemote(remote string) (server, repository string, ok bool) {
	host, port, path := "", "", ""
	if strings.Contains(remote, "://") {
		u, err := url.Parse(remote)
		if err != nil || strings.Count(remote, "@") > 1 || strings.ContainsAny(remote, `?#\`) || u.Path == "" {
			return "", "", false
		}
		switch u.Scheme {
		case "https":
			port = u.Port()
		case "ssh":
		default:
			return "", "", false
		}
		host, path = u.Hostname(), strings.TrimSuffix(u.EscapedPath()[1:], "/")
	} else {
		m := scpForm.FindStringSubmatch(remote)
		if m == nil {
			return "", "", false
		}
		host, path = m[1], m[2]
	}
	owner, name, _ := strings.Cut(path, "/")
	name = strings.TrimSuffix(name, ".git")
	// Before it is in small letters: the sign for kelvin would become a k.
	if !hostForm.MatchString(host) || !isName(owner) || !isName(name) {
		return "", "", false
	}
	host = strings.ToLower(host)
	if port != "" && port != "443" {
		host += ":" + port
	}
	return "https://" + host, owner + "/" + name, true
}

func isName(s string) bool { return nameForm.MatchString(s) && s != "." && s != ".." }
