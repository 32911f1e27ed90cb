package realclients

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// site is what nginx serves in each cloud.
type site struct {
	dir     string
	text    []byte // text.txt, worth compressing
	large   []byte // large.bin
	servers map[string]*nginx
	client  *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	program := nginxProgram(t)
	s := &site{dir: t.TempDir(), servers: make(map[string]*nginx)}
	s.text = []byte(strings.Repeat("the way from Seoul to Busan\n", 40_000))
	s.large = make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{}).Read(s.large)
	for name, content := range map[string][]byte{"text.txt": s.text, "large.bin": s.large} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	addresses := make(map[string]string)
	for cloud := range sources {
		s.servers[cloud] = newNginx(t, program, s.dir, cloud)
		addresses[cloud] = s.servers[cloud].address
	}
	s.client = &http.Client{Transport: newTransport(t, addresses)}
	return s
}

// get asks for a path with a header or none, and returns the answer with its
// body.
func (s *site) get(t *testing.T, method, path, name, value string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+service+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s with %s: %s: %v", method, path, name, value, err)
	}
	return resp, body
}

func TestNginx(t *testing.T) {
	s := newSite(t)
	tag := func() string {
		resp, _ := s.get(t, "HEAD", "/text.txt", "Accept-Encoding", "identity")
		return resp.Header.Get("ETag")
	}()
	for _, c := range []struct {
		method, path, name, value string
		status                    int
		length                    int64 // as announced
		body                      []byte
	}{
		{"GET", "/text.txt", "Accept-Encoding", "identity", 200, int64(len(s.text)), s.text},
		{"GET", "/large.bin", "", "", 200, int64(len(s.large)), s.large},
		{"GET", "/large.bin", "Range", "bytes=0-0", 206, 1, s.large[:1]},
		{"GET", "/large.bin", "Range", "bytes=1000-1999999", 206, 1_999_000, s.large[1000:2_000_000]},
		{"GET", "/large.bin", "Range", "bytes=-100", 206, 100, s.large[len(s.large)-100:]},
		{"GET", "/large.bin", "If-None-Match", `"another"`, 200, int64(len(s.large)), s.large},
		{"GET", "/text.txt", "If-None-Match", tag, 304, 0, nil},
		{"GET", "/text.txt", "If-Modified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 200, -1, s.text},
		{"HEAD", "/large.bin", "", "", 200, int64(len(s.large)), nil},
	} {
		resp, body := s.get(t, c.method, c.path, c.name, c.value)
		if resp.StatusCode != c.status || !bytes.Equal(body, c.body) || resp.ContentLength != c.length {
			t.Errorf("%s %s with %s: %s: %s, %d bytes (%d announced), want %d, %d bytes (%d)", c.method, c.path, c.name, c.value,
				resp.Status, len(body), resp.ContentLength, c.status, len(c.body), c.length)
		}
	}
	t.Run("gzip, unpacked by net/http", func(t *testing.T) {
		resp, body := s.get(t, "GET", "/text.txt", "", "")
		if !resp.Uncompressed || resp.ContentLength != -1 || !bytes.Equal(body, s.text) {
			t.Errorf("%s, %d bytes (%d announced), unpacked: %v", resp.Status, len(body), resp.ContentLength, resp.Uncompressed)
		}
	})
	t.Run("gzip, by the caller", func(t *testing.T) {
		resp, body := s.get(t, "GET", "/text.txt", "Accept-Encoding", "gzip")
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); resp.Uncompressed || err != nil || !bytes.Equal(got, s.text) {
			t.Errorf("%s, %d bytes, unpacked %d, %v", resp.Status, len(body), len(got), err)
		}
	})
	t.Run("several ranges", func(t *testing.T) {
		resp, body := s.get(t, "GET", "/large.bin", "Range", "bytes=0-99,1000-1099")
		_, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for _, want := range [][]byte{s.large[:100], s.large[1000:1100]} {
			part, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v", part.Header.Get("Content-Range"), len(got), err)
			}
		}
	})
	for _, c := range []struct {
		method, path, name, value string
		status                    int
	}{
		{"GET", "/large.bin", "Range", "bytes=99999999-", 416},
		{"GET", "/no/such/file", "", "", 404},
		{"POST", "/text.txt", "", "", 405},
	} {
		if resp, _ := s.get(t, c.method, c.path, c.name, c.value); resp.StatusCode != c.status {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, resp.Status, c.status)
		}
	}
}

