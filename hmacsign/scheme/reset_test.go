package scheme

import (
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What is used again for another request must not hold anything of the one before:
// every field of it is set here, whatever fields there are.
func TestResetForgetsEveryField(t *testing.T) {
	for _, used := range []interface{ Reset() }{new(Claim), new(Parts), new(Message)} {
		v := reflect.ValueOf(used).Elem()
		field := func(i int) reflect.Value {
			return reflect.NewAt(v.Type().Field(i).Type, unsafe.Pointer(v.Field(i).UnsafeAddr())).Elem()
		}
		for i := range v.NumField() {
			switch f := field(i); f.Kind() {
			case reflect.String:
				f.SetString("secret")
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 3, 3))
				setText(f.Index(1))
			case reflect.Func:
				f.Set(reflect.ValueOf(ByKey))
			case reflect.Map:
				f.Set(reflect.ValueOf(http.Header{"A": nil}))
			case reflect.Interface:
				f.Set(reflect.Zero(f.Type())) // Body and Hashes, which are pointers of the engine's
			case reflect.Array:
				f.Index(0).SetUint(1) // a digest, which counts only with its flag
			default:
				t.Fatalf("%s.%s: set it here", v.Type(), v.Type().Field(i).Name)
			}
		}
		used.Reset()
		for i := range v.NumField() {
			name, f := v.Type().String()+"."+v.Type().Field(i).Name, field(i)
			switch f.Kind() {
			case reflect.Array:
			case reflect.Slice:
				require.Zero(t, f.Len(), name)
				if all := f.Slice(0, f.Cap()); f.Type().Elem().Kind() != reflect.Uint8 {
					require.False(t, bytes.Contains([]byte(strings.ToLower(reflectString(all))), []byte("secret")), name)
				}
			default:
				require.True(t, f.IsZero(), name)
			}
		}
	}
}

func setText(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("secret")
	case reflect.Struct:
		for i := range v.NumField() {
			setText(reflect.NewAt(v.Type().Field(i).Type, unsafe.Pointer(v.Field(i).UnsafeAddr())).Elem())
		}
	}
}

func reflectString(v reflect.Value) string {
	var b strings.Builder
	for i := range v.Len() {
		collect(&b, v.Index(i))
	}
	return b.String()
}

func collect(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		b.WriteString(v.String())
	case reflect.Struct:
		for i := range v.NumField() {
			collect(b, v.Field(i))
		}
	}
}
