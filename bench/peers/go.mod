module github.com/gmhmac/hmacsign/bench/peers

go 1.25

require (
	github.com/aws/aws-sdk-go-v2 v1.36.3
	github.com/emmansun/gmsm v0.41.1
	github.com/gmhmac/hmacsign v0.0.0
	github.com/huaweicloud/huaweicloud-sdk-go-v3 v0.1.188
	github.com/klauspost/cpuid/v2 v2.4.0
	github.com/stretchr/testify v1.12.1
	github.com/tjfoc/gmsm v1.4.1
	golang.org/x/sys v0.41.0
	gonum.org/v1/plot v0.15.2
)

require (
	codeberg.org/go-fonts/liberation v0.4.1 // indirect
	codeberg.org/go-latex/latex v0.0.1 // indirect
	codeberg.org/go-pdf/fpdf v0.10.0 // indirect
	git.sr.ht/~sbinet/gg v0.6.0 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/aws/smithy-go v1.22.2 // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/json-iterator/go v1.1.13-0.20220915233716-71ac16282d12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180228061459-e0a39a4cb421 // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	go.mongodb.org/mongo-driver v1.13.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/image v0.24.0 // indirect
	golang.org/x/text v0.33.0 // indirect
	gopkg.in/ini.v1 v1.67.0 // indirect
)

replace github.com/gmhmac/hmacsign => ../..
