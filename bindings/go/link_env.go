//go:build libllm_env

package llm

// Everything by CGO_CFLAGS and CGO_LDFLAGS, for builds without pkg-config.

import "C"
