package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

var schema = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}

func ask(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Parameters: schema,
		})},
	}
}

func TestChatCompletions(t *testing.T) {
	sdk := gpt(t)
	for _, provider := range providers {
		said, err := sdk.Chat.Completions.New(t.Context(), ask(provider+"/tokens=3"+tool))
		if err != nil {
			t.Fatal(provider, err)
		}
		message := said.Choices[0].Message
		if message.Content != "w0 w1 w2" || said.Choices[0].FinishReason != "tool_calls" || said.Usage.CompletionTokens == 0 {
			t.Error(provider, said.RawJSON())
		}
		var where struct{ City string }
		if err := json.Unmarshal([]byte(message.ToolCalls[0].Function.Arguments), &where); err != nil || where.City != "Oslo" {
			t.Error(provider, message.ToolCalls[0].RawJSON())
		}
		again := ask(provider + "/echo")
		again.Messages = append(again.Messages, message.ToParam(), openai.ToolMessage("rain", message.ToolCalls[0].ID), openai.UserMessage("so?"))
		if said, err = sdk.Chat.Completions.New(t.Context(), again); err != nil || said.Choices[0].Message.Content != "so?" {
			t.Error(provider, err)
		}
	}
}

func TestChunksAreAccumulated(t *testing.T) {
	sdk := gpt(t)
	for _, provider := range providers {
		params := ask(provider + "/tokens=30;pace=1ms" + tool)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		stream := sdk.Chat.Completions.NewStreaming(t.Context(), params)
		whole := openai.ChatCompletionAccumulator{}
		for stream.Next() {
			if !whole.AddChunk(stream.Current()) {
				t.Fatal(provider, "a chunk does not fit: ", stream.Current().RawJSON())
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(provider, err)
		}
		message := whole.Choices[0].Message
		if !strings.HasSuffix(message.Content, "w28 w29") || message.ToolCalls[0].Function.Name != "get_weather" || whole.Usage.TotalTokens == 0 {
			t.Errorf("%s: %+v", provider, whole.ChatCompletion)
		}
	}
}

func TestResponses(t *testing.T) {
	sdk := gpt(t)
	for _, provider := range providers {
		params := responses.ResponseNewParams{
			Model: provider + "/tokens=3;reasoning=2" + tool,
			Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")},
		}
		said, err := sdk.Responses.New(t.Context(), params)
		if err != nil || said.OutputText() != "w0 w1 w2" || len(said.Output) != 3 || said.Status != "completed" {
			t.Fatal(provider, err, said)
		}
		stream, text, last := sdk.Responses.NewStreaming(t.Context(), params), "", ""
		for stream.Next() {
			event := stream.Current()
			last = event.Type
			if event.Type == "response.output_text.delta" {
				text += event.AsResponseOutputTextDelta().Delta
			}
		}
		if stream.Err() != nil || text != "w0 w1 w2" || last != "response.completed" {
			t.Error(provider, stream.Err(), text, last)
		}
	}
}

func TestStructuredOutputs(t *testing.T) {
	sdk := gpt(t)
	for _, provider := range providers {
		params := openai.ChatCompletionNewParams{
			Model:    provider + "/text=%7B%22city%22:%22Oslo%22%7D",
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
			ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
				JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "place", Schema: schema, Strict: openai.Bool(true)},
			}},
		}
		said, err := sdk.Chat.Completions.New(t.Context(), params)
		var where struct{ City string }
		if err != nil || json.Unmarshal([]byte(said.Choices[0].Message.Content), &where) != nil || where.City != "Oslo" {
			t.Error(provider, err)
		}
	}
}

func TestRefusalsAreTheSDKsErrors(t *testing.T) {
	sdk := gpt(t)
	seen(t, http.MethodDelete)
	for _, provider := range providers {
		for _, status := range []string{"400", "401", "403", "404", "409", "422", "429", "500"} {
			_, err := sdk.Chat.Completions.New(t.Context(), ask(provider+"/status="+status))
			var failed *openai.Error
			if !errors.As(err, &failed) || failed.Message == "" || strconv.Itoa(failed.StatusCode) != status {
				t.Fatal(provider, status, err)
			}
			if found := failed.Response.Header.Get("x-request-id"); !strings.HasPrefix(found, "req_mock") {
				t.Error(provider, status, found)
			}
		}
	}
	if found := seen(t, http.MethodGet).Requests; found != 16 {
		t.Error("the SDK tried again:", found)
	}
}

func TestNoAnswerIsAnError(t *testing.T) {
	sdk := gpt(t)
	if _, err := sdk.Chat.Completions.New(t.Context(), ask("nowhere/x")); err == nil || !strings.Contains(err.Error(), "LLM_ERR_CONNECT") {
		t.Error(err)
	}
	stream := sdk.Chat.Completions.NewStreaming(t.Context(), ask("messages/tokens=30;cut=rst;at=9"))
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Error("a broken stream has no error")
	}
	ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	if _, err := sdk.Chat.Completions.New(ctx, ask("scripted/ttft=9s")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	until(t, func(found stats) bool { return found.Live == 0 })
}

func TestRawAnswersTellWhoAnswered(t *testing.T) {
	sdk := gpt(t)
	var raw *http.Response
	_, err := sdk.Chat.Completions.New(t.Context(), ask("messages/tokens=2"), option.WithResponseInto(&raw))
	if err != nil || raw.Header.Get("x-libllm-target") != "messages/tokens=2" {
		t.Error(err, raw)
	}
}

func TestCancelingClosesTheProvidersStream(t *testing.T) {
	sdk := gpt(t)
	for _, provider := range providers {
		seen(t, http.MethodDelete)
		ctx, cancel := context.WithCancel(t.Context())
		stream := sdk.Chat.Completions.NewStreaming(ctx, ask(provider+"/tokens=1000;pace=20ms"))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		cancel()
		for stream.Next() {
		}
		if !errors.Is(stream.Err(), context.Canceled) {
			t.Error(provider, stream.Err())
		}
		until(t, func(found stats) bool { return found.ClosedByClient == 1 && found.Live == 0 })
		stream = sdk.Chat.Completions.NewStreaming(t.Context(), ask(provider+"/tokens=1000;pace=20ms"))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		stream.Close()
		until(t, func(found stats) bool { return found.ClosedByClient == 2 && found.Live == 0 })
	}
}
