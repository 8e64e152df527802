package spaceliftapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// calls are what may be asked again.
var calls = map[string]func(context.Context, *spaceliftapi.Client) error{
	"apiKeyUser": func(ctx context.Context, c *spaceliftapi.Client) error { return c.Login(ctx) },
	"stack": func(ctx context.Context, c *spaceliftapi.Client) error {
		if err := c.Login(ctx); err != nil {
			return err
		}
		_, err := c.Branch(ctx, "network")
		return err
	},
	"debugInfo": func(ctx context.Context, c *spaceliftapi.Client) error {
		if err := c.Login(ctx); err != nil {
			return err
		}
		_, err := c.Trigger(ctx, tracked())
		return err
	},
}

func seconds(all ...int) (waits []time.Duration) {
	for _, n := range all {
		waits = append(waits, time.Duration(n)*time.Second)
	}
	return waits
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const (
	noon  = "Thu, 01 May 2025 12:00:00 GMT"
	later = "Thu, 01 May 2025 12:00:11 GMT"
)

// What passes is waited for, as long as the server says.
func TestPassingFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault spacelifttest.Fault
		times int
		want  []time.Duration
	}{
		"429":                     {spacelifttest.Fault{Status: 429}, 3, seconds(1, 2, 4)},
		"429, retry-after":        {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "7")}, 2, seconds(7, 7)},
		"429, retry-after 0":      {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "0")}, 1, seconds(1)},
		"429, a date":             {spacelifttest.Fault{Status: 429, Header: header("Retry-After", later, "Date", noon)}, 1, seconds(11)},
		"429, a date gone by":     {spacelifttest.Fault{Status: 429, Header: header("Retry-After", noon, "Date", later)}, 1, seconds(1)},
		"429, a date alone":       {spacelifttest.Fault{Status: 429, Header: header("Retry-After", later, "Date", "")}, 2, seconds(1, 2)},
		"429, nonsense":           {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "-5")}, 1, seconds(1)},
		"500":                     {spacelifttest.Fault{Status: 500, Body: "oops"}, 1, seconds(1)},
		"502":                     {spacelifttest.Fault{Status: 502, Body: "<html>"}, 4, seconds(1, 2, 4, 8)},
		"503, retry-after":        {spacelifttest.Fault{Status: 503, Header: header("Retry-After", "5")}, 1, seconds(5)},
		"504":                     {spacelifttest.Fault{Status: 504}, 1, seconds(1)},
		"520":                     {spacelifttest.Fault{Status: 520}, 1, seconds(1)},
		"cut":                     {spacelifttest.Fault{Cut: true}, 2, seconds(1, 2)},
		"cut after it was done":   {spacelifttest.Fault{Cut: true, Late: true}, 1, seconds(1)},
		"half":                    {spacelifttest.Fault{Half: true}, 1, seconds(1)},
		"half of an answer: 200":  {spacelifttest.Fault{Half: true, Body: "{}", Header: header("X-Test", "1")}, 1, seconds(1)},
		"a minute, in two halves": {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "30")}, 2, seconds(30, 30)},
	} {
		for operation, call := range calls {
			s := spacelifttest.New(t, options())
			s.First(test.times, operation, test.fault)
			c, slept := newClient(t, s)
			if err := call(t.Context(), c); err != nil {
				t.Errorf("%s, %s: %v", operation, name, err)
			}
			if diff := cmp.Diff(test.want, slept.slept); diff != "" || count(s, operation) != test.times+1 {
				t.Errorf("%s, %s: %d requests, waits (-want +got):\n%s", operation, name, count(s, operation), diff)
			}
		}
	}
}

// echo repeats what a server was sent.
var echo = fmt.Sprintf(`[{"message":%q}]`, "no "+secret+" here "+runToken)

