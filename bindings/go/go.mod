module github.com/libllm/libllm/bindings/go

// 1.24: noescape and nocallback for cgo, runtime.AddCleanup.
go 1.24

// Tests only: no goroutine outlives a closed client.
require go.uber.org/goleak v1.3.0
