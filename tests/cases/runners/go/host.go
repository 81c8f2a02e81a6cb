package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/libllm/libllm/bindings/go"
)

// host answers the questions that a case has answers for, on whatever goroutine, and keeps them.
type host struct {
	column []string
	mu     sync.Mutex
	asked  [][]any
}

func (h *host) hooks() (made llm.Hooks) {
	if h.column[before] != "" {
		made.Before = func(_ context.Context, q llm.Question) (*llm.Reply, error) { return h.answer(q, before) }
	}
	if h.column[token] != "" {
		made.Token = func(_ context.Context, q llm.Question) (string, error) {
			said, err := h.answer(q, token)
			if err != nil {
				return "", err
			}
			return said.APIKey, nil
		}
	}
	if h.column[attempt] != "" {
		made.Attempt = func(_ context.Context, q llm.Question) (*llm.Reply, error) { return h.answer(q, attempt) }
	}
	if h.column[after] != "" {
		made.After = func(_ context.Context, q llm.Question) error {
			_, err := h.answer(q, after)
			return err
		}
	}
	return made
}

// answer is JSON, or `!` and the words of a refusal.
func (h *host) answer(question llm.Question, at int) (*llm.Reply, error) {
	asked := object{"kind": question.Kind, "target": question.Target}
	if question.Attempt != 0 {
		asked["attempt"] = question.Attempt
	}
	if question.Status != "" {
		asked["status"] = question.Status
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, []any{"ask", 0, 0, asked})
	if words, refused := strings.CutPrefix(h.column[at], "!"); refused {
		return nil, errors.New(words)
	}
	// The request stays as it is written: its numbers keep their digits.
	var said struct {
		Request json.RawMessage   `json:"request"`
		Headers map[string]string `json:"headers"`
		APIKey  string            `json:"api_key"`
	}
	must(json.Unmarshal([]byte(h.column[at]), &said))
	reply := &llm.Reply{Headers: said.Headers, APIKey: said.APIKey}
	if said.Request != nil {
		reply.Request = said.Request
	}
	return reply, nil
}

func (h *host) taken() [][]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}
