package pin_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
)

// What the report says of each ref.
func TestPins(t *testing.T) {
	w := &world{}
	digest := digestOf("acme/widgets", "v4.2.2")
	text := workflow("acme/widgets@v4\nacme/widgets/sub@" + digest + " # v4\n./a\nacme/widgets@main\nacme/widgets@bad3" + strings.Repeat("0", 36) + "\ndocker://alpine@sha256:" + sha256Digest)
	o := pin.Options{Host: "github.com", Now: now, Config: &config.Config{}}
	result, err := pin.Check(context.Background(), w, find(t, []txtar.File{{Name: workflowName, Data: []byte(text)}}), o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(result.Pins, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := []pin.Pin{
		{Text: "acme/widgets@v4", Kind: "action", Repository: "acme/widgets", Version: "v4.2.2", Commit: digest, Status: "unpinned", Replacement: "acme/widgets@" + digest},
		{Text: "acme/widgets/sub@" + digest, Kind: "action", Repository: "acme/widgets", Version: "v4.2.2", Commit: digest, Status: "pinned"},
		{Text: "./a", Kind: "local", Status: "local"},
		{Text: "acme/widgets@main", Kind: "action", Repository: "acme/widgets", Version: "main", Status: "unpinned"},
		{Text: "acme/widgets@bad3" + strings.Repeat("0", 36), Kind: "action", Repository: "acme/widgets", Commit: "bad3" + strings.Repeat("0", 36), Status: "impostor-commit"},
		{Text: "docker://alpine@sha256:" + sha256Digest, Kind: "image", Commit: sha256Digest, Status: "pinned"},
	}
	for i := range want {
		want[i].File, want[i].Line, want[i].Column = workflowName, 4+i, 15
	}
	text2, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text2), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Each rule for pins has a finding, and those that nothing breaks pass.
func TestPassing(t *testing.T) {
	result, err := pin.Check(context.Background(), &world{}, nil, pin.Options{Host: "github.com", Config: &config.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range result.Findings {
		if f.Status != report.Pass || f.Message != "none of 0 refs in 0 files" {
			t.Errorf("%+v", f)
		}
		rules = append(rules, f.Rule)
	}
	want := []string{
		"unpinned", "digest-mismatch", "malformed-digest", "short-digest", "impostor-commit",
		"unknown-ref", "unknown-repository", "not-allowed", "outdated",
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Text from outside is cut before it becomes part of a message.
func TestLongText(t *testing.T) {
	long := "acme/" + strings.Repeat("é", 5000)
	result, err := pin.Check(context.Background(), &world{}, find(t, []txtar.File{{Name: workflowName, Data: []byte(workflow(long))}}), pin.Options{Host: "github.com", Config: &config.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		if len(f.Message) > 300 || strings.Contains(f.Message, "\ufffd") {
			t.Errorf("a message of %d bytes: %q", len(f.Message), f.Message)
		}
	}
}

// A failing is a world in which one question has no answer.
type failing struct {
	world
	fails string
}

var errCut = errors.New("the connection was cut")

func (f *failing) Resolve(ctx context.Context, q []pin.Question) ([]pin.Answer, error) {
	if f.fails == "resolve" || f.fails == "resolve again" && q[0].Commit != "" && q[0].Tag == "" {
		return nil, errCut
	}
	return f.world.Resolve(ctx, q)
}

func (f *failing) Holders(ctx context.Context, c []pin.Commit) ([]pin.Holder, error) {
	if f.fails == "holders" {
		return nil, errCut
	}
	return f.world.Holders(ctx, c)
}

func (f *failing) Versions(ctx context.Context, r []pin.Repository) ([][]pin.Version, error) {
	if f.fails == "versions" {
		return nil, errCut
	}
	return f.world.Versions(ctx, r)
}

// Where the server gives no answer there is no result, not even a part of one.
func TestUndecided(t *testing.T) {
	for _, what := range []string{"resolve", "resolve again", "holders", "versions"} {
		f := &failing{fails: what}
		o := pin.Options{Host: "github.com", Write: true, Update: pin.UpdateMajor, Now: now, Config: &config.Config{}}
		files := find(t, []txtar.File{{Name: workflowName, Data: []byte(workflow("acme/widgets@v4\nacme/widgets@detached-1"))}})
		if result, err := pin.Check(context.Background(), f, files, o); !errors.Is(err, errCut) || result != nil {
			t.Errorf("%s: error %v and %+v", what, err, result)
		}
	}
}
