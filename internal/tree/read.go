package tree

import (
	"errors"
	"io"
	"os"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
)

var (
	errTooLarge  = errors.New("it is larger than 16 MiB")
	errIrregular = errors.New("it is not a regular file")
)

// Each reads files and calls f with each one's content, which is valid during the
// call only. It reads several at once, as many as there are CPUs but at most 8,
// so f is called from several goroutines and in no certain order. The names are
// real ones, as Tracked and Named return them: a link is an error here.
//
// The first error ends it, that of the file that comes first in names if there
// are several. An error of f is returned as it is.
func (t *Tree) Each(names []string, f func(i int, name string, content []byte) error) error {
	var dirs folders
	return parallel(min(runtime.GOMAXPROCS(0), 8), len(names), func() func(int) error {
		buffer := make([]byte, 64<<10)
		return func(i int) error {
			name := names[i]
			if !valid(name) {
				return &Error{Name: name, Reason: "is not the name of a file in the folder"}
			}
			switch real, err := dirs.isReal(t, path.Dir(name)); {
			case err != nil:
				return unreadable(name, err)
			case !real:
				return &Error{Name: name, Reason: "lies in a folder that is a link", Advice: adviceLink}
			}
			n, err := load(t.path(name), &buffer)
			if err != nil {
				return t.explain(name, err)
			}
			return f(i, name, buffer[:n:n])
		}
	})
}

// Read returns the content of the file that a name stands for.
func (t *Tree) Read(name string) ([]byte, error) {
	real, info, err := t.regular(name)
	if err != nil {
		return nil, err
	}
	// One byte more than the file has, as load does not know that it is its end.
	buffer := make([]byte, min(info.Size(), maxSize)+1)
	n, err := load(t.path(real), &buffer)
	if err != nil {
		return nil, t.explain(name, err)
	}
	return buffer[:n:n], nil
}

// explain says what is wrong with a file that could not be read.
func (t *Tree) explain(name string, err error) error {
	switch info, lerr := os.Lstat(t.path(name)); {
	case err == errTooLarge:
		return &Error{Name: name, Reason: "is larger than 16 MiB", Advice: "leave it out of the patterns"}
	case err == errIrregular, lerr == nil && !info.Mode().IsRegular():
		return irregular(name)
	}
	return unreadable(name, err)
}

// load reads a regular file of at most maxSize bytes into a buffer, which it
// replaces by a larger one where it must, and returns the length. The last part
// of the path is not followed if it is a link.
func load(path string, buffer *[]byte) (n int, err error) {
	f, size, err := open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if size > maxSize {
		return 0, errTooLarge
	}
	for {
		if n == len(*buffer) {
			larger := make([]byte, max(2*n, int(size)+1))
			copy(larger, *buffer)
			*buffer = larger
		}
		m, err := f.Read((*buffer)[n:])
		n += m
		switch {
		case n > maxSize:
			return 0, errTooLarge
		case m == 0 || err == io.EOF:
			return n, nil
		case err != nil:
			return 0, err
		case int64(n) == size:
			return n, nil
		}
	}
}

// parallel calls, for each of 0 to n-1, the function that newWorker made for the
// goroutine. The first error ends it. The numbers are given out in order and each
// that was is finished, so the error with the lowest number is always the same.
func parallel(workers, n int, newWorker func() func(int) error) error {
	var (
		next, failed atomic.Int64
		mu           sync.Mutex
		first        error
		wg           sync.WaitGroup
	)
	failed.Store(int64(n))
	for range min(workers, n) {
		wg.Go(func() {
			work := newWorker()
			for {
				i := next.Add(1) - 1
				if i >= failed.Load() {
					return
				}
				err := work(int(i))
				if err == nil {
					continue
				}
				mu.Lock()
				if i < failed.Load() {
					failed.Store(i)
					first = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return first
}
