package buildkite

import (
	"math"
	"regexp"
	"strconv"

	"github.com/countersign-ci/countersign/internal/runspec"
)

var (
	fullCommit   = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	decimal      = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,17})$`)
	noPullNumber = map[string]bool{"": true, "false": true}
)

// Context returns what the environment tells of the job. The actor is whoever
// made the build, by the name that is shown. Where BUILDKITE_COMMIT is no full
// commit id, such as HEAD, the commit is not known before the checkout. A job has
// no workflow and no event of GitHub's, and no inputs. Jobs of one build have one
// run id. Errors are of type *Error.
func (e Environment) Context() (runspec.Context, error) {
	server, repository, ok := parseRemote(e[repo])
	if !ok {
		return runspec.Context{}, &Error{
			repo + " is not the address of a repository on a server",
			"it has the form https://github.com/acme/widgets, git@github.com:acme/widgets.git or ssh://git@github.com/acme/widgets.git",
		}
	}
	executes := e.Command()
	c := runspec.Context{
		ServerURL: server, Repository: repository, Actor: e[creator], RunID: e[build],
		Inputs: runspec.Inputs{Known: true}, Command: &executes,
	}
	if fullCommit.MatchString(e[commit]) {
		c.SHA = e[commit]
	}
	var err error
	if c.Ref, err = e.ref(); err != nil {
		return runspec.Context{}, err
	}
	if c.RunAttempt, err = e.attempt(); err != nil {
		return runspec.Context{}, err
	}
	return c, nil
}

// ref returns the ref that is built, empty where it is not known. The branch of a
// pull request does not count: a fork can call its own main.
func (e Environment) ref() (string, error) {
	pull := e[pullRequest]
	switch {
	case !noPullNumber[pull] && (!decimal.MatchString(pull) || pull == "0"):
		return "", &Error{pullRequest + " is neither a number nor false", "refused; it is Buildkite that sets it"}
	case !noPullNumber[pull]:
		return "refs/pull/" + pull + "/head", nil
	case e[tag] != "":
		return "refs/tags/" + e[tag], nil
	case e[branch] != "":
		return "refs/heads/" + e[branch], nil
	}
	return "", nil
}

// attempt returns which attempt of the job this is, from 1; 0 where it is not
// told. A build that was made from another one, with all that it had, is a further
// attempt of it too: how many there were is not told.
func (e Environment) attempt() (int, error) {
	retries, told := e[retryCount]
	if !told {
		return 0, nil
	}
	n, err := strconv.Atoi(retries)
	if err != nil || !decimal.MatchString(retries) || n >= math.MaxInt32 {
		return 0, &Error{retryCount + " is not a number from 0", "refused; it is Buildkite that sets it"}
	}
	if e[rebuiltFrom] != "" {
		n++
	}
	return n + 1, nil
}
