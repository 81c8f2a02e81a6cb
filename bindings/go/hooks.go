package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Hooks are functions that answer what the configuration has the library ask (docs/hooks.md): [hooks] and api_key = "ask". Each question
// runs one on a goroutine of its own, with the context of its request. A nil answer goes on; an error ends the request, with the status
// of an *Error, else as cancelled, and with its words. A question without a function ends the request, too.
type Hooks struct {
	Before  func(context.Context, Question) (*Reply, error) // may replace the request
	Token   func(context.Context, Question) (string, error) // gives the key of this attempt
	Attempt func(context.Context, Question) (*Reply, error) // may add headers or give a key
	After   func(context.Context, Question) error           // sees the outcome
}

// Question is what the library asks.
type Question struct {
	ID         int             `json:"id"`
	Kind       string          `json:"kind"`   // before, token, attempt, after
	Target     string          `json:"target"` // provider/model
	Provider   string          `json:"provider"`
	Model      string          `json:"model"`
	Attempt    int             `json:"attempt"`
	DeadlineMS int64           `json:"deadline_ms"` // how long the answer may take
	Request    json.RawMessage `json:"request"`     // before: as it was given
	Dialect    string          `json:"dialect"`     // before: the format of a request that came over a Transport
	Status     string          `json:"status"`      // after: name of a Status
	Outcome    json.RawMessage `json:"outcome"`     // after: what Done or the *Error would say
}

// Reply is what a hook may answer; zero values say nothing.
type Reply struct {
	Request any               `json:"request,omitempty"` // Before: sent instead; anything that is a request as JSON
	Headers map[string]string `json:"headers,omitempty"` // Attempt: added to this attempt
	APIKey  string            `json:"api_key,omitempty"` // Attempt: the key of this attempt
}

// WithHooks answers the library's questions.
func WithHooks(hooks Hooks) ClientOption {
	return func(s *setup) error {
		s.hooks = hooks
		return nil
	}
}

// ask answers one question; on a goroutine of its own.
func (h *Hooks) ask(ctx context.Context, request uint64, text []byte) {
	var question Question
	status, said := StatusOK, any(nil)
	err := json.Unmarshal(text, &question)
	if err == nil {
		said, err = h.call(ctx, question)
	}
	if err != nil {
		status, said = refusal(err)
	}
	answered, err := answerText(question.ID, said)
	if err == nil {
		err = answer(request, status, answered)
	}
	// What does not fit was refused and is still open. A request that has ended meanwhile needs no answer.
	if errors.Is(err, ErrInvalidArgument) {
		status, said = refusal(err)
		if answered, err = answerText(question.ID, said); err == nil {
			_ = answer(request, status, answered)
		}
	}
}

func (h *Hooks) call(ctx context.Context, question Question) (any, error) {
	given := func(said *Reply, err error) (any, error) {
		if said == nil {
			return nil, err
		}
		return said, err
	}
	switch {
	case question.Kind == "before" && h.Before != nil:
		return given(h.Before(ctx, question))
	case question.Kind == "token" && h.Token != nil:
		key, err := h.Token(ctx, question)
		return &Reply{APIKey: key}, err
	case question.Kind == "attempt" && h.Attempt != nil:
		return given(h.Attempt(ctx, question))
	case question.Kind == "after" && h.After != nil:
		return nil, h.After(ctx, question)
	}
	return nil, newError(StatusUnsupported, fmt.Sprintf("this client has no hook %q", question.Kind))
}

func refusal(err error) (Status, any) {
	status, message := StatusCanceled, err.Error()
	if known := (*Error)(nil); errors.As(err, &known) {
		status, message = known.Status, known.Message
	}
	return status, map[string]any{"message": message}
}

// answerText is an answer with the number of its question.
func answerText(id int, said any) (string, error) {
	// Raw: a number keeps its digits.
	fields := map[string]json.RawMessage{}
	if said != nil {
		text, err := json.Marshal(said)
		if err == nil {
			err = json.Unmarshal(text, &fields)
		}
		if err != nil {
			return "", newError(StatusInvalidArgument, "a hook's answer is not JSON: "+err.Error())
		}
	}
	fields["id"] = strconv.AppendInt(nil, int64(id), 10)
	text, err := json.Marshal(fields)
	return string(text), err
}
