// Command caddy is the Caddy web server with its standard modules and hmacsign's.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/gmhmac/hmacsign/contrib/caddy"
)

func main() { caddycmd.Main() }
