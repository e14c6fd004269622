package sm3_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/algotest"
	. "github.com/gmhmac/hmacsign/algo/sm3"
)

// Project Wycheproof's tests on each kernel, one after the other and as a batch.
func TestWycheproof(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		var keys []*Key
		var msgs [][]byte
		tags := algotest.Wycheproof(t, algo.HMACSM3)
		for _, tag := range tags {
			keys, msgs = append(keys, k.NewKey(tag.Key)), append(msgs, tag.Message)
		}
		batch := SumEach(nil, keys, msgs)
		for i, tag := range tags {
			sum := keys[i].Sum(nil, tag.Message)
			require.Equal(t, tag.Valid, bytes.Equal(sum[:len(tag.Tag)], tag.Tag), tag.Name)
			require.Equal(t, sum, batch[i*Size:(i+1)*Size], tag.Name)
		}
	})
}
