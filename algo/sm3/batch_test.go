package sm3_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/algo/sm3"
)

// reference is the MAC by package sm3pure under crypto/hmac.
func reference(t testing.TB, secret, msg []byte) []byte {
	key, err := algo.NewKey(algo.HMACSM3, secret, algo.WithBackend("gmsm"))
	require.NoError(t, err)
	return key.Sum(nil, msg)
}

// Batches of 1 to 33 of mixed lengths and keys, misaligned.
func TestSumEach(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		r := rand.New(rand.NewSource(1))
		data := make([]byte, 4096)
		r.Read(data)
		for n := 1; n <= 33; n++ {
			for range 6 {
				keys, msgs, want := make([]*Key, n), make([][]byte, n), []byte("prefix")
				for i := range n {
					secret := data[r.Intn(100):][:1+r.Intn(150)]
					at := r.Intn(2000)
					keys[i], msgs[i] = k.NewKey(secret), data[at:at+r.Intn(1025)]
					want = append(want, reference(t, secret, msgs[i])...)
				}
				require.Equal(t, want, SumEach([]byte("prefix"), keys, msgs), n)
				require.Equal(t, want, SumBeside([]byte("prefix"), keys, msgs), n)
			}
		}
	})
}

// Every length in every lane's neighbourhood of others.
func TestSumManyLengths(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, data := k.NewKey([]byte("secret")), make([]byte, 1100)
		for i := range data {
			data[i] = byte(i * 7)
		}
		for n := 0; n <= 1024; n += 13 {
			var msgs [][]byte
			var want []byte
			for i := range 16 {
				msg := data[i : i+(n+i*5)%1025]
				msgs, want = append(msgs, msg), append(want, key.Sum(nil, msg)...)
			}
			require.Equal(t, want, key.SumMany(nil, msgs), n)
			require.Equal(t, want, SumBeside(nil, slices.Repeat([]*Key{key}, len(msgs)), msgs), n)
		}
		require.Empty(t, key.SumMany(nil, nil))
	})
}

func TestSumManyDoesNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, dst := k.NewKey([]byte("secret")), make([]byte, 0, 16*Size)
		msgs := make([][]byte, 16)
		for i := range msgs {
			msgs[i] = make([]byte, 150)
		}
		require.Zero(t, testing.AllocsPerRun(100, func() { key.SumMany(dst, msgs) }))
	})
}

// MACs go where there is room for all of them, and nowhere else.
func TestSumManyRoom(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		key, msgs := k.NewKey([]byte("secret")), make([][]byte, 16)
		want := key.SumMany([]byte("prefix"), msgs)
		for _, room := range []int{0, 16*Size - 1, 16 * Size, 16*Size + 1} {
			buf := append([]byte("prefix"), make([]byte, room)...)
			buf = append(buf, "behind"...)
			got := key.SumMany(buf[:6:6+room], msgs)
			require.Equal(t, want, got, room)
			require.Equal(t, "behind", string(buf[6+room:]), room)
			require.Equal(t, room >= 16*Size, &got[0] == &buf[0], room)
		}
	})
}

func FuzzSumEach(f *testing.F) {
	f.Add([]byte("some data to cut messages from"), []byte{3, 0, 30, 7, 7})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(cuts) > 40 {
			cuts = cuts[:40]
		}
		var secrets, msgs [][]byte
		var want []byte
		for i, cut := range cuts {
			n := min(int(cut)*4, len(data))
			secrets, msgs = append(secrets, append([]byte{byte(i)}, data[:n/3]...)), append(msgs, data[n/2:n])
			want = append(want, reference(t, secrets[i], msgs[i])...)
		}
		for _, k := range Kernels() {
			var keys []*Key
			for _, secret := range secrets {
				keys = append(keys, k.NewKey(secret))
			}
			require.Equal(t, want, SumEach(nil, keys, msgs), k)
			if len(keys) > 0 {
				require.Equal(t, want, SumBeside(nil, keys, msgs), k)
			}
		}
	})
}

