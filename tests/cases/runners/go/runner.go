// Runs shared cases with the Go package: one case a line in, its result a line out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

type object = map[string]any

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		column := strings.Split(lines.Text(), "\t")
		result := object{"case": column[0], "items": [][]any{}}
		if err := run(column, result); err != nil {
			result["error"] = failure(err)
		}
		out, err := json.Marshal(result)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(out))
	}
}

// Columns of a line, as ../../run.py writes them.
const (
	config      = 1
	request     = 2
	options     = 3
	cancelAfter = 10
	call        = 11
	times       = 12
	choice      = 13
	before      = 14
	token       = 15
	attempt     = 16
	after       = 17
)

func run(column []string, result object) error {
	host := &host{column: column}
	client, err := llm.New(llm.FromText(column[config]), llm.WithHooks(host.hooks()))
	if err != nil {
		return err
	}
	defer client.Close()
	defer func() { result["items"] = append(result["items"].([][]any), host.taken()...) }()
	ask := llm.Request{Raw: json.RawMessage(column[request])}
	repeat, _ := strconv.Atoi(column[times])
	for range repeat - 1 {
		if _, err := client.Chat(context.Background(), ask, wishes(column[options])...); err != nil {
			return err
		}
	}
	if column[call] == "text" {
		number, _ := strconv.Atoi(column[choice])
		events := client.Stream(context.Background(), ask, wishes(column[options])...)
		texts := llm.Texts(events)
		if number != 0 {
			texts = llm.TextsOf(events, int32(number))
		}
		for text, err := range texts {
			if err != nil {
				return err
			}
			result["items"] = append(result["items"].([][]any), []any{"text", number, 0, text})
		}
		return nil
	}
	if column[call] == "ask" {
		response, err := client.Ask(context.Background(), operation(column[options]), ask.Raw, wishes(column[options])...)
		if err == nil {
			result["response"] = json.RawMessage(response.Contents)
		}
		return err
	}
	if column[call] == "chat" {
		response, err := client.Chat(context.Background(), ask, wishes(column[options])...)
		if err == nil {
			result["response"] = answer(response)
			result["done"] = account(response.Done)
		}
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	after, _ := strconv.Atoi(column[cancelAfter])
	seen := 0
	for event, err := range client.Stream(ctx, ask, wishes(column[options])...) {
		if err != nil {
			return err
		}
		if done, ok := event.(llm.Done); ok {
			result["done"] = account(done)
			continue
		}
		one := item(event)
		result["items"] = append(result["items"].([][]any), one)
		if one[0] != "route" && one[0] != "raw" {
			if seen++; seen == after {
				cancel()
			}
		}
	}
	return nil
}

func item(event llm.Event) []any {
	switch event := event.(type) {
	case llm.TextDelta:
		return []any{"text", event.Choice, 0, event.Text}
	case llm.ReasoningDelta:
		return []any{"reasoning", event.Choice, 0, event.Text}
	case llm.RefusalDelta:
		return []any{"refusal", event.Choice, 0, event.Text}
	case llm.ToolCall:
		return []any{"tool_call", event.Choice, event.Index, object{"id": event.ID, "name": event.Name}}
	case llm.ToolArgs:
		return []any{"tool_args", event.Choice, event.Index, event.JSON}
	case llm.Part:
		return []any{"part", event.Choice, event.Index, object{"kind": event.Kind, "provider": event.Provider, "data": event.Data}}
	case llm.Route:
		return []any{"route", 0, 0, object{"to": event.Provider + "/" + event.Model, "reason": event.Reason}}
	case llm.Raw:
		return []any{"raw", 0, 0, string(event.Data)}
	case llm.Result:
		return []any{"result", 0, 0, string(event.Data)}
	}
	return []any{"unknown", 0, 0, fmt.Sprint(event)}
}

func operation(text string) string {
	return read[struct{ Operation string }](json.RawMessage(text)).Operation
}

// wishes says options by the functions that the package has for them.
func wishes(text string) (made []llm.Option) {
	var told map[string]json.RawMessage
	if text != "" {
		must(json.Unmarshal([]byte(text), &told))
	}
	for key, value := range told {
		made = append(made, wish(key, value)...)
	}
	return made
}

func wish(key string, value json.RawMessage) []llm.Option {
	switch key {
	case "flags":
		return flags(value)
	case "provider":
		return []llm.Option{llm.WithProvider(read[string](value))}
	case "operation":
		return []llm.Option{llm.WithOperation(read[string](value))}
	case "timeout_ms":
		return []llm.Option{llm.WithTimeout(read[time.Duration](value) * time.Millisecond)}
	case "first_token_timeout_ms":
		return []llm.Option{llm.WithFirstTokenTimeout(read[time.Duration](value) * time.Millisecond)}
	case "idle_timeout_ms":
		return []llm.Option{llm.WithIdleTimeout(read[time.Duration](value) * time.Millisecond)}
	case "max_attempts":
		return []llm.Option{llm.WithMaxAttempts(read[int](value))}
	case "fallbacks":
		return []llm.Option{llm.WithFallbacks(read[[]string](value)...)}
	case "headers":
		return []llm.Option{llm.WithHeaders(read[map[string]string](value))}
	case "base_url":
		return []llm.Option{llm.WithBaseURL(read[string](value))}
	case "idempotency_key":
		return []llm.Option{llm.WithIdempotencyKey(read[string](value))}
	case "extra_body":
		return []llm.Option{llm.WithExtraBody(read[object](value))}
	case "unsupported":
		return []llm.Option{llm.WithUnsupported(read[string](value))}
	}
	return []llm.Option{llm.WithOption(key, value)}
}

func flags(value json.RawMessage) (made []llm.Option) {
	known := map[string]llm.Option{
		"raw": llm.WithRaw(), "no_coalesce": llm.WithEveryDelta(), "no_cache": llm.WithoutCache(), "message": llm.WithMessage(),
	}
	for _, name := range read[[]string](value) {
		made = append(made, known[name])
	}
	return made
}

func read[T any](text json.RawMessage) (value T) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	must(decoder.Decode(&value))
	return value
}

