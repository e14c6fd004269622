//go:build js && wasm

// Command app is the signature page's engine: the library, for JavaScript to call.
package main

import (
	"syscall/js"
	"time"

	"github.com/gmhmac/hmacsign/internal/page/tabs"
)

func main() {
	desk := tabs.New(time.Now)
	js.Global().Call("engine", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return string(desk.Call(args[0].String(), []byte(args[1].String())))
	}))
	select {} // the page calls as long as it is open
}
