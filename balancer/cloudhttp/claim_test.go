package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// silentDial lets no dial of a cloud be answered.
func silentDial(base func(string, *http.Transport) http.RoundTripper, cloud string) func(string, *http.Transport) http.RoundTripper {
	return func(name string, t *http.Transport) http.RoundTripper {
		rt := base(name, t)
		if name == cloud {
			t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}
		return rt
	}
}

// slowToHangUp makes connections that still carry what is written to them for a
// moment when they are to be closed.
func slowToHangUp(base func(string, *http.Transport) http.RoundTripper) func(string, *http.Transport) http.RoundTripper {
	return func(name string, t *http.Transport) http.RoundTripper {
		rt := base(name, t)
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return slowConn{conn}, nil
		}
		return rt
	}
}

type slowConn struct{ net.Conn }

func (c slowConn) Close() error {
	for range 100 {
		runtime.Gosched()
	}
	return c.Conn.Close()
}

// wrapped puts a transport behind one that leaves it to itself when the context
// ends.
func wrapped(base func(string, *http.Transport) http.RoundTripper) func(string, *http.Transport) http.RoundTripper {
	return func(cloud string, t *http.Transport) http.RoundTripper {
		inner := base(cloud, t)
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			type result struct {
				resp *http.Response
				err  error
			}
			done := make(chan result, 1)
			go func() {
				resp, err := inner.RoundTrip(req)
				done <- result{resp, err}
			}()
			select {
			case r := <-done:
				return r.resp, r.err
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
	}
}

// tally counts POSTs, whether or not their bodies come.
type tally struct{ atomic.Int64 }

func (n *tally) handle(_ http.ResponseWriter, r *http.Request) {
	if r.Method == "POST" {
		n.Add(1)
	}
}

// notProbed leaves the probes to themselves: they would open connections.
func notProbed(cfg *balancer.Config) *balancer.Config {
	cfg.Health.Probe.Interval = time.Hour
	return cfg
}

// uploads are the bodies of POSTs that nobody may repeat.
var uploads = []struct {
	name string
	body func() io.Reader
}{
	{"with GetBody", func() io.Reader { return strings.NewReader("one") }},
	{"without a body", func() io.Reader { return nil }},
	{"streamed", func() io.Reader { return io.MultiReader(strings.NewReader("one")) }},
}

// TestUnsentPostGoesElsewhere makes POSTs while the dials of the first cloud are
// never answered. Nothing was sent, so the other cloud gets them, once, and long
// before the time is over.
func TestUnsentPostGoesElsewhere(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		for _, upload := range uploads {
			t.Run(scheme+" "+upload.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var first, second tally
					lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(first.handle), "192.0.2.2:80": calls(second.handle)})
					cfg := config([]string{scheme + "://192.0.2.1"}, []string{scheme + "://192.0.2.2"})
					cfg.Tiers[0].Timeout = 2 * time.Second
					e := newEnv(t, cfg, WithBase(silentDial(lan.base, "first")))
					began := time.Now()
					resp, err := e.client.Post("http://routing-api/", "text/plain", upload.body())
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if took := time.Since(began); took > time.Second {
						t.Errorf("took %v", took)
					}
					if first.Load() != 0 || second.Load() != 1 {
						t.Errorf("the clouds were called %d and %d times", first.Load(), second.Load())
					}
				})
			})
		}
	}
}

