module github.com/gmhmac/hmacsign/bench/peers

go 1.25

require (
	github.com/emmansun/gmsm v0.41.1
	github.com/gmhmac/hmacsign v0.0.0
	github.com/huaweicloud/huaweicloud-sdk-go-v3 v0.1.188
	github.com/stretchr/testify v1.12.1
	github.com/tjfoc/gmsm v1.4.1
)

require (
	github.com/json-iterator/go v1.1.13-0.20220915233716-71ac16282d12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180228061459-e0a39a4cb421 // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	go.mongodb.org/mongo-driver v1.13.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.41.0 // indirect
	gopkg.in/ini.v1 v1.67.0 // indirect
)

replace github.com/gmhmac/hmacsign => ../..
