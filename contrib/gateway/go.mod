module github.com/gmhmac/hmacsign/contrib/gateway

go 1.26.0

require (
	github.com/gmhmac/hmacsign v0.0.0
	github.com/gmhmac/hmacsign/contrib/redisreplay v0.0.0
	github.com/gmhmac/hmacsign/contrib/sqlkeys v0.0.0
)

replace (
	github.com/gmhmac/hmacsign => ../..
	github.com/gmhmac/hmacsign/contrib/redisreplay => ../redisreplay
	github.com/gmhmac/hmacsign/contrib/sqlkeys => ../sqlkeys
)
