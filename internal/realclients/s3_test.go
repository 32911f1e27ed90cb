package realclients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

const (
	bucket     = "routes"
	objectSize = 20 << 20
	partSize   = 5 << 20
)

// store is an S3 store behind two clouds.
type store struct {
	*world
	client *minio.Client
	parts  atomic.Int64 // that were sent
	// sent and got, unless nil, see the bodies of parts and of answers.
	sent func(cloud string, part int64, body io.ReadCloser) io.ReadCloser
	got  func(cloud string, body io.ReadCloser) io.ReadCloser
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := new(store)
	s3 := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s.world = newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != service && r.UserAgent() != cloudhttp.ProbeUserAgent {
			t.Errorf("%s %s: Host %q, which isn't what was signed", r.Method, r.URL, r.Host)
		}
		if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") {
			part := s.parts.Add(1)
			if s.sent != nil {
				r.Body = s.sent(cloudOf(r), part, r.Body)
			}
		}
		s3.ServeHTTP(w, r)
	}))
	var err error
	s.client, err = minio.New(service, &minio.Options{
		Creds:     credentials.NewStaticV4("access", "secret", ""),
		Transport: readBodies{s.transport, s},
		Region:    "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// readBodies lets the store see the bodies of answers.
type readBodies struct {
	http.RoundTripper
	store *store
}

func (b readBodies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil && req.Method == http.MethodGet && b.store.got != nil {
		resp.Body = b.store.got(resp.Header.Get(cloudHeader), resp.Body)
	}
	return resp, err
}

func (s *store) upload(ctx context.Context, object []byte) error {
	_, err := s.client.PutObject(ctx, bucket, "map.bin", bytes.NewReader(object), int64(len(object)), minio.PutObjectOptions{
		PartSize:             partSize,
		NumThreads:           2,
		DisableContentSha256: true, // gofakes3 stores the signatures of chunks with them
	})
	return err
}

func (s *store) download(ctx context.Context) ([]byte, error) {
	o, err := s.client.GetObject(ctx, bucket, "map.bin", minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(o)
}

func newObject() []byte {
	object := make([]byte, objectSize)
	rand.NewChaCha8([32]byte{1}).Read(object)
	return object
}

func TestS3(t *testing.T) {
	s, object := newStore(t), newObject()
	if err := s.upload(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	if n := s.parts.Load(); n != objectSize/partSize {
		t.Errorf("the upload took %d parts, want %d", n, objectSize/partSize)
	}
	got, err := s.download(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(object) {
		t.Errorf("downloaded %d bytes that aren't the %d uploaded", len(got), len(object))
	}
	info, err := s.client.StatObject(t.Context(), bucket, "map.bin", minio.StatObjectOptions{})
	if err != nil || info.Size != objectSize {
		t.Errorf("the store has %d bytes (%v)", info.Size, err)
	}
	link, err := s.client.PresignedGetObject(t.Context(), bucket, "map.bin", time.Hour, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.world.client().Get(link.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, object) {
		t.Errorf("by a signed link: %s, %d bytes (%v)", resp.Status, len(got), err)
	}
}

// The cloud that the second part goes through is killed in the middle of it.
// The client, which can read the part again, sends it once more.
func TestS3UploadSurvives(t *testing.T) {
	s, object := newStore(t), newObject()
	s.sent = func(cloud string, part int64, body io.ReadCloser) io.ReadCloser {
		if part != 2 {
			return body
		}
		return s.killWithin(body, partSize/2, cloud)
	}
	if err := s.upload(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	s.victim(t)
	if n := s.parts.Load(); n <= objectSize/partSize {
		t.Errorf("%d parts were sent: none twice", n)
	}
	got, err := s.download(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, object) {
		t.Errorf("downloaded %d bytes that aren't the %d uploaded", len(got), len(object))
	}
}

// The cloud that an object comes through is killed in the middle of it. The
// client gets an error, or the whole; the next time it gets the whole.
func TestS3DownloadBreaks(t *testing.T) {
	s, object := newStore(t), newObject()
	if err := s.upload(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	s.got = func(cloud string, body io.ReadCloser) io.ReadCloser {
		return s.killWithin(body, 1<<20, cloud)
	}
	got, err := s.download(t.Context())
	t.Logf("%s was killed: %d bytes, %v", s.victim(t), len(got), err)
	if err == nil && !bytes.Equal(got, object) {
		t.Errorf("%d bytes, which aren't the whole, and no error", len(got))
	}
	got, err = s.download(t.Context())
	if err != nil || !bytes.Equal(got, object) {
		t.Errorf("the next time: %d bytes, %v", len(got), err)
	}
}
