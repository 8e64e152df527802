package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/tree"
)

// defaultFiles are the files in which pins are looked for.
var defaultFiles = []string{
	"README*.md", ".github/workflows/*.{yml,yaml}", "**/action.{yml,yaml}", ".buildkite/**/*.{yml,yaml}",
}

// The config files.
const (
	configName  = ".github/countersign.yml"
	boomperName = ".github/boomper.yml"
)

// readConfig reads the config files of the tree, where they are.
func (p *pinCheck) readConfig() error {
	p.config = &config.Config{}
	for _, file := range []struct {
		name  string
		parse func(string, []byte) (*config.Config, error)
	}{{configName, config.Parse}, {boomperName, config.ParseBoomper}} {
		text, err := p.tree.Read(file.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return treeError(err)
		}
		parsed, err := file.parse(file.name, text)
		if err != nil {
			return usage("", "%w", err)
		}
		if file.name == configName {
			p.config = parsed
		} else {
			p.config.Updates = append(p.config.Updates, parsed.Updates...)
		}
	}
	return nil
}

// find reads the files and finds their refs.
func (p *pinCheck) find(ctx context.Context) ([]*pin.File, error) {
	if p.flags.lower != "" {
		f, err := p.lowerFile()
		return []*pin.File{f}, err
	}
	names, err := p.tree.Tracked(defaultFiles)
	if len(p.flags.files) > 0 {
		names, err = p.tree.Named(p.flags.files)
	}
	if err != nil {
		return nil, treeError(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == pin.LockName })
	files := make([]*pin.File, len(names))
	finders := sync.Pool{New: func() any { return new(pin.Finder) }}
	err = p.tree.Each(names, func(i int, name string, text []byte) error {
		finder := finders.Get().(*pin.Finder)
		defer finders.Put(finder)
		f, err := finder.Find(name, text)
		if err != nil {
			return undecided("mend the file, or leave it out with --files", "%w", err)
		}
		f.Text = nil // it is only lent
		if p.options.Write || len(p.config.Updates) > 0 {
			f.Text = bytes.Clone(text)
		}
		files[i] = f
		return nil
	})
	if err != nil {
		return nil, treeError(err)
	}
	if err := p.readLock(names); err != nil {
		return nil, err
	}
	return p.withPatterns(files)
}

// readLock reads GitHub's lockfile where there is one and a workflow is checked.
func (p *pinCheck) readLock(names []string) error {
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, ".github/workflows/") }) {
		return nil
	}
	text, err := p.tree.Read(pin.LockName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return treeError(err)
	}
	if p.options.Lock, err = pin.ParseLock(text); err != nil {
		return undecided("`gh actions-lock` writes it anew", "%s: %w", pin.LockName, err)
	}
	return nil
}

// withPatterns adds the files that only patterns of the config are about.
func (p *pinCheck) withPatterns(files []*pin.File) ([]*pin.File, error) {
	for _, u := range p.config.Updates {
		names, err := p.tree.Tracked([]string{u.Path})
		if err != nil {
			return nil, treeError(err)
		}
		for _, name := range names {
			if slices.ContainsFunc(files, func(f *pin.File) bool { return f.Name == name }) {
				continue
			}
			text, err := p.tree.Read(name)
			if err != nil {
				return nil, treeError(err)
			}
			files = append(files, &pin.File{Name: name, Text: text})
		}
	}
	if len(p.config.Updates) > 0 && p.options.Own == (pin.Repository{}) {
		return nil, usage("set GITHUB_REPOSITORY, or run it in a clone", "the config has `updates`, and it is not known whose releases they follow")
	}
	return files, nil
}

// lowerFile reads the file that --lower names.
func (p *pinCheck) lowerFile() (*pin.File, error) {
	text, err := p.readFile("the file to lower", p.flags.lower, maxPipeline)
	if err != nil {
		return nil, err
	}
	name := p.flags.lower
	if name == "-" {
		name = "pipeline.yml"
	}
	f, err := pin.Find(name, text)
	if err != nil {
		return nil, undecided("mend the file", "%w", err)
	}
	return f, nil
}

// treeError is the error for what is wrong with a file or the checkout.
func treeError(err error) error {
	var known *exitError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, tree.ErrPattern):
		return usage("", "%w", err)
	}
	return undecided("", "%w", err)
}
