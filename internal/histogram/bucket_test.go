package histogram

import (
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// durations draws from all magnitudes alike, which a uniform draw would not.
func durations() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		magnitude := rapid.IntRange(0, maxBits-1).Draw(t, "magnitude")
		return time.Duration(rapid.Int64Range(0, 1<<(magnitude+1)-1).Draw(t, "ns"))
	})
}

func TestMiddleIsCloseToEveryValueOfItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := durations().Draw(t, "d")
		off := (middle(bucketOf(d)) - d).Abs()
		if d < 1024 {
			if off > 16 {
				t.Fatalf("%d ns is reported %d ns off", d, off)
			}
			return
		}
		if float64(off) > float64(d)/64 {
			t.Fatalf("%v is reported %v off, more than 1/64", d, off)
		}
	})
}

func TestBucketsAreContiguous(t *testing.T) {
	var upper time.Duration
	for i := range buckets {
		half := middle(i) - upper
		if got := bucketOf(upper); got != i {
			t.Fatalf("bucket %d begins at %v, which falls into bucket %d", i, upper, got)
		}
		upper = middle(i) + half
		if got := bucketOf(upper - 1); got != i {
			t.Fatalf("bucket %d ends before %v, but %v falls into bucket %d", i, upper, upper-1, got)
		}
	}
	if upper != longest+1 {
		t.Errorf("the last bucket ends before %v, want %v", upper, longest+1)
	}
}

func TestOutOfRangeIsClamped(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want int
	}{
		{-1, 0},
		{-1 << 63, 0},
		{0, 0},
		{longest, buckets - 1},
		{longest + 1, buckets - 1},
		{1<<63 - 1, buckets - 1},
	} {
		if got := bucketOf(test.d); got != test.want {
			t.Errorf("%d ns falls into bucket %d, want %d", test.d, got, test.want)
		}
	}
}

func TestSize(t *testing.T) {
	if got := unsafe.Sizeof(Histogram{}); got > 4<<10 {
		t.Errorf("a Histogram has %d bytes, more than 4 KiB", got)
	}
}
