module github.com/gmhmac/hmacsign/contrib/redisreplay

go 1.25.0

require (
	github.com/redis/rueidis v1.0.79
	github.com/stretchr/testify v1.12.1
)

require github.com/tjfoc/gmsm v1.4.1 // indirect

require (
	github.com/gmhmac/hmacsign v0.0.0
	go.yaml.in/yaml/v3 v3.0.5
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/gmhmac/hmacsign => ../..
