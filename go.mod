module github.com/gmhmac/hmacsign

go 1.25

require (
	github.com/stretchr/testify v1.12.1
	github.com/tjfoc/gmsm v1.4.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
