package cloudhttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// ledger notes what calls have an effect.
type ledger struct {
	mu      sync.Mutex
	effects map[string]int // by the id in the body
}

func (l *ledger) handle(w http.ResponseWriter, r *http.Request) {
	id, err := io.ReadAll(r.Body)
	if err != nil || len(id) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.effects[string(id)]++
}

// oneWay makes what servers say disappear while cut is set. What clients say
// arrives.
func oneWay(base func(string, *http.Transport) http.RoundTripper, cloud string, cut *atomic.Bool) Option {
	return WithBase(func(name string, t *http.Transport) http.RoundTripper {
		rt := base(name, t)
		if name != cloud {
			return rt
		}
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return deaf{conn, cut}, nil
		}
		return rt
	})
}

// deaf is a connection on which nothing arrives while cut is set.
type deaf struct {
	net.Conn
	cut *atomic.Bool
}

func (d deaf) Read(p []byte) (int, error) {
	for {
		n, err := d.Conn.Read(p)
		if err != nil || !d.cut.Load() {
			return n, err
		}
	}
}

// TestEachPostHasOneEffectAtMost makes 1,000 POSTs, which nobody may repeat,
// while the replies of the cloud that most of them go to are lost from the
// 200th on. The caller is told which may have been carried out, and the cloud
// is left within 2 s.
func TestEachPostHasOneEffectAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := ledger{effects: map[string]int{}}
		lan := network(t, map[string]http.HandlerFunc{
			"192.0.2.1:80": calls(book.handle), "192.0.2.2:80": calls(book.handle), "192.0.2.3:80": calls(book.handle),
		})
		cfg := config([]string{"http://192.0.2.1", "http://192.0.2.2"}, []string{"http://192.0.2.3"})
		cfg.Clouds["first"], cfg.Clouds["second"] = balancer.Cloud{Weight: 70}, balancer.Cloud{Weight: 30}
		cfg.Tiers[0].Timeout = 800 * time.Millisecond
		var cut atomic.Bool
		e := newEnv(t, cfg, oneWay(lan.base, "first", &cut))

		const posts, every, cutAt = 1000, 5 * time.Millisecond, 200
		var mu sync.Mutex
		results := make(map[string]error)
		late := 0 // failed although begun 2 s after the cut, or later
		var wg sync.WaitGroup
		for i := range posts {
			if i == cutAt {
				cut.Store(true)
			}
			wg.Go(func() {
				id := strconv.Itoa(i)
				resp, err := e.client.Post("http://routing-api/", "text/plain", strings.NewReader(id))
				if err == nil {
					resp.Body.Close()
				}
				mu.Lock()
				defer mu.Unlock()
				results[id] = err
				if err != nil && i >= cutAt+int(2*time.Second/every) {
					late++
				}
			})
			time.Sleep(every)
			if i == cutAt+int(2*time.Second/every) {
				for _, share := range e.router.Status().Services[0].Tiers[0].Shares {
					if share.Cloud == "first" && share.Fraction >= 0.01 {
						t.Errorf("2 s after the cut the cloud's share is %v", share.Fraction)
					}
				}
			}
		}
		wg.Wait()
		failed := 0
		for id, err := range results {
			if n := book.effects[id]; n > 1 || err == nil && n != 1 {
				t.Errorf("call %s had %d effects, error %v", id, n, err)
			}
			if err == nil {
				continue
			}
			failed++
			var call *balancer.CallError
			if !errors.Is(err, balancer.ErrAmbiguous) || !errors.As(err, &call) || !call.Timeout() {
				t.Errorf("call %s: %v", id, err)
			}
		}
		if failed == 0 || late > 0 {
			t.Errorf("%d calls failed, %d of them begun 2 s after the cut or later", failed, late)
		}
		t.Logf("%d of %d calls are ambiguous", failed, posts)
	})
}
