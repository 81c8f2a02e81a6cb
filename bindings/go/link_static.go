//go:build libllm_static

package llm

// The static library. Where it and the header are is said by CGO_LDFLAGS=-L... and CGO_CFLAGS=-I..., unless the compiler looks
// there anyway. What follows libllm.a is what Rust's standard library wants of the system: Libs.private in libllm.pc.

// #cgo LDFLAGS: -Wl,-Bstatic -lllm -Wl,-Bdynamic -lpthread -ldl -lm -lgcc_s -lutil -lrt
import "C"