// TestClaimRacesCut lets each POST get its connection, a new one or an idle one,
// at the very moment at which its attempt is given up, or right after it. Either the POST goes where it was to go, or
// elsewhere, but never to both.
func TestClaimRacesCut(t *testing.T) {
	tries := 160
	if raceEnabled {
		tries = 24 // it makes them slow
	}
	for _, scheme := range []string{"http", "h2c"} {
		for _, upload := range uploads {
			t.Run(scheme+" "+upload.name, func(t *testing.T) {
				here, there := int64(0), int64(0)
				for i := range tries {
					synctest.Test(t, func(t *testing.T) {
						var first, second tally
						lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(first.handle), "192.0.2.2:80": calls(second.handle)})
						var limit time.Duration
						base := slowToHangUp(lan.base)
						if i%2 == 1 {
							base = wrapped(base)
						}
						cfg := notProbed(config([]string{scheme + "://192.0.2.1"}, []string{scheme + "://192.0.2.2"}))
						e := newEnv(t, cfg, WithBase(base), WithSign(func(at balancer.Attempt, _ *http.Request) error {
							if at.Number() == 1 {
								limit = at.Time(0)
							}
							return nil
						}))
						e.transport.bases.of("first", &balancer.Endpoint{Scheme: scheme}).reports.Store(true)
						if i/2%2 == 1 {
							e.get(t, "http://routing-api/")
						}
						var waited atomic.Bool
						ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
							GetConn: func(string) {
								if !waited.Swap(true) {
									time.Sleep(limit + time.Duration(i/4%2))
								}
							},
						})
						req, err := http.NewRequestWithContext(ctx, "POST", "http://routing-api/", upload.body())
						if err != nil {
							t.Fatal(err)
						}
						resp, err := e.client.Do(req)
						if err != nil {
							t.Fatal(err)
						}
						resp.Body.Close()
						time.Sleep(time.Minute) // what was left behind would have come
						here += first.Load()
						there += second.Load()
						if n := first.Load() + second.Load(); n != 1 {
							t.Errorf("%d effects", n)
						}
					})
				}
				t.Logf("of %d POSTs %d went where they were to go, %d elsewhere", tries, here, there)
				if here == 0 || there == 0 {
					t.Error("there was no race")
				}
			})
		}
	}
}

// TestSentIsNotCut makes POSTs over bases that tell of connections and ones that
// don't. An attempt that may have sent something is waited for, however long the
// answer takes.
func TestSentIsNotCut(t *testing.T) {
	for _, test := range []struct {
		name string
		wrap func(rt http.RoundTripper, t *http.Transport) http.RoundTripper
	}{
		{"net/http", func(rt http.RoundTripper, _ *http.Transport) http.RoundTripper { return rt }},
		{"wrapped", func(rt http.RoundTripper, _ *http.Transport) http.RoundTripper { return roundTrip(rt.RoundTrip) }},
		{"without a trace", func(rt http.RoundTripper, _ *http.Transport) http.RoundTripper { return untraced(rt) }},
		{"with another for its scheme", func(rt http.RoundTripper, t *http.Transport) http.RoundTripper {
			t.RegisterProtocol("http", untraced(t.Clone()))
			return rt
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				book := ledger{effects: map[string]int{}}
				lan := network(t, map[string]http.HandlerFunc{
					"192.0.2.1:80": calls(func(w http.ResponseWriter, r *http.Request) {
						book.handle(w, r)
						time.Sleep(5 * time.Second)
						io.WriteString(w, "late")
					}),
					"192.0.2.2:80": calls(book.handle),
				})
				e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}),
					WithBase(func(cloud string, t *http.Transport) http.RoundTripper { return test.wrap(lan.base(cloud, t), t) }))
				if err := e.router.Ready(t.Context()); err != nil { // probes have been answered
					t.Fatal(err)
				}
				resp, err := e.client.Post("http://routing-api/", "text/plain", strings.NewReader("one"))
				if err != nil {
					t.Fatal(err)
				}
				if got := text(t, resp); got != "late" || book.effects["one"] != 1 {
					t.Errorf("got %q, effects %v", got, book.effects)
				}
			})
		})
	}
}

// untraced keeps the hooks of httptrace from a transport.
func untraced(rt http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithCancel(context.Background())
		stop := context.AfterFunc(req.Context(), cancel)
		resp, err := rt.RoundTrip(req.WithContext(ctx))
		if err != nil {
			stop()
			cancel()
		}
		return resp, err
	})
}

// TestMuteAttemptIsNotRepeated has a base that tells of connections, but not
// always. When it says nothing of a POST and doesn't answer either, the POST may
// have been carried out.
func TestMuteAttemptIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := 0
		e := newEnv(t, notProbed(config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"})), fake(map[string]roundTrip{
			"first": func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			},
			"second": func(*http.Request) (*http.Response, error) { second++; return response(200, ""), nil },
		}))
		e.transport.bases.get(baseKey{cloud: "first"}).reports.Store(true)
		_, err := e.client.Post("http://routing-api/", "text/plain", strings.NewReader("one"))
		if !errors.Is(err, balancer.ErrAmbiguous) || second > 0 {
			t.Errorf("got %v, and the second cloud %d calls", err, second)
		}
	})
}
