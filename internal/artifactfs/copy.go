package artifactfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A promotion copies files from one folder to another.
type promotion struct {
	from, to *os.Root
	files    []runspec.Artifact
	options  Options
}

// copyAll makes the copies and returns the results of those that are not as listed,
// in the order of the files.
func (p *promotion) copyAll(ctx context.Context) ([]artifact.Result, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	const least = 8
	workers := p.options.Workers
	if workers < 1 {
		workers = max(runtime.GOMAXPROCS(0), least)
	}
	results := make([][]artifact.Result, len(p.files))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, len(p.files)) {
		group.Go(func() {
			c := &copier{p, opener{root: p.from}, sha256.New(), make([]byte, bufferSize)}
			defer c.opener.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(p.files) {
					return
				}
				a := p.files[i]
				if artifact.IsImage(a) {
					continue
				}
				found, err := c.copy(ctx, a)
				if err != nil {
					end(err)
					return
				}
				for _, r := range artifact.Check(p.files[i:i+1], []artifact.Found{found}, nil) {
					if r.Rule != "" {
						results[i] = append(results[i], r)
					}
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var changed []artifact.Result
	for _, r := range results {
		changed = append(changed, r...)
	}
	return changed, nil
}

// folders returns the folders that the files lie in, each once.
func (p *promotion) folders() []string {
	seen := map[string]bool{}
	var all []string
	var add func(string)
	add = func(dir string) {
		if dir != "." && !seen[dir] {
			seen[dir] = true
			add(path.Dir(dir))
			all = append(all, dir)
		}
	}
	for _, a := range p.files {
		if !artifact.IsImage(a) {
			add(path.Dir(a.Path))
		}
	}
	return all
}

// syncFolders makes the names of the copies last.
func (p *promotion) syncFolders() error {
	if err := step("sync the folders"); err != nil {
		return &Error{".", "cannot be synced", err}
	}
	for _, dir := range p.folders() {
		folder, err := p.to.OpenRoot(dir)
		if err != nil {
			return unreadable(dir, err)
		}
		err = syncFolder(folder)
		_ = folder.Close()
		if err != nil {
			return &Error{dir, "cannot be synced", err}
		}
	}
	if err := syncFolder(p.to); err != nil {
		return &Error{".", "cannot be synced", err}
	}
	return nil
}

// A copier copies one file after the other.
type copier struct {
	*promotion
	opener opener
	hash   hash.Hash
	buffer []byte
}

// copy copies a file and returns what it has written. Of a file that is longer than
// listed it writes no more than that.
func (c *copier) copy(ctx context.Context, a runspec.Artifact) (artifact.Found, error) {
	found := artifact.Found{Path: a.Path}
	source, info, problem, err := c.opener.open(a.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.Missing = true
		return found, nil
	case problem != "" || err != nil:
		found.Problem = problem
		return found, err
	}
	defer source.Close()
	copied, err := c.create(a.Path, info)
	if err != nil {
		return found, &Error{a.Path, "cannot be promoted", err}
	}
	found.Size, err = c.bytes(ctx, copied, source, a.Size, info.Size())
	if err == nil && found.Size == a.Size {
		if err = step("sync " + a.Path); err == nil {
			err = copied.Sync()
		}
	}
	err = errors.Join(err, copied.Close())
	if ctx.Err() != nil {
		return found, context.Cause(ctx)
	}
	if err != nil {
		return found, &Error{a.Path, "cannot be promoted", err}
	}
	found.SHA256 = hex.EncodeToString(c.hash.Sum(nil))
	if found.Size > max(a.Size, info.Size()) { // and was not read to its end
		found.Problem = problemChanged
	}
	return found, nil
}

// create makes the file for a copy, and the folders that it lies in.
func (c *copier) create(to string, info fs.FileInfo) (*os.File, error) {
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err := step("create " + to); err != nil {
		return nil, err
	}
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := c.to.OpenFile(to, flags, mode)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := c.to.MkdirAll(path.Dir(to), 0o755); err != nil {
		return nil, err
	}
	return c.to.OpenFile(to, flags, mode)
}

// bytes hashes a source and writes as many of its bytes as are listed. It returns how
// many it has read, and stops soon after the size that the source had at first, for a
// file may grow for ever.
func (c *copier) bytes(ctx context.Context, to io.Writer, source io.Reader, listed, size int64) (read int64, err error) {
	c.hash.Reset()
	for read <= max(listed, size) {
		n, err := source.Read(c.buffer)
		part := c.buffer[:n]
		c.hash.Write(part)
		part = part[:min(int64(n), max(listed-read, 0))]
		if err := step("write on"); err != nil {
			return read, err
		}
		if _, err := to.Write(part); err != nil {
			return read, err
		}
		read += int64(n)
		if c.options.Progress != nil && n > 0 {
			c.options.Progress(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return read, err
		}
		if ctx.Err() != nil {
			return read, context.Cause(ctx)
		}
	}
	return read, nil
}