// What does not pass is no answer.
func TestLastingFaults(t *testing.T) {
	large := `{"data":{},"extensions":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, test := range map[string]struct {
		fault         spacelifttest.Fault
		says, advises string
		tries         int // 0 is 1
	}{
		"429":              {spacelifttest.Fault{Status: 429}, "answered 429, still after 5 tries", "later", 5},
		"429, too long":    {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "61")}, "to wait 1m1s more is too long", "later", 0},
		"429, too often":   {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "25")}, "one run waits 1m0s in all", "later", 3},
		"429, for ever":    {spacelifttest.Fault{Status: 429, Header: header("Retry-After", "4294967295")}, "is too long", "later", 0},
		"500":              {spacelifttest.Fault{Status: 500}, "answered 500, still after 5 tries", "later", 5},
		"cut":              {spacelifttest.Fault{Cut: true}, "the connection was cut, still after 5 tries", "later", 5},
		"too large":        {spacelifttest.Fault{Body: large}, "more than 1048576 bytes", "network", 0},
		"a redirect":       {spacelifttest.Fault{Status: 307, Header: header("Location", "https://mallory.example/?secret=x")}, "answered 307: the answer is a redirect", "SPACELIFT_API_KEY_ENDPOINT", 0},
		"see other":        {spacelifttest.Fault{Status: 303, Header: header("Location", "/login")}, "a redirect", "SPACELIFT_API_KEY_ENDPOINT", 0},
		"404":              {spacelifttest.Fault{Status: 404, Body: "<html>"}, "it answered 404", "SPACELIFT_API_KEY_ENDPOINT", 0},
		"422":              {spacelifttest.Fault{Status: 422, Body: `{"errors":` + echo + `}`}, `answered 422: "no … here …"`, "", 0},
		"no JSON":          {spacelifttest.Fault{Body: "<html>hello</html>"}, "no JSON", "network", 0},
		"nothing":          {spacelifttest.Fault{Status: 204}, "no JSON", "network", 0},
		"half of JSON":     {spacelifttest.Fault{Body: `{"data":{`}, "no JSON", "network", 0},
		"twice":            {spacelifttest.Fault{Body: `{"data":{},"data":{}}`}, "not all readers", "network", 0},
		"null":             {spacelifttest.Fault{Body: `null`}, "no answer of GraphQL", "", 0},
		"a list":           {spacelifttest.Fault{Body: `[{"data":{}}]`}, "no answer of GraphQL", "", 0},
		"no data":          {spacelifttest.Fault{Body: `{}`}, "no data", "", 0},
		"data: null":       {spacelifttest.Fault{Body: `{"data":null}`}, "no data", "", 0},
		"data: a list":     {spacelifttest.Fault{Body: `{"data":[]}`}, "no data", "", 0},
		"data: text":       {spacelifttest.Fault{Body: `{"data":"x","errors":[{"message":"m"}]}`}, "no data", "", 0},
		"nothing in data":  {spacelifttest.Fault{Body: `{"data":{}}`}, "the answer has no ", "", 0},
		"errors: text":     {spacelifttest.Fault{Body: `{"data":{},"errors":"no"}`}, "no list", "", 0},
		"errors: numbers":  {spacelifttest.Fault{Body: `{"data":{},"errors":[1]}`}, "no message", "", 0},
		"errors: empty":    {spacelifttest.Fault{Body: `{"data":{},"errors":[{}]}`}, "no message", "", 0},
		"message: null":    {spacelifttest.Fault{Body: `{"data":{},"errors":[{"message":null}]}`}, "no message", "", 0},
		"errors":           {spacelifttest.Fault{Errors: `[{"message":"one"},{"message":"two"}]`}, `"one; two"`, "later", 0},
		"errors, repeated": {spacelifttest.Fault{Errors: echo}, `"no … here …"`, "later", 0},
		"errors, long":     {spacelifttest.Fault{Errors: `[{"message":"` + strings.Repeat("x", 300) + `"}]`}, `"` + strings.Repeat("x", 200) + `"`, "later", 0},
		"errors and data":  {spacelifttest.Fault{Body: `{"data":{"apiKeyUser":{"jwt":"a","validUntil":1},"stack":{"id":"network","branch":"main"}},"errors":[{"message":"m"}]}`}, `"m"`, "later", 0},
		"errors alone":     {spacelifttest.Fault{Body: `{"errors":[{"message":"m"}]}`}, `"m"`, "later", 0},
		"Unauthorized":     {spacelifttest.Fault{Errors: `[{"message":"Unauthorized: ` + runToken + `"}]`}, `"Unauthorized: …"`, "", 0},
		"401":              {spacelifttest.Fault{Status: 401, Body: "unauthorized"}, "answered 401", "", 0},
		"403":              {spacelifttest.Fault{Status: 403, Body: "<html>"}, "answered 403", "", 0},
	} {
		for _, operation := range []string{"apiKeyUser", "stack"} {
			s := spacelifttest.New(t, options())
			s.On(operation, test.fault)
			c, _ := newClient(t, s)
			err := calls[operation](t.Context(), c)
			if err == nil {
				t.Errorf("%s, %s: no error", operation, name)
				continue
			}
			wantError(t, c, err, test.says, test.advises)
			if errors.Is(err, spaceliftapi.ErrLost) || errors.Is(err, spaceliftapi.ErrRedirect) != strings.Contains(test.says, "redirect") {
				t.Errorf("%s, %s: error %v", operation, name, err)
			}
			if strings.Contains(err.Error()+err.(hinted).Hint(), "mallory") {
				t.Errorf("%s, %s: error %v", operation, name, err)
			}
			if n := count(s, operation); n != max(test.tries, 1) {
				t.Errorf("%s, %s: %d requests", operation, name, n)
			}
		}
	}
}

// What the fields of an answer are not.
func TestWrongFields(t *testing.T) {
	for operation, all := range map[string][]string{
		"apiKeyUser": {
			`[]`, `"x"`, `{}`, `{"jwt":"a"}`, `{"validUntil":1}`, `{"jwt":null,"validUntil":1}`, `{"jwt":1,"validUntil":1}`,
			`{"jwt":"","validUntil":1}`, `{"jwt":"a b","validUntil":1}`, `{"jwt":"a\nX-Y: z","validUntil":1}`, `{"jwt":"é","validUntil":1}`,
			`{"jwt":"a","validUntil":null}`, `{"jwt":"a","validUntil":"1"}`, `{"jwt":"a","validUntil":1.5}`, `{"JWT":"a","validUntil":1}`,
			`{"jwt":"` + strings.Repeat("x", 16<<10+1) + `","validUntil":1}`,
		},
		"stack": {
			`[]`, `1`, `{}`, `{"id":"network"}`, `{"branch":"main"}`, `{"id":"network","branch":null}`, `{"id":"network","branch":""}`,
			`{"id":"network","branch":["main"]}`, `{"id":"other","branch":"main"}`, `{"id":null,"branch":"main"}`,
		},
	} {
		for _, v := range all {
			s := spacelifttest.New(t, options())
			s.On(operation, spacelifttest.Fault{Body: `{"data":{"` + operation + `":` + v + `}}`})
			c, _ := newClient(t, s)
			err := calls[operation](t.Context(), c)
			if err == nil || count(s, operation) != 1 {
				t.Errorf("%s is %s: error %v, %d requests", operation, v, err, count(s, operation))
				continue
			}
			wantError(t, c, err, "the answer", "")
		}
	}
	s := spacelifttest.New(t, options())
	s.On("apiKeyUser", spacelifttest.Fault{Body: `{"data":{"apiKeyUser":null}}`})
	c, _ := newClient(t, s)
	wantCredentialsError(t, c, c.Login(t.Context()), "no token for this key", "SPACELIFT_API_KEY_ID")
	// As servers do where nothing is wrong.
	for _, none := range []string{`[]`, `null`} {
		s.On("apiKeyUser", spacelifttest.Fault{Body: `{"extensions":{"x":[1]},"data":{"apiKeyUser":{"jwt":"a","validUntil":1}},"errors":` + none + `}`})
		c, _ := newClient(t, s)
		if err := c.Login(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A caller that goes away, and a server that does not answer.
func TestEnded(t *testing.T) {
	for operation, call := range calls {
		s := spacelifttest.New(t, options())
		ctx, cancel := context.WithCancel(t.Context())
		s.Fault(func(_ int, r spacelifttest.Request) *spacelifttest.Fault {
			if r.Operation != operation {
				return nil
			}
			cancel()
			return &spacelifttest.Fault{Hang: true}
		})
		c, _ := newClient(t, s)
		if err := call(ctx, c); !errors.Is(err, context.Canceled) || errors.Is(err, spaceliftapi.ErrLost) || count(s, operation) != 1 {
			t.Errorf("%s: error %v after %d requests", operation, err, count(s, operation))
		}
		ctx, cancel = context.WithCancel(t.Context())
		s.On(operation, spacelifttest.Fault{Status: 429})
		waiting, err := spaceliftapi.New(nil, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: secret},
			func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() })
		if err != nil {
			t.Fatal(err)
		}
		if err := call(ctx, waiting); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", operation, err)
		}
	}
	slept := &clock{}
	c, err := spaceliftapi.New(silent(), spaceliftapi.Credentials{Endpoint: "https://acme.app.spacelift.io", KeyID: keyID, KeySecret: secret}, slept.sleep)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, c, c.Login(t.Context()), "no answer came in time, still after 5 tries", "later")
	if diff := cmp.Diff(seconds(1, 2, 4, 8), slept.slept); diff != "" {
		t.Error(diff)
	}
}
