package sla

import (
	"encoding/binary"
	"testing"
)

// Key 00 01 … 0f, text 00 01 …: the test of Aumasson and Bernstein's paper
// (appendix A, length 15) and the vectors of their reference code, as OpenSSL
// computes them too: openssl mac -macopt hexkey:… -macopt size:8 SIPHASH.
func TestSipHashVectors(t *testing.T) {
	var text [64]byte
	for i := range text {
		text[i] = byte(i)
	}
	key := [2]uint64{binary.LittleEndian.Uint64(text[0:]), binary.LittleEndian.Uint64(text[8:])}
	for _, test := range []struct {
		length int
		want   uint64
	}{
		{8, 0x93f5f5799a932462},
		{9, 0x9e0082df0ba9e4b0},
		{15, 0xa129ca6149be45e5},
		{16, 0x3f2acc7f57c29bdb},
		{23, 0xa80c038ccd5ccec8},
		{24, 0xb8ad50c6f649af94},
		{63, 0x958a324ceb064572},
	} {
		got := sipHash(key, binary.LittleEndian.Uint64(text[:]), string(text[8:test.length]))
		if got != test.want {
			t.Errorf("%d bytes: %#x, want %#x", test.length, got, test.want)
		}
	}
}
