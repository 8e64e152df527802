package spacelifttest

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
)

// A Fault is something that goes wrong with one request.
//
// Where one of Status, Body, Errors, Cut and Hang is set the request is not carried
// out, unless Late is set too. Otherwise it is, and the other fields change the answer.
type Fault struct {
	Status int // 200 where Body or Errors is set alone
	Header http.Header
	Body   string
	Errors string // a JSON array, answered as "errors" beside "data": null
	Late   bool   // the server fails after it has carried out the request
	Cut    bool   // closes the connection instead of an answer
	Half   bool   // closes the connection in the middle of the answer
	Hang   bool   // waits until the client goes away
}

// Fault makes requests fail. The function is called once for each, with n counted from
// 1 since the call of Fault; nil means that nothing goes wrong. It may be called by
// several goroutines at once.
func (s *Server) Fault(f func(n int, r Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.fault = 0, f
}

// On makes all requests of one operation fail in one way.
func (s *Server) On(operation string, fault Fault) {
	s.Fault(func(_ int, r Request) *Fault {
		if r.Operation != operation {
			return nil
		}
		return &fault
	})
}

// First makes the first n requests of one operation fail in one way.
func (s *Server) First(n int, operation string, fault Fault) {
	var count atomic.Int64
	s.Fault(func(_ int, r Request) *Fault {
		if r.Operation != operation || count.Add(1) > int64(n) {
			return nil
		}
		return &fault
	})
}

// prevents tells whether the request is not carried out.
func (f *Fault) prevents() bool {
	return f != nil && !f.Late && (f.Status != 0 || f.Body != "" || f.Errors != "" || f.Cut || f.Hang)
}

// send writes an answer, with what the fault makes of it. The answer is nil where
// there was none.
func (f *Fault) send(w http.ResponseWriter, r *http.Request, answer *reply) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if f == nil {
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body)
		return
	}
	if f.Hang {
		<-r.Context().Done()
	}
	if f.Hang || f.Cut {
		panic(http.ErrAbortHandler)
	}
	if f.Status != 0 || f.Body != "" || f.Errors != "" {
		answer = &reply{status: max(f.Status, http.StatusOK), body: []byte(f.Body)}
	}
	if f.Errors != "" {
		answer.body = fmt.Appendf(nil, `{"data":null,"errors":%s}`, f.Errors)
	}
	for name, values := range f.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	body := answer.body
	if f.Half {
		h.Set("Content-Length", strconv.Itoa(max(len(body), 2)))
		w.WriteHeader(answer.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(body)
}