func BenchmarkSumMany(b *testing.B) {
	for _, n := range []int{1, 2, 3, 4, 6, 8, 12, 16} {
		msgs, dst := make([][]byte, n), make([]byte, 0, 16*Size)
		for i := range msgs {
			msgs[i] = make([]byte, 150)
		}
		for _, k := range Kernels() {
			key := k.NewKey([]byte("secret"))
			b.Run(fmt.Sprintf("%s/%d", k, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					key.SumMany(dst, msgs)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/MAC")
			})
		}
	}
}

func BenchmarkSum(b *testing.B) {
	for _, k := range Kernels() {
		key, msg, dst := k.NewKey([]byte("secret")), make([]byte, 150), make([]byte, 0, Size)
		b.Run(k.String(), func(b *testing.B) {
			for b.Loop() {
				key.Sum(dst, msg)
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	for _, k := range Kernels() {
		h, msg, dst := k.New(), make([]byte, 8192), make([]byte, 0, Size)
		b.Run(k.String(), func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				h.Reset()
				h.Write(msg)
				h.Sum(dst)
			}
		})
	}
}

// Every tail behind up to four whole blocks, in batches of every size: what the
// lanes' padding can look like.
func TestSumManyTails(t *testing.T) {
	const longest = 5*64 - 1
	data := make([]byte, longest+16*7)
	rand.New(rand.NewSource(2)).Read(data)
	secret := []byte("secret")
	var macs [16][longest + 1][]byte
	for lane := range macs {
		for n := range macs[lane] {
			macs[lane][n] = reference(t, secret, data[7*lane:][:n])
		}
	}
	eachKernel(t, func(t *testing.T, k Kernel) {
		key := k.NewKey(secret)
		check := func(lengths ...int) {
			t.Helper()
			var msgs [][]byte
			var want []byte
			for lane, n := range lengths {
				msgs, want = append(msgs, data[7*lane:][:n]), append(want, macs[lane][n]...)
			}
			require.Equal(t, want, key.SumMany(nil, msgs), lengths)
			require.Equal(t, want, SumBeside(nil, slices.Repeat([]*Key{key}, len(msgs)), msgs), lengths)
		}
		for n := range longest + 1 {
			for lanes := 1; lanes <= 16; lanes++ {
				lengths := make([]int, lanes)
				for lane := range lengths {
					lengths[lane] = n
				}
				check(lengths...)
				lengths[n%lanes] = (n + 64) % (longest + 1) // one has another number of blocks
				check(lengths...)
				lengths[lanes-1] = 0
				check(lengths...)
			}
		}
	})
}

// Messages around the lengths where one call of assembly ends and the next begins,
// with short ones beside them, and the block of the keys and the outer one.
func TestSumManyLong(t *testing.T) {
	const piece = 256 * 64
	data := make([]byte, 3*piece)
	rand.New(rand.NewSource(3)).Read(data)
	eachKernel(t, func(t *testing.T, k Kernel) {
		for _, around := range []int{piece, 2 * piece} {
			for n := around - 136; n <= around+72; n += 8 {
				var keys []*Key
				var msgs [][]byte
				var want []byte
				for lane := range 16 {
					msg := data[lane:][:n]
					if lane%3 == 1 {
						msg = msg[:lane*60]
					}
					key := k.NewKey([]byte{'k', byte(lane)})
					keys, msgs, want = append(keys, key), append(msgs, msg), append(want, key.Sum(nil, msg)...)
				}
				require.Equal(t, want, SumEach(nil, keys, msgs), n)
				require.Equal(t, want, SumBeside(nil, keys, msgs), n)
			}
		}
		// A lane that ended long ago reads nothing far behind its message or the
		// kernel's tables.
		key, far := k.NewKey([]byte("secret")), make([]byte, 16<<20)
		msgs := [][]byte{far, nil, far[:100]}
		require.Equal(t, key.Sum(key.Sum(key.Sum(nil, msgs[0]), msgs[1]), msgs[2]), SumBeside(nil, []*Key{key, key, key}, msgs))
	})
}
