package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// largest is the size of the largest message that is read, in bytes.
const largest = 64 << 20

// read reads one message: its size in 4 bytes, the most significant first,
// and itself in protobuf. The error is io.EOF if there is none.
func read(r io.Reader, m proto.Message) error {
	var size uint32
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		return err
	}
	if size > largest {
		return fmt.Errorf("a message of %d bytes", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return fmt.Errorf("a message broke off: %v", err)
	}
	return proto.Unmarshal(data, m)
}

// write writes one message as read reads it.
func write(w io.Writer, m proto.Message) error {
	data, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 4), m)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(data, uint32(len(data)-4))
	_, err = w.Write(data)
	return err
}