func account(done llm.Done) object {
	usage, dropped := done.Usage, []object{}
	for _, one := range done.Dropped {
		dropped = append(dropped, object{"param": one.Param, "action": one.Action, "why": one.Why})
	}
	return object{
		"id": known(done.ID), "model": known(done.Model), "provider": done.Provider, "target": done.Target,
		"finish_reason": known(done.FinishReason), "finish_reason_raw": known(done.FinishReasonRaw), "incomplete": done.Incomplete,
		"request_id": known(done.RequestID), "dropped": dropped, "cached": done.Cached,
		"usage": object{
			"prompt_tokens": count(usage.PromptTokens), "completion_tokens": count(usage.CompletionTokens),
			"total_tokens": count(usage.TotalTokens), "cached_tokens": count(usage.CachedTokens),
			"cache_write_tokens": count(usage.CacheWriteTokens), "reasoning_tokens": count(usage.ReasoningTokens), "source": usage.Source,
		},
		"cost_microusd": count(done.Cost.MicroUSD), "attempts": tries(done.Attempts), "ttft_known": done.Timing.FirstToken > 0,
	}
}

func answer(response *llm.Response) object {
	choices := []object{}
	for _, one := range response.Answers {
		calls := []object{}
		for _, call := range one.ToolCalls {
			calls = append(calls, object{"id": call.ID, "name": call.Name, "arguments": call.Arguments})
		}
		choices = append(choices, object{
			"index": one.Index, "text": known(one.Text), "reasoning": known(one.Reasoning), "refusal": known(one.Refusal),
			"tool_calls": calls, "finish_reason": known(one.FinishReason),
		})
	}
	return object{"choices": choices}
}

func failure(err error) object {
	var failed *llm.Error
	if !errors.As(err, &failed) {
		return object{"class": fmt.Sprintf("%T", err), "message": err.Error(), "attempts": []object{}}
	}
	return object{
		"class": conditions(err), "status": failed.Status.String(), "kind": failed.Kind, "message": failed.Message,
		"type": known(failed.Type), "code": known(failed.Code), "param": known(failed.Param), "provider": known(failed.Provider),
		"model": known(failed.Model), "http_status": number(failed.HTTPStatus), "request_id": known(failed.RequestID),
		"retry_after_ms": number(int(failed.RetryAfter.Milliseconds())), "retryable": failed.Retryable, "phase": failed.Phase,
		"attempts": tries(failed.Attempts), "partial_text": known(failed.PartialText), "body": known(failed.RawBody),
	}
}

func tries(attempts []llm.Attempt) []object {
	made := []object{}
	for _, one := range attempts {
		made = append(made, object{
			"provider": one.Provider, "model": one.Model, "status": one.Status, "kind": one.Kind, "http_status": one.HTTPStatus,
			"message": one.Message,
		})
	}
	return made
}

// conditions are the Err of the package that an error is.
func conditions(err error) (names []string) {
	for name, one := range map[string]error{
		"ErrBadRequest":        llm.ErrBadRequest,
		"ErrNotFound":          llm.ErrNotFound,
		"ErrConflict":          llm.ErrConflict,
		"ErrTooLarge":          llm.ErrTooLarge,
		"ErrUnprocessable":     llm.ErrUnprocessable,
		"ErrAuth":              llm.ErrAuth,
		"ErrPermission":        llm.ErrPermission,
		"ErrRateLimit":         llm.ErrRateLimit,
		"ErrQuota":             llm.ErrQuota,
		"ErrBudget":            llm.ErrBudget,
		"ErrContextLength":     llm.ErrContextLength,
		"ErrContentFilter":     llm.ErrContentFilter,
		"ErrServer":            llm.ErrServer,
		"ErrOverloaded":        llm.ErrOverloaded,
		"ErrConnection":        llm.ErrConnection,
		"ErrTimeout":           llm.ErrTimeout,
		"ErrStreamInterrupted": llm.ErrStreamInterrupted,
		"ErrStalled":           llm.ErrStalled,
		"ErrProtocol":          llm.ErrProtocol,
		"ErrNoRoute":           llm.ErrNoRoute,
		"ErrCircuitOpen":       llm.ErrCircuitOpen,
		"ErrUnsupported":       llm.ErrUnsupported,
		"ErrInvalidArgument":   llm.ErrInvalidArgument,
		"ErrConfig":            llm.ErrConfig,
		"ErrClosed":            llm.ErrClosed,
		"ErrForked":            llm.ErrForked,
		"ErrBusy":              llm.ErrBusy,
		"ErrNoMemory":          llm.ErrNoMemory,
		"ErrInternal":          llm.ErrInternal,
	} {
		if errors.Is(err, one) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// In Go what is not known is a zero value, or UnknownCount; in a result it is null.
func known(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func number(value int) any {
	if value == 0 {
		return nil
	}
	return value
}

func count(value int64) any {
	if value == llm.UnknownCount {
		return nil
	}
	return value
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
