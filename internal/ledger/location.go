package ledger

import (
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/github"
)

// A Location is where a ledger is: in the directory Dir, or else in the refs of the
// GitHub repository Repository, as owner/name; where both are empty it is the
// repository that runs.
type Location struct{ Dir, Repository string }

// ParseLocation parses the text of --ledger: github, which an empty text stands
// for, github:OWNER/REPO or dir:PATH.
func ParseLocation(text string) (Location, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "" || text == "github":
		return Location{}, nil
	case kind == "github":
		if _, err := github.ParseRepository(rest); err != nil {
			return Location{}, &Error{Reason: fmt.Sprintf("%.100q is no OWNER/REPO", rest), Advice: adviceLocation}
		}
		return Location{Repository: rest}, nil
	case kind == "dir" && rest != "" && !strings.ContainsRune(rest, 0):
		return Location{Dir: rest}, nil
	case kind == "dir":
		return Location{}, &Error{Reason: "no directory is named", Advice: adviceLocation}
	}
	return Location{}, &Error{Reason: fmt.Sprintf("%.100q is no place for a ledger", text), Advice: adviceLocation}
}
