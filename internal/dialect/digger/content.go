package digger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A Job is what starting the run of a spec needs. What the spec does not say is
// empty.
type Job struct {
	RunName      string // run_name, which goes into the input of that name
	WorkflowFile string // vcs.workflow_file, such as digger_workflow.yml
	Branch       string // job.branch
	Repository   string // vcs.repo_owner/vcs.repo_name or vcs.repo_full_name
	Commit       string // job.commit
	// Secrets are the tokens in the spec, which are to stay out of logs.
	Secrets []string
}

// ParseJob reads a spec that is not signed yet. An error is an *Error.
func ParseJob(text string) (Job, error) {
	_, c, err := parse(text)
	return c.Job, err
}

// A content is what is read of a spec.
type content struct {
	Job
	actor, requestedBy string
}

// parse reads a spec that is to be signed. An error is an *Error.
func parse(text string) (v jose.Value, c content, err error) {
	if len(text) > MaxSize {
		return v, c, &Error{Reason: fmt.Sprintf("the spec has more than %d bytes", MaxSize), Advice: adviceSpec}
	}
	if v, err = jose.ParseJSON(text); err != nil {
		return v, c, &Error{Reason: "the spec cannot be read: " + err.Error(), Advice: adviceSpec}
	}
	if v.Kind != jose.Object {
		return v, c, &Error{Reason: fmt.Sprintf("the spec is %s where an object is expected", v.Kind), Advice: adviceSpec}
	}
	if c, err = read(v); err != nil {
		return v, c, &Error{Reason: "the spec " + err.Error(), Advice: adviceContent}
	}
	return v, c, nil
}

// spec returns the content as a spec that can be compared with a run.
func (c *content) spec() *runspec.Spec {
	return &runspec.Spec{Version: runspec.Version, Repository: c.Repository, Actor: c.actor, SHA: c.Commit}
}

// read reads a spec, which is an object. The error goes on with "the spec".
func read(v jose.Value) (c content, err error) {
	r := reader{}
	job := r.member(v, "job", jose.Object)
	backend := r.member(v, "backend", jose.Object)
	vcs := r.member(v, "vcs", jose.Object)
	c.RunName = r.text(v, "run_name")
	c.Commit = r.text(job, "commit")
	c.Branch = r.text(job, "branch")
	c.requestedBy = r.text(job, "requestedBy")
	c.actor = r.text(vcs, "actor")
	c.WorkflowFile = r.text(vcs, "workflow_file")
	c.Repository = r.repository(vcs)
	for _, secret := range []string{r.text(job, "backend_job_token"), r.text(backend, "backend_job_token")} {
		if secret != "" && !slices.Contains(c.Secrets, secret) {
			c.Secrets = append(c.Secrets, secret)
		}
	}
	if r.err != nil {
		return content{}, r.err
	}
	return c, nil
}

// A reader keeps the first error of reading.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// member returns the member of an object with that name, or a zero Value, which has
// no members itself.
func (r *reader) member(v jose.Value, name string, kind jose.Kind) (found jose.Value) {
	for _, m := range v.Members {
		switch {
		case !strings.EqualFold(m.Name, name):
		case m.Name != name:
			r.fail("has a name that differs from %s in letter case only", name)
		case m.Value.Kind != kind:
			r.fail("has a member %s that is %s where %s is expected", name, m.Value.Kind, kind)
		default:
			found = m.Value
		}
	}
	return found
}

func (r *reader) text(v jose.Value, name string) string {
	return r.member(v, name, jose.String).Text
}

// repository returns the repository, which a spec says twice: Digger uses either.
func (r *reader) repository(vcs jose.Value) string {
	owner, name, full := r.text(vcs, "repo_owner"), r.text(vcs, "repo_name"), r.text(vcs, "repo_full_name")
	switch {
	case owner == "" && name == "":
		return full
	case owner == "" || name == "":
		r.fail("has one of repo_owner and repo_name without the other")
	case full != "" && !runspec.SameName(full, owner+"/"+name):
		r.fail("has a repo_full_name that is not its repo_owner and repo_name")
	}
	return owner + "/" + name
}

// hasName tells whether an object has a member of that name in any letter case.
func hasName(v jose.Value, name string) bool {
	return slices.ContainsFunc(v.Members, func(m jose.Member) bool { return strings.EqualFold(m.Name, name) })
}
