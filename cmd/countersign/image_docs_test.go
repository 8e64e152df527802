package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const imageKey = "/etc/countersign/orchestrator.pub.jwk"

// imageExamples returns the blocks of the page about the image, by language.
func imageExamples(t *testing.T) map[string][]string {
	t.Helper()
	blocks := make(map[string][]string)
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if d.name == ".github/docs/image.md" {
				blocks[b.language] = append(blocks[b.language], b.text)
			}
		}
	}
	return blocks
}

// signedForImage returns a program, a public key and a token for a commit.
func signedForImage(t *testing.T, sha string) (program, key, token string) {
	t.Helper()
	program, dir := buildProgram(t), t.TempDir()
	key = filepath.Join(dir, "key.pub.jwk")
	command(t, dir, program, "keygen", "--private", "key.jwk", "--public", key)
	token = command(t, dir, program, "sign", "--key", "key.jwk", "--issuer", "https://github.com/acme/orchestrator",
		"--repository", "acme/widgets", "--actor", "octocat", "--sha", sha)
	return program, key, strings.TrimSpace(token)
}

// exitCode runs a command with the given variables alone.
func exitCode(t *testing.T, env []string, name string, args ...string) int {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = env
	var exit *exec.ExitError
	switch err := c.Run(); {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return 0
}

// TestImageExampleKubernetes runs the arguments of the init container and looks
// at the rights that it is given.
func TestImageExampleKubernetes(t *testing.T) {
	var job struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       struct {
			BackoffLimit int `yaml:"backoffLimit"`
			Template     struct {
				Spec struct {
					RestartPolicy                string `yaml:"restartPolicy"`
					AutomountServiceAccountToken bool   `yaml:"automountServiceAccountToken"`
					SecurityContext              struct {
						RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
						SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
					} `yaml:"securityContext"`
					InitContainers []struct {
						Name, Image string
						Args        []string
						Env         []struct {
							Name      string
							ValueFrom struct {
								SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
							} `yaml:"valueFrom"`
						}
						SecurityContext struct {
							ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
							AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
							Capabilities             struct{ Drop []string }
						} `yaml:"securityContext"`
						VolumeMounts []struct {
							Name      string
							MountPath string `yaml:"mountPath"`
							ReadOnly  bool   `yaml:"readOnly"`
						} `yaml:"volumeMounts"`
					} `yaml:"initContainers"`
					Containers []struct{ Name, Image string }
					Volumes    []struct {
						Name      string
						ConfigMap struct{ Name string } `yaml:"configMap"`
					}
				}
			}
		}
	}
	examples := slices.DeleteFunc(imageExamples(t)["yml"], func(s string) bool { return !strings.HasPrefix(s, "apiVersion:") })
	if len(examples) != 1 {
		t.Fatalf("%d examples, want 1", len(examples))
	}
	d := yaml.NewDecoder(strings.NewReader(examples[0]))
	d.KnownFields(true)
	if err := d.Decode(&job); err != nil {
		t.Fatal(err)
	}
	pod := job.Spec.Template.Spec
	if job.Kind != "Job" || pod.RestartPolicy != "Never" || !pod.SecurityContext.RunAsNonRoot || len(pod.InitContainers) != 1 {
		t.Fatalf("the job is %+v", job)
	}
	verify := pod.InitContainers[0]
	if c := verify.SecurityContext; !c.ReadOnlyRootFilesystem || c.AllowPrivilegeEscalation || !slices.Equal(c.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("the init container may do %+v", c)
	}
	if len(verify.Env) != 1 || verify.Env[0].Name != "COUNTERSIGN_TOKEN" {
		t.Fatalf("the token comes from %+v", verify.Env)
	}
	if len(verify.VolumeMounts) != 1 || verify.VolumeMounts[0].MountPath != filepath.ToSlash(filepath.Dir(imageKey)) ||
		len(pod.Volumes) != 1 || pod.Volumes[0].Name != verify.VolumeMounts[0].Name {
		t.Errorf("the key comes from %+v %+v", verify.VolumeMounts, pod.Volumes)
	}
	for sha, want := range map[string]int{"0123456789abcdef0123456789abcdef01234567": 0, strings.Repeat("7", 40): 1} {
		program, key, token := signedForImage(t, sha)
		var args []string
		for _, arg := range verify.Args {
			args = append(args, strings.ReplaceAll(arg, imageKey, key))
		}
		if got := exitCode(t, []string{"COUNTERSIGN_TOKEN=" + token}, program, args...); got != want {
			t.Errorf("signed for %s it ends with %d, want %d", sha, got, want)
		}
	}
}

