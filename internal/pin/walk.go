package pin

import (
	"strings"

	"github.com/countersign-ci/countersign/internal/report"
)

// A found is a scalar that stands for a ref.
type found struct {
	node    int32
	key     int32 // the key that it is the value of, or 0
	mapping int32 // the mapping of plugins that it is a key of, or 0
	plugin  bool
	job     bool // the `uses:` of a job, which calls a workflow
}

// A walker finds the refs of a document. What a file is follows from its keys: a
// workflow has jobs, a composite action runs, a pipeline steps.
type walker struct {
	*document
	refs []found
	// unread: a ref may be in a block text, whose value is not known.
	unread bool
}

// file finds the refs that run in a workflow (GitHub's "Workflow syntax"), a
// composite action ("Metadata syntax") or a pipeline (Buildkite's "Defining
// steps").
func (w *walker) file() {
	for _, root := range w.roots {
		w.pipelineSteps(root)
		w.each(root, func(key, value int32) {
			switch {
			case w.is(key, "jobs"):
				w.each(value, func(_, job int32) { w.job(job) })
			case w.is(key, "runs"):
				w.each(value, func(key, steps int32) {
					if w.is(key, "steps") {
						w.steps(steps)
					}
				})
			case w.is(key, "steps"):
				w.pipelineSteps(value)
			}
		})
	}
}

func (w *walker) job(job int32) {
	w.each(job, func(key, value int32) {
		switch {
		case w.is(key, "uses"):
			w.add(value, found{key: key, job: true})
		case w.is(key, "steps"):
			w.steps(value)
		}
	})
}

func (w *walker) steps(steps int32) {
	w.items(steps, func(step int32) {
		w.each(step, func(key, value int32) {
			if w.is(key, "uses") {
				w.add(value, found{key: key})
			}
		})
	})
}

// pipelineSteps finds the plugins of steps, and of those in groups.
func (w *walker) pipelineSteps(steps int32) {
	w.items(steps, func(step int32) {
		w.each(step, func(key, value int32) {
			switch {
			case w.is(key, "plugins"):
				w.plugins(value)
			case w.is(key, "steps"):
				w.pipelineSteps(value)
			}
		})
	})
}

// plugins finds the sources in a list of plugins: items that are one, keys of
// items, or the keys of one mapping.
func (w *walker) plugins(list int32) {
	keys := func(mapping int32) {
		w.each(mapping, func(key, _ int32) { w.add(key, found{plugin: true, mapping: mapping}) })
	}
	keys(list)
	w.items(list, func(item int32) {
		if w.nodes[w.resolve(item)].kind == scalarNode {
			w.add(item, found{plugin: true})
			return
		}
		keys(item)
	})
}

func (w *walker) add(i int32, f found) {
	f.node = w.resolve(i)
	switch n := &w.nodes[f.node]; {
	case n.unread:
		w.unread = true
	case n.kind != scalarNode, f.plugin && !n.spliceable && n.value == "":
	default:
		w.refs = append(w.refs, f)
	}
}

// fragment finds the refs in an example, which may be any part of a file: the
// value of `uses:` at any depth, and plugins wherever a plugin can stand.
func (w *walker) fragment() {
	for _, root := range w.roots {
		w.part(root)
	}
}

func (w *walker) part(i int32) {
	i = w.resolve(i)
	switch w.nodes[i].kind {
	case scalarNode:
		if w.nodes[i].unread || isPluginExample(w.value(i)) {
			w.add(i, found{plugin: true})
		}
	case sequenceNode:
		w.items(i, w.part)
	case mappingNode:
		w.each(i, func(key, value int32) {
			switch {
			case w.is(key, "uses"):
				if v := w.resolve(value); w.nodes[v].kind == scalarNode && (w.nodes[v].unread || isActionExample(w.value(v))) {
					w.add(value, found{key: key})
				}
				return
			case w.nodes[w.resolve(key)].kind == scalarNode && isPluginExample(w.value(w.resolve(key))):
				w.add(key, found{plugin: true, mapping: i})
			}
			if w.nodes[w.resolve(value)].kind != scalarNode {
				w.part(value)
			}
		})
	}
}

// isPluginExample tells whether text in Markdown names a plugin. There acme/x#12
// is an issue, so it takes a version of three numbers or a digest.
func isPluginExample(s string) bool {
	if strings.Contains(s, "://") && !strings.HasPrefix(s, "ssh://") && !strings.Contains(s, ".git#") {
		return false // the address of a page
	}
	t := parsePlugin(s)
	if t.kind != Plugin || strings.ContainsAny(s, " \t\n<>{}") {
		return false
	}
	// An image has an @sha256: too, but no # before it.
	at := strings.LastIndex(s, "@")
	return t.commit != "" || fullVersion.MatchString(t.version) || strings.Contains(s, "@git-sha") ||
		at >= 0 && strings.Contains(s[:at], "#") && digestLike.MatchString(s[at+1:])
}

// isActionExample tells whether the value of `uses:` in Markdown names an
// action, and no placeholder.
func isActionExample(s string) bool {
	t := parseUses(s)
	if t.kind == Image {
		return !placeholder(s)
	}
	if t.commit != "" || t.rule == report.ShortDigest || t.rule == report.MalformedDigest {
		return true
	}
	return t.version != "" && !placeholder(t.version)
}

// placeholder tells whether a name in an example stands for one that the reader
// is to put there.
func placeholder(name string) bool {
	switch strings.ToLower(name) {
	case "version", "tag", "ref", "sha", "commit", "branch", "latest-version", "vx", "vx.y", "vx.y.z", "x.y.z", "...", "…":
		return true
	}
	return strings.ContainsAny(name, "<>{}…")
}
