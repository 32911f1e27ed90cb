package realclients

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/sla"
)

// service is the name under which the clients call the servers.
const service = "origin.example"

// cloudHeader, in an answer, names the cloud that it came through.
const cloudHeader = "X-Cloud"

// newTransport returns a transport for a service that runs at one address in
// each of some clouds. The caller's Host is kept, since signatures cover it.
func newTransport(t *testing.T, addresses map[string]string, opts ...cloudhttp.Option) *cloudhttp.Transport {
	t.Helper()
	cfg := &balancer.Config{
		Clouds:   make(map[string]balancer.Cloud),
		Services: map[string]balancer.Service{service: {Clouds: make(map[string]balancer.ServiceCloud)}},
		Tiers:    []sla.Tier{{Name: "default", Protected: true, Attempts: 3}},
	}
	for cloud, address := range addresses {
		cfg.Clouds[cloud] = balancer.Cloud{Host: balancer.HostCaller}
		cfg.Services[service].Clouds[cloud] = balancer.ServiceCloud{HTTP: []string{"http://" + address}}
	}
	router, err := balancer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { router.Close() })
	transport := cloudhttp.NewTransport(router, opts...)
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// world is one origin behind two clouds, each of which is a process of its own
// that can be killed.
type world struct {
	origin    *httptest.Server
	fronts    map[string]*front
	transport *cloudhttp.Transport
	once      sync.Once
	killed    chan string
}

// newWorld serves an origin. Its answers say which cloud they come through.
func newWorld(t *testing.T, origin http.Handler) *world {
	t.Helper()
	w := &world{killed: make(chan string, 1)}
	w.origin = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host, port, _ := net.SplitHostPort(r.RemoteAddr)
		for cloud, from := range sources {
			if host == from {
				rw.Header().Set(cloudHeader, cloud)
				r = r.WithContext(context.WithValue(r.Context(), cloudKey{}, cloud))
				r.RemoteAddr = net.JoinHostPort("127.0.0.1", port) // as without clouds
			}
		}
		origin.ServeHTTP(rw, r)
	}))
	w.origin.Config.ErrorLog = log.New(io.Discard, "", 0) // handlers whose client is gone
	w.origin.Start()
	t.Cleanup(w.origin.Close)
	address := w.origin.Listener.Addr().String()
	w.fronts = map[string]*front{
		"onprem": newFront(t, sources["onprem"], address),
		"gcp":    newFront(t, sources["gcp"], address),
	}
	w.transport = newTransport(t, w.addresses())
	return w
}

// addresses are those of the clouds.
func (w *world) addresses() map[string]string {
	return map[string]string{"onprem": w.fronts["onprem"].address, "gcp": w.fronts["gcp"].address}
}

func (w *world) client() *http.Client { return &http.Client{Transport: w.transport} }

// sources are the addresses that clouds connect to the origin from.
var sources = map[string]string{"onprem": "127.0.0.2", "gcp": "127.0.0.3"}

type cloudKey struct{}

// cloudOf tells the origin which cloud a request came through, "" if none.
func cloudOf(r *http.Request) string {
	cloud, _ := r.Context().Value(cloudKey{}).(string)
	return cloud
}

// killWithin returns a body, a request's or an answer's, in the middle of which
// its cloud is killed, after some bytes. Only one cloud is ever killed that way.
func (w *world) killWithin(body io.ReadCloser, bytes int, cloud string) io.ReadCloser {
	return &fatalBody{ReadCloser: body, left: bytes, kill: func() { w.kill(cloud) }}
}

// kill kills the first cloud that it is called for.
func (w *world) kill(cloud string) {
	w.once.Do(func() {
		w.fronts[cloud].kill()
		w.killed <- cloud
	})
}

// victim returns the cloud that was killed.
func (w *world) victim(t *testing.T) string {
	t.Helper()
	select {
	case cloud := <-w.killed:
		return cloud
	default:
		t.Fatal("no cloud was killed")
		return ""
	}
}

type fatalBody struct {
	io.ReadCloser
	left int
	kill func()
}

func (b *fatalBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left <= 0 {
		b.kill()
	}
	return n, err
}