// Large bodies are read while the cloud of one of them is killed. Each is whole
// or ends with an error; only those under way in that cloud do so, and every
// later request gets its answer.
func TestNginxKilled(t *testing.T) {
	const readers, requests = 4, 12 // of each reader
	s := newSite(t)
	var once sync.Once
	var good, broken, afterwards atomic.Int64
	var killed atomic.Bool
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for i := range requests {
				began, path := killed.Load(), "/large.bin"
				if i == requests/3 {
					path = "/slow/large.bin" // most of it is still to come when its cloud is killed
				}
				resp, err := s.client.Get("http://" + service + path)
				if err != nil {
					t.Errorf("request %d: %v", i, err)
					continue
				}
				cloud := resp.Header.Get(cloudHeader)
				var body bytes.Buffer
				_, err = io.CopyN(&body, resp.Body, 1<<20)
				if err == nil && i == requests/3 {
					once.Do(func() {
						s.servers[cloud].kill()
						killed.Store(true)
					})
				}
				if err == nil {
					_, err = body.ReadFrom(resp.Body)
				}
				resp.Body.Close()
				switch {
				case err == nil && bytes.Equal(body.Bytes(), s.large):
					good.Add(1)
					if began {
						afterwards.Add(1)
					}
				case err == nil:
					t.Errorf("%d bytes that aren't the file, and no error", body.Len())
				default:
					broken.Add(1)
					if began {
						t.Errorf("a request made after %s was killed: %v", cloud, err)
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d bodies whole, %d broken; %d whole of requests after the cloud was killed", good.Load(), broken.Load(), afterwards.Load())
	if n := broken.Load(); n == 0 || n > readers {
		t.Errorf("%d bodies broken, want 1 to %d", n, readers)
	}
	if n := afterwards.Load(); n < readers*requests/3 {
		t.Errorf("only %d requests were made after the cloud was killed", n)
	}
}

// nginxProgram finds nginx. In CI it must be there.
func nginxProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // the latter isn't in everyone's PATH
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("nginx is not installed")
	}
	t.Skip("nginx is not installed")
	return ""
}

// nginx is the one server of a cloud.
type nginx struct {
	address string
	cmd     *exec.Cmd
}

// newNginx starts a server of one process for the files in a directory, and
// returns when it listens.
func newNginx(t *testing.T, program, root, cloud string) *nginx {
	t.Helper()
	n := &nginx{address: freeAddress(t)}
	own := t.TempDir()
	config := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events { worker_connections 256; }
http {
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	access_log off;
	types { text/plain txt; }
	default_type application/octet-stream;
	gzip on;
	gzip_types text/plain;
	add_header %[4]s %[5]s always;
	server {
		listen %[2]s;
		root %[3]s;
		location = /healthz { return 200; }
		location /slow/ { alias %[3]s/; limit_rate 8m; }
	}
}
`, own, n.address, root, cloudHeader, cloud)
	file := filepath.Join(own, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(program, "-p", own, "-e", "stderr", "-c", file)
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	for range 500 {
		conn, err := net.Dial("tcp", n.address)
		if err == nil {
			conn.Close()
			return n
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("nginx doesn't listen on %s", n.address)
	return nil
}

// kill kills the process and returns when it is gone.
func (n *nginx) kill() {
	n.cmd.Process.Kill()
	n.cmd.Wait()
}
