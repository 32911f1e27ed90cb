package main

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// canned is a connection whose streams are known beforehand.
type canned struct {
	grpc.ClientConnInterface
	streams []*cannedStream // that are still to come
	asked   []int64         // where those that came began
}

func (c *canned) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	s := c.streams[0]
	c.streams = c.streams[1:]
	s.conn = c
	return s, nil
}

type cannedStream struct {
	grpc.ClientStream
	conn  *canned
	cloud string
	sends []int64
	after time.Duration // between two of them
	ends  error
}

func (s *cannedStream) SendMsg(m any) error {
	s.conn.asked = append(s.conn.asked, m.(*wrapperspb.Int64Value).Value)
	return nil
}

func (s *cannedStream) CloseSend() error { return nil }

func (s *cannedStream) Header() (metadata.MD, error) { return metadata.Pairs(servedBy, s.cloud), nil }

func (s *cannedStream) RecvMsg(m any) error {
	if len(s.sends) == 0 {
		return s.ends
	}
	time.Sleep(s.after)
	proto.Merge(m.(proto.Message), wrapperspb.Int64(s.sends[0]))
	s.sends = s.sends[1:]
	return nil
}

func TestFollow(t *testing.T) {
	lost := status.Error(codes.Unavailable, "lost")
	for _, test := range []struct {
		name    string
		streams []*cannedStream
		asked   []int64
		want    []stream
	}{
		{
			"one after another",
			[]*cannedStream{{cloud: "onprem", sends: []int64{0, 1, 2}, ends: io.EOF}, {cloud: "gcp", sends: []int64{3}, ends: io.EOF}},
			[]int64{0, 3},
			[]stream{{cloud: "onprem", positions: 3, silence: 1e9}, {cloud: "gcp", positions: 1, silence: 1e9}},
		}, {
			"broken off and continued",
			[]*cannedStream{{cloud: "onprem", sends: []int64{0, 1}, ends: lost}, {cloud: "gcp", sends: []int64{2}, ends: io.EOF}, {cloud: "gcp", ends: io.EOF}},
			[]int64{0, 2, 3},
			[]stream{{cloud: "onprem", positions: 2, silence: 1e9, err: lost}, {cloud: "gcp", continues: "onprem", positions: 1, silence: 1e9}, {}},
		}, {
			"continued after a failure to begin",
			[]*cannedStream{{cloud: "onprem", sends: []int64{0}, ends: lost}, {cloud: "gcp", ends: lost}, {cloud: "gcp", sends: []int64{1}, after: 2e9, ends: io.EOF}},
			[]int64{0, 1, 1},
			[]stream{{cloud: "onprem", positions: 1, silence: 1e9, err: lost}, {err: lost}, {cloud: "gcp", continues: "onprem", positions: 1, silence: 2e9}},
		}, {
			"missing and repeated positions",
			[]*cannedStream{{cloud: "onprem", sends: []int64{0, 2, 3, 3}, ends: io.EOF}},
			[]int64{0},
			[]stream{{cloud: "onprem", positions: 4, wrong: 2, silence: 1e9}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, s := range test.streams {
					if s.after == 0 {
						s.after = time.Second
					}
				}
				conn := &canned{streams: test.streams}
				v := vehicle{last: time.Now()}
				var got []stream
				for range test.want {
					got = append(got, v.read(t.Context(), routingClient{conn}))
					time.Sleep(time.Millisecond)
				}
				for i := range got {
					got[i].silence = got[i].silence.Truncate(time.Second) // as if no time passed between streams
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got\n%+v\nwant\n%+v", got, test.want)
				}
				if !slices.Equal(conn.asked, test.asked) {
					t.Errorf("asked for positions from %v, want %v", conn.asked, test.asked)
				}
			})
		})
	}
}
