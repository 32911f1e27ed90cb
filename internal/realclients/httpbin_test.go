package realclients

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"reflect"
	"strings"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// answer is what a client gets to see.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	length  int64
	body    []byte
	err     error
}

func (a answer) String() string {
	return fmt.Sprintf("%d %v, %d bytes (%d announced) %.200q, trailer %v, error %v", a.status, a.header, len(a.body), a.length, a.body, a.trailer, a.err)
}

// Every answer is the same as one that the origin gives to net/http's own
// transport.
func TestHTTPBin(t *testing.T) {
	w := newWorld(t, httpbin.New())
	direct := &http.Client{Transport: toOrigin{w.origin.Listener.Addr().String()}}
	defer direct.CloseIdleConnections()
	for _, c := range []struct {
		method, path string
		header       []string // name, value, …
		body         string
		status       int
	}{
		{method: "GET", path: "/headers", header: []string{"X-Own", "a", "Accept-Language", "ko"}, status: 200},
		{method: "GET", path: "/bytes/100000?seed=1", status: 200},
		{method: "GET", path: "/stream-bytes/100000?seed=1&chunk_size=777", status: 200},
		{method: "GET", path: "/range/10000?chunk_size=100", status: 200},
		{method: "GET", path: "/range/10000", header: []string{"Range", "bytes=17-4242"}, status: 206},
		{method: "GET", path: "/range/10000", header: []string{"Range", "bytes=20000-"}, status: 416},
		{method: "GET", path: "/gzip", header: []string{"Accept-Encoding", "gzip"}, status: 200},
		{method: "GET", path: "/gzip", status: 200},
		{method: "GET", path: "/deflate", status: 200},
		{method: "GET", path: "/encoding/utf8", status: 200},
		{method: "GET", path: "/image/png", status: 200},
		{method: "GET", path: "/base64/ZmFpcmxlYWQ=", status: 200},
		{method: "GET", path: "/etag/v1", status: 200},
		{method: "GET", path: "/etag/v1", header: []string{"If-None-Match", `"v1"`}, status: 304},
		{method: "HEAD", path: "/bytes/100000?seed=1", status: 200},
		{method: "GET", path: "/trailers?checksum=abc&Other=1", status: 200},
		{method: "POST", path: "/trailers?checksum=abc", body: "text", status: 200},
		{method: "GET", path: "/drip?numbytes=50&duration=100ms&delay=0", status: 200},
		{method: "GET", path: "/drip?numbytes=5&code=418&duration=0&delay=0", status: 418},
		{method: "GET", path: "/redirect/4", status: 200},
		{method: "GET", path: "/absolute-redirect/4", status: 200},
		{method: "POST", path: "/redirect-to?status_code=307&url=/anything", body: strings.Repeat("again", 1000), status: 200},
		{method: "POST", path: "/redirect-to?status_code=303&url=/headers", body: "once", status: 200},
		{method: "GET", path: "/redirect-to?url=http://" + w.origin.Listener.Addr().String() + "/bytes/100?seed=2", status: 200},
		{method: "GET", path: "/cookies/set?a=b", status: 200},
		{method: "GET", path: "/status/404", status: 404},
		{method: "GET", path: "/status/500", status: 500},
		{method: "GET", path: "/status/503", status: 503},
		{method: "DELETE", path: "/delete", status: 200},
		{method: "PUT", path: "/put", body: strings.Repeat("ä", 50_000), status: 200},
		{method: "PATCH", path: "/patch", body: "x", status: 200},
		{method: "POST", path: "/post", body: "a=1&b=2", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 200},
		{method: "POST", path: "/post", body: "expected", header: []string{"Expect", "100-continue"}, status: 200},
		{method: "GET", path: "/no/such/path", status: 404},
	} {
		name := c.method + " " + c.path
		ask := func(client *http.Client) answer {
			client.Jar, _ = cookiejar.New(nil)
			return ask(t, client, c.method, c.path, c.header, c.body)
		}
		want, got := ask(direct), ask(w.client())
		if want.err != nil || want.status != c.status {
			t.Errorf("%s: the origin itself says %d (%v), not %d", name, want.status, want.err, c.status)
		}
		if got.header.Get(cloudHeader) == "" && !strings.Contains(c.path, "url=http:") {
			t.Errorf("%s: not through a cloud", name)
		}
		got.header.Del(cloudHeader)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
		}
	}
}

// toOrigin sends the service's requests to the origin itself, by net/http's
// own transport.
type toOrigin struct{ address string }

func (o toOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Body, out.GetBody = req.Body, req.GetBody
	if out.URL.Host == service {
		out.Host, out.URL.Host = service, o.address
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}

func ask(t *testing.T, client *http.Client, method, path string, header []string, body string) answer {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+service+path, content)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, length: resp.ContentLength}
	a.body, a.err = io.ReadAll(resp.Body)
	a.trailer = resp.Trailer
	for _, changing := range []string{"Date", "Server-Timing"} {
		a.header.Del(changing)
	}
	return a
}

// A cloud is killed while an answer drips through it. The client gets an error,
// not a short body, and the next answer is whole.
func TestDripBreaks(t *testing.T) {
	w := newWorld(t, httpbin.New())
	get := func(path string) *http.Response {
		t.Helper()
		resp, err := w.client().Get("http://" + service + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	resp := get("/drip?numbytes=1000&duration=5s&delay=0")
	n, err := io.Copy(io.Discard, w.killWithin(resp.Body, 1, resp.Header.Get(cloudHeader)))
	if err == nil || n == 1000 {
		t.Errorf("%s was killed, but %d bytes came, with error %v", w.victim(t), n, err)
	}
	resp = get("/drip?numbytes=1000&duration=0&delay=0")
	if n, err := io.Copy(io.Discard, resp.Body); n != 1000 || err != nil {
		t.Errorf("then %d bytes came (%v)", n, err)
	}
}
