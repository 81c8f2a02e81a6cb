// Package sdktest holds no code but tests: OpenAI's and Anthropic's own SDKs over the package llm.
package sdktest
