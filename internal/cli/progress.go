package cli

import (
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"
)

// byteProgress shows on a terminal how many bytes were read, from a second on.
type byteProgress struct {
	out   io.Writer
	bytes atomic.Int64
	stop  chan struct{}
	ended chan struct{}
}

// onTerminal tells whether somebody looks at standard error.
func (a *app) onTerminal() bool {
	terminal, ok := a.Stderr.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := terminal.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

// byteProgress begins to show how far work is. It ends with end.
func (a *app) byteProgress() *byteProgress {
	p := &byteProgress{stop: make(chan struct{}), ended: make(chan struct{})}
	if a.onTerminal() {
		p.out = a.Stderr
		go p.show()
	} else {
		close(p.ended)
	}
	return p
}

func (p *byteProgress) add(bytes int64) { p.bytes.Add(bytes) }

func (p *byteProgress) show() {
	defer close(p.ended)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	shown := false
	for {
		select {
		case <-ticks.C:
			shown = true
			fmt.Fprintf(p.out, "\rreading: %d MB", p.bytes.Load()/1e6)
		case <-p.stop:
			if shown {
				fmt.Fprint(p.out, "\r\x1b[K")
			}
			return
		}
	}
}

func (p *byteProgress) end() {
	close(p.stop)
	<-p.ended
}