// TestImageExampleGitLab runs the script of the job as GitLab's runner does: with a
// shell, and with the variables that GitLab sets.
func TestImageExampleGitLab(t *testing.T) {
	examples := slices.DeleteFunc(imageExamples(t)["yml"], func(s string) bool { return !strings.HasPrefix(s, "spec:") })
	if len(examples) != 1 {
		t.Fatalf("%d examples, want 1", len(examples))
	}
	var header struct {
		Spec struct {
			Inputs map[string]struct {
				Description, Default, Regex string
			}
		}
	}
	var pipeline struct {
		Stages         []string
		Verify, Deploy struct {
			Stage, Image string
			Variables    map[string]string
			Script       []string
		}
	}
	d := yaml.NewDecoder(strings.NewReader(examples[0]))
	d.KnownFields(true)
	if err := errors.Join(d.Decode(&header), d.Decode(&pipeline)); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(new(any)); err != io.EOF {
		t.Errorf("after the pipeline: %v", err)
	}
	job, input := pipeline.Verify, header.Spec.Inputs["token"]
	if job.Variables["COUNTERSIGN_TOKEN"] != "$[[ inputs.token ]]" || !slices.Equal(pipeline.Stages, []string{job.Stage, pipeline.Deploy.Stage}) {
		t.Fatalf("the job is %+v", job)
	}
	sha := strings.Repeat("0123456789", 4)
	program, key, token := signedForImage(t, sha)
	pattern := regexp.MustCompile(input.Regex)
	for value, want := range map[string]bool{input.Default: true, token: true, token + "~" + token: true, "a b": false, "$(id)": false, "a\nb": false} {
		if pattern.MatchString(value) != want {
			t.Errorf("the input takes %q: %v, want %v", value, !want, want)
		}
	}
	script := strings.ReplaceAll(strings.Join(job.Script, "\n"), imageKey, key)
	for _, test := range []struct {
		name, token, sha string
		want             int
	}{
		{"signed", token, sha, 0},
		{"another commit", token, strings.Repeat("7", 40), 1},
		{"no token", input.Default, sha, 1},
	} {
		env := []string{
			"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"), "GITLAB_CI=true", "CI=true",
			"CI_PROJECT_PATH=acme/widgets", "GITLAB_USER_LOGIN=octocat", "CI_COMMIT_SHA=" + test.sha, "COUNTERSIGN_TOKEN=" + test.token,
		}
		if got := exitCode(t, env, "sh", "-euc", script); got != test.want {
			t.Errorf("%s: it ends with %d, want %d", test.name, got, test.want)
		}
	}
}

// TestImageExampleBuild compares the commands and the files that build images with
// what the Dockerfile has.
func TestImageExampleBuild(t *testing.T) {
	dockerfile := readDockerfile(t)
	examples := imageExamples(t)
	targets := 0
	for line := range strings.Lines(strings.Join(examples["shell"], "")) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "docker" || words[1] != "build" ||
			!strings.HasPrefix(words[len(words)-1], "https://github.com/countersign-ci/countersign.git#") {
			t.Errorf("it is not known what this builds: %s", line)
		}
		for i, word := range words {
			switch name, _, _ := strings.Cut(words[min(i+1, len(words)-1)], "="); word {
			case "--build-arg":
				if !strings.Contains(dockerfile, "\nARG "+name+"=") {
					t.Errorf("the Dockerfile has no argument %s", name)
				}
			case "--target":
				targets++
				if !strings.Contains(dockerfile, " AS "+name+"\n") {
					t.Errorf("the Dockerfile has no stage %s", name)
				}
			}
		}
	}
	program := regexp.MustCompile(`ENTRYPOINT \["(.*)"\]`).FindStringSubmatch(dockerfile)[1]
	copied := 0
	for _, text := range examples["dockerfile"] {
		from, rest, _ := bytes.Cut([]byte(text), []byte("\n"))
		if !bytes.HasPrefix(from, []byte("FROM registry.example/acme/")) || !bytes.HasPrefix(rest, []byte("COPY ")) {
			t.Errorf("it is not known what this makes:\n%s", text)
		}
		if bytes.Contains(rest, []byte(" "+program+" ")) || bytes.HasSuffix(bytes.TrimSpace(rest), []byte(" "+filepath.ToSlash(filepath.Dir(imageKey))+"/")) {
			copied++
		}
	}
	if targets != 1 || copied != 2 {
		t.Errorf("%d targets and %d images that copy, want 1 and 2", targets, copied)
	}
}
