//go:build !libllm_static && !libllm_env

package llm

// The shared library, as an installed or generated libllm.pc says where it is.

// #cgo pkg-config: libllm
import "C"
