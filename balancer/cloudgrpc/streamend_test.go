package cloudgrpc_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// A stream at a cloud that is drained has a grace, and ends with a typed error.
func TestStreamEndsWhenItsCloudIsDrained(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
		s, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(question("q", 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		if err := r.Drain("a", balancer.WithGrace(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = s.Recv()
		var drained *balancer.DrainedError
		if took := time.Since(began); !errors.As(err, &drained) || drained.Cloud != "a" || status.Code(err) != codes.Unavailable || took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		if c := counted(r, "a"); c.Bad != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestCancel(t *testing.T) {
	for _, c := range []struct {
		what    string
		receive bool
	}{{"hang", true}, {"hang", false}, {"headers", true}, {"headers", false}} {
		streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
			ctx, cancel := context.WithCancel(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", c.what, 0))
			s, err := client.FullDuplexCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			cancel()
			if c.receive {
				if _, err := s.Recv(); status.Code(err) != codes.Canceled {
					t.Errorf("%v: %v", c, err)
				}
			}
			synctest.Wait()
			wantIdle(t, r)
			if bad := counted(r, "a").Bad; bad != 0 {
				t.Errorf("%v: %d bad attempts", c, bad)
			}
		})
	}
}

// Whoever leaves before there is an answer gets none, though the server gives one.
func TestCancelComesBeforeAnAnswer(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			s, err := client.StreamingInputCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if answer, err := s.CloseAndRecv(); status.Code(err) != codes.Canceled {
				t.Fatalf("%v, %v", answer, err)
			}
			synctest.Wait()
			wantIdle(t, r)
		}
		if c := counted(r, "a"); c.Bad != 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

// What came in time is still read when the deadline is over, as from gRPC alone.
func TestAnswersOutliveTheDeadline(t *testing.T) {
	streams(t, func(t *testing.T, _ *world, _ *balancer.Router, client pb.TestServiceClient) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := client.StreamingOutputCall(ctx, question("q", 3))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if n, err := receive(s); n != 2 || err != io.EOF {
			t.Errorf("%d more, %v", n, err)
		}
	})
}

func TestDeadline(t *testing.T) {
	for _, what := range []string{"hang", "headers"} {
		streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
			ctx, cancel := context.WithTimeout(scripted(t.Context(), "a", what, 0), 2*time.Second)
			defer cancel()
			s, err := client.FullDuplexCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = s.Recv()
			if took := time.Since(began); status.Code(err) != codes.DeadlineExceeded || took != 2*time.Second {
				t.Errorf("%s: %v after %v", what, err, took)
			}
		})
	}
}

func TestOpeningFails(t *testing.T) {
	streams(t, func(t *testing.T, w *world, r *balancer.Router, client pb.TestServiceClient) {
		for _, s := range w.servers {
			s.stop()
		}
		time.Sleep(100 * time.Millisecond)
		ends := 0
		_, err := client.FullDuplexCall(t.Context(), grpc.OnFinish(func(error) { ends++ }))
		var failed *balancer.CallError
		if !errors.As(err, &failed) || status.Code(err) != codes.Unavailable || failed.Ambiguous || ends != 1 {
			t.Errorf("%v; told %d times", err, ends)
		}
		go func() {
			time.Sleep(10 * time.Second)
			w.servers["10.0.1.1:9090"].restart()
		}()
		s, err := client.FullDuplexCall(t.Context(), grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		s.CloseSend()
		if _, err := receive(s); err != io.EOF {
			t.Error(err)
		}
	})
}

// Closing in any order ends all streams, and blames nobody.
func TestCloseWithOpenStreams(t *testing.T) {
	for _, what := range []string{"hang", "headers"} {
		for _, first := range []string{"conn", "router"} {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(1)
				w := newWorld(t, cfg)
				r := w.router(cfg)
				conn := w.conn(r)
				ctx := scripted(scripted(cloudgrpc.WithIdempotent(t.Context()), "a", what, 0), "b", what, 0)
				for range 20 {
					if _, err := pb.NewTestServiceClient(conn).FullDuplexCall(ctx); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if first == "router" {
					r.Close()
				}
				conn.Close()
				synctest.Wait()
				wantIdle(t, r)
				if bad := counted(r, "a").Bad + counted(r, "b").Bad; bad != 0 {
					t.Errorf("%s, %s first: %d bad attempts", what, first, bad)
				}
			})
		}
	}
}

// A cloud dies under a thousand streams of all kinds. Those that had no answer
// yet go on elsewhere, the others break, and nothing remains.
func TestACloudDiesUnderStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(2)
		w := newWorld(t, cfg)
		r := w.router(cfg)
		conn := w.conn(r)
		conn.Connect()
		synctest.Wait()
		client := pb.NewTestServiceClient(conn)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ends := map[string]int{}
		for i := range 1000 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(cloudgrpc.WithIdempotent(t.Context()))
				defer cancel()
				if i%4 == 0 {
					ctx = scripted(ctx, "a", "hang", 0)
				}
				s, err := client.FullDuplexCall(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 == 0 {
					wg.Go(func() { // who never receives
						time.Sleep(2 * time.Second)
						cancel()
					})
				} else {
					wg.Go(func() {
						n, err := receive(s)
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == io.EOF:
							ends["well"]++
							if want := 50; n != want {
								t.Errorf("%d messages, want %d", n, want)
							}
						case i%4 == 0:
							var failed *balancer.CallError
							if !errors.As(err, &failed) || failed.Stop != "the retry budget is spent" {
								t.Errorf("had no answer: %v", err)
							}
						default:
							ends[status.Code(err).String()]++
						}
					})
				}
				for range 50 {
					if s.Send(question("q", 1)) != nil {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				s.CloseSend()
				time.Sleep(10 * time.Second)
			})
		}
		time.Sleep(500 * time.Millisecond)
		for _, s := range w.servers {
			if s.cloud == "a" {
				s.stop()
			}
		}
		wg.Wait()
		synctest.Wait()
		wantIdle(t, r)
		t.Log(ends)
		if ends["well"] < 100 || ends["Unavailable"] < 100 {
			t.Errorf("ends: %v", ends)
		}
	})
}

// A server, or a proxy, that gives a stream up after its headers is named, though the
// code is that of a caller who leaves.
func TestServersGiveStreamsUp(t *testing.T) {
	for what, code := range map[string]codes.Code{"cancel": codes.Canceled, "expire": codes.DeadlineExceeded} {
		streams(t, func(t *testing.T, _ *world, r *balancer.Router, client pb.TestServiceClient) {
			s, err := client.StreamingOutputCall(scripted(t.Context(), "a", what, 1), question("q", 3))
			if err != nil {
				t.Fatal(err)
			}
			n, err := receive(s)
			var failed *balancer.CallError
			if n != 2 || status.Code(err) != code || !errors.As(err, &failed) || len(failed.Attempts) != 1 || failed.Stop != "the answer had begun" {
				t.Errorf("%s: %d messages, %v", what, n, err)
			}
			if c := counted(r, "a"); c.Bad != 1 {
				t.Errorf("%s: counted %+v", what, c)
			}
		})
	}
}
