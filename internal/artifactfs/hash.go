package artifactfs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/countersign-ci/countersign/internal/artifact"
)

// Options say how files are hashed.
type Options struct {
	Workers  int               // how many files are hashed at once; 0: one a core
	Progress func(bytes int64) // is told how many bytes more were read, by several goroutines at once; may be nil
}

// bufferSize is what a worker reads at once, in bytes: the second-level cache of
// a core holds it, so that it is hashed from there.
const bufferSize = 256 << 10

const problemChanged = "it changed while it was read"

// Hash reads the files at paths below the folder dir and returns what it has
// found, in the order of paths; sorted ones go fastest. What cannot be trusted
// has a Problem and no digest. Of two paths that are one file both have the
// problem "another name of" the other, and keep their digests. What does not
// exist is Missing.
//
// An error is of type [Error], or the cause of the end of ctx. Then nothing is
// returned: of a disk that fails nothing can be said.
func Hash(ctx context.Context, dir string, paths []string, o Options) ([]artifact.Found, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	found := make([]artifact.Found, len(paths))
	ids := make([]fileID, len(paths))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, len(paths)) {
		group.Go(func() {
			r := &reader{ctx, opener{root: root}, o.Progress, sha256.New(), make([]byte, bufferSize)}
			defer r.opener.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				var err error
				if found[i], ids[i], err = r.file(paths[i]); err != nil {
					end(err)
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	markOtherNames(found, ids)
	return found, nil
}

// A reader reads one file after the other.
type reader struct {
	ctx      context.Context
	opener   opener
	progress func(int64)
	hash     hash.Hash
	buffer   []byte
}

// file reads the file at a path. The zero fileID is that of none.
func (r *reader) file(path string) (artifact.Found, fileID, error) {
	found := artifact.Found{Path: path}
	if !utf8.ValidString(path) {
		found.Problem = problemUTF8
		return found, fileID{}, nil
	}
	f, before, problem, err := r.opener.open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.Missing = true
		return found, fileID{}, nil
	case problem != "" || err != nil:
		found.Problem = problem
		return found, fileID{}, err
	}
	defer f.Close()
	id, err := identify(f, before)
	if err != nil {
		return found, fileID{}, unreadable(path, err)
	}
	size, err := r.content(f, before.Size())
	if err != nil {
		return found, fileID{}, unreadable(path, err)
	}
	after, err := f.Stat()
	if err != nil {
		return found, fileID{}, unreadable(path, err)
	}
	if size != before.Size() || changed(before, after) {
		found.Problem = problemChanged
		return found, id, nil
	}
	found.Size, found.SHA256 = size, hex.EncodeToString(r.hash.Sum(nil))
	return found, id, nil
}

// content hashes a file to its end and returns how many bytes it has. It stops
// soon after the size that it should have, for a file may grow for ever.
func (r *reader) content(f *os.File, size int64) (read int64, err error) {
	r.hash.Reset()
	for read <= size {
		n, err := f.Read(r.buffer)
		r.hash.Write(r.buffer[:n])
		read += int64(n)
		if r.progress != nil && n > 0 {
			r.progress(int64(n))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		atRead(read)
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
	}
	return read, nil
}

// atRead is called after each part of a file. Tests change the file there.
var atRead = func(read int64) {}

// changed tells whether a file is another one than before.
func changed(before, after fs.FileInfo) bool {
	return before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) || statusChanged(before, after)
}

// markOtherNames gives a problem to files that have several of the paths: who
// moves or writes to one of them does so to the others.
func markOtherNames(found []artifact.Found, ids []fileID) {
	var files []int
	for i, id := range ids {
		if id != (fileID{}) {
			files = append(files, i)
		}
	}
	slices.SortFunc(files, func(a, b int) int {
		return cmp.Or(cmp.Compare(ids[a].device, ids[b].device), cmp.Compare(ids[a].number, ids[b].number), cmp.Compare(a, b))
	})
	for k := 1; k < len(files); k++ {
		a, b := files[k-1], files[k]
		if ids[a] != ids[b] {
			continue
		}
		for _, pair := range [][2]int{{a, b}, {b, a}} {
			if f := &found[pair[0]]; f.Problem == "" {
				f.Problem = "another name of " + found[pair[1]].Path
			}
		}
	}
}
