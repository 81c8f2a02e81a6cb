// The runner is a program of its own, outside of the package that `go mod tidy` looks at: this file is kept by hand.
module cases

go 1.24

require github.com/libllm/libllm/bindings/go v0.0.0

replace github.com/libllm/libllm/bindings/go => ../../../../bindings/go
