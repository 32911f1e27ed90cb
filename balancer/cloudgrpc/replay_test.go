package cloudgrpc

import (
	"testing"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestReplayLogIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l replayLog
		var want []any
		size, lost := 0, false
		for _, n := range rapid.SliceOf(rapid.IntRange(0, mostReplay/4)).Draw(t, "sizes") {
			m := &pb.Payload{Body: make([]byte, n)}
			kept := l.add(m)
			if fits := size+proto.Size(m)+eachReplay <= mostReplay; kept != (fits && !lost) {
				t.Fatalf("message of %d bytes after %d: kept %v", n, size, kept)
			}
			if !kept {
				l.lose()
				want, lost = nil, true
				continue
			}
			size += proto.Size(m) + eachReplay
			want = append(want, m)
		}
		if len(l.messages) != len(want) || l.lost != lost {
			t.Fatalf("%d messages, want %d", len(l.messages), len(want))
		}
		for i := range want {
			if l.messages[i] != want[i] {
				t.Fatalf("message %d isn't the one that was sent", i)
			}
		}
	})
}

func TestReplayLogKeepsWhatHasASize(t *testing.T) {
	for _, c := range []struct {
		name   string
		m      any
		single bool
		want   bool
	}{
		{"a message", &pb.Empty{}, false, true},
		{"one too large", &pb.Payload{Body: make([]byte, mostReplay)}, false, false},
		{"the only one", &pb.Payload{Body: make([]byte, mostReplay)}, true, true},
		{"of another codec", []byte("x"), false, false},
		{"the only one of another codec", []byte("x"), true, true},
		{"prepared", &grpc.PreparedMsg{}, false, false},
	} {
		l := replayLog{single: c.single}
		if got := l.add(c.m); got != c.want {
			t.Errorf("%s: kept %v", c.name, got)
		}
	}
}
