package cloudhttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// stuck is the body of an answer that has begun and doesn't go on.
type stuck struct {
	begun  io.Reader
	closed chan struct{}
	once   sync.Once
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, err := s.begun.Read(p); err == nil {
		return n, nil
	}
	<-s.closed
	return 0, errors.New("closed")
}

func (s *stuck) Close() error { s.once.Do(func() { close(s.closed) }); return nil }

// TestDiscard makes a call whose first answer is bad and has a body nobody
// wants: it is read to its end if that is quick, and always closed.
func TestDiscard(t *testing.T) {
	for _, test := range []struct {
		name  string
		body  string
		stuck bool
		after time.Duration
		left  int
	}{
		{"short", "sorry", false, 0, 0},
		{"long", strings.Repeat("x", 10_000), false, 0, 10_000 - drainBytes},
		{"stuck", "sor", true, drainTime, 0},
		{"broken off", "", false, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				content := strings.NewReader(test.body)
				body := &stuck{begun: content, closed: make(chan struct{})}
				e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), fake(map[string]roundTrip{
					"first": func(*http.Request) (*http.Response, error) {
						resp := response(500, "")
						resp.Body = body
						switch {
						case test.body == "":
							resp.Body = readCloser{iotest.ErrReader(io.ErrUnexpectedEOF), body}
						case !test.stuck:
							resp.Body = readCloser{content, body}
						}
						return resp, nil
					},
					"second": func(*http.Request) (*http.Response, error) { return response(200, "second"), nil },
				}))
				began := time.Now()
				if _, got := e.get(t, "http://routing-api/"); got != "second" {
					t.Errorf("got %q", got)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				select {
				case <-body.closed:
				default:
					t.Error("the first answer's body wasn't closed")
				}
				if content.Len() != test.left {
					t.Errorf("%d bytes are left, want %d", content.Len(), test.left)
				}
				e.expect(t, seen{"first", health.Failed, "http 500"}, seen{"second", health.OK, "http 200"})
			})
		})
	}
}

// readCloser is made of two parts.
type readCloser struct {
	io.Reader
	io.Closer
}

// TestConnectionIsUsedAgain reads and discards answers on connections that
// serve the next call too.
func TestConnectionIsUsedAgain(t *testing.T) {
	remotes := make(map[string]bool)
	var mu sync.Mutex
	server := serve(t, calls(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		remotes[r.RemoteAddr] = true
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		io.WriteString(w, "text")
	}))
	cfg := config([]string{server}, []string{serve(t, say("second"))})
	cfg.Health.Probe.Interval = time.Hour // a probe needs a connection as well
	e := newEnv(t, cfg)
	for i := range 10 {
		e.get(t, fmt.Sprintf("http://routing-api/%d", i))
		e.get(t, "http://routing-api/bad")
	}
	if len(remotes) > 2 {
		t.Errorf("20 calls one after the other took %d connections", len(remotes))
	}
}
