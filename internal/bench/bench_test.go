package bench

import "testing"

// BenchmarkCall measures the contenders one by one.
func BenchmarkCall(b *testing.B) {
	for _, place := range places {
		for _, c := range contenders {
			b.Run(place.name+"/"+c.title(), func(b *testing.B) {
				e := newEntry(b, c, place.network)
				e.warmUp(b)
				b.ReportAllocs()
				for b.Loop() {
					call(b, e.rt, e.req)
				}
			})
		}
	}
}
