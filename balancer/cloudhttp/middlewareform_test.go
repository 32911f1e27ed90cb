package cloudhttp

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// TestMiddlewareLeavesNoFiles uploads a file that is kept on disk while the handler
// runs. Once it has returned, also by a panic, the file is gone.
func TestMiddlewareLeavesNoFiles(t *testing.T) {
	for name, test := range map[string]struct {
		opts []ServerOption
		end  func()
	}{
		"nothing to do": {nil, func() {}},
		"cap":           {[]ServerOption{WithCap(1)}, func() {}},
		"panic":         {nil, func() { panic("told by the test") }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			files := func() int {
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Error(err)
				}
				return len(entries)
			}
			inner := Middleware(test.opts...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := r.ParseMultipartForm(1); err != nil {
					t.Error(err)
				}
				if n := files(); n != 1 {
					t.Errorf("%d files while the handler runs", n)
				}
				test.end()
			}))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { recover() }() // as many servers do
				inner.ServeHTTP(w, r)
			}))
			sendForm(t, server.Client(), server.URL)
			server.Close() // when it has answered it tidies up
			if n := files(); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

// sendForm sends a form with a file.
func sendForm(t *testing.T, c *http.Client, url string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("map", "map.bin")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(make([]byte, 4<<10))
	form.Close()
	resp, err := c.Post(url, form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}
