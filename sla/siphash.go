package sla

import (
	"encoding/binary"
	"math/bits"
)

// sipHash is SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input
// PRF", 2012) of the 8 bytes of first, little-endian, and those of rest. It is
// a pseudo-random function: without the key its values cannot be told from
// random ones, however many of them one has seen.
//
// The seeds of hash/maphash mean nothing to another process, and an HMAC costs
// so much that it would have to be remembered for each customer.
func sipHash(key [2]uint64, first uint64, rest string) uint64 {
	s := sipState{
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	}
	s = s.add(first)
	// The last word has the length in its top byte and before it what is left
	// of the text, at most 7 bytes.
	length := uint64(8+len(rest)) << 56
	for ; len(rest) >= 8; rest = rest[8:] {
		s = s.add(word(rest))
	}
	s = s.add(word(rest) | length)

	s.c ^= 0xff
	s = s.round().round().round().round()
	return s.a ^ s.b ^ s.c ^ s.d
}

// word returns the first 8 bytes of text, little-endian, with zeros for those
// that it doesn't have.
func word(text string) uint64 {
	var b [8]byte
	copy(b[:], text)
	return binary.LittleEndian.Uint64(b[:])
}

// sipState goes from hand to hand by value, which keeps it in registers.
type sipState struct{ a, b, c, d uint64 }

func (s sipState) add(word uint64) sipState {
	s.d ^= word
	s = s.round().round()
	s.a ^= word
	return s
}

func (s sipState) round() sipState {
	s.a += s.b
	s.c += s.d
	s.b = bits.RotateLeft64(s.b, 13) ^ s.a
	s.d = bits.RotateLeft64(s.d, 16) ^ s.c
	s.a = bits.RotateLeft64(s.a, 32)
	s.c += s.b
	s.a += s.d
	s.b = bits.RotateLeft64(s.b, 17) ^ s.c
	s.d = bits.RotateLeft64(s.d, 21) ^ s.a
	s.c = bits.RotateLeft64(s.c, 32)
	return s
}
