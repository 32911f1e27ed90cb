package cloudgrpc

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// replayLog is what the caller of a stream has sent, so that it can be sent again
// at another cloud as long as there is no answer. The messages themselves are
// kept: gRPC forbids to change what was sent.
//
// The one message of a call whose answers alone are a stream is always kept, as
// that of a unary call. Of others up to mostReplay is. A message that doesn't find
// place ends the keeping: from then on the attempt under way is the only one.
type replayLog struct {
	single   bool // there is one message
	closed   bool // and no more will come
	lost     bool // something was sent that isn't here
	size     int
	messages []any
}

const (
	// mostReplay bounds the log, in encoded bytes. gRPC takes as much from a new
	// stream before it waits for the server to read.
	mostReplay = 64 << 10
	// eachReplay is what a message counts besides: its frame and its place.
	eachReplay = 64
)

// add keeps a message, if it can.
func (l *replayLog) add(m any) bool {
	if l.lost {
		return false
	}
	if !l.single {
		size, ok := sizeOf(m)
		if !ok || l.size+size+eachReplay > mostReplay {
			return false
		}
		l.size += size + eachReplay
	}
	l.messages = append(l.messages, m)
	return true
}

// lose says that a message was sent that isn't kept.
func (l *replayLog) lose() { *l = replayLog{lost: true, closed: l.closed} }

// sizeOf returns the encoded size of a message. Of one of a codec other than
// protobuf's it isn't known, nor of one that was encoded before.
func sizeOf(m any) (int, bool) {
	switch m := m.(type) {
	case *grpc.PreparedMsg:
		return 0, false
	case proto.Message:
		return proto.Size(m), true
	case protoadapt.MessageV1:
		return proto.Size(protoadapt.MessageV2Of(m)), true
	}
	return 0, false
}
