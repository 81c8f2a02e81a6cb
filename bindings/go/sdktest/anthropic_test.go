package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func message(model string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:     anthropic.Model(model),
		MaxTokens: 99,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
		Tools: []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
			Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: schema["properties"]},
		}}},
	}
}

func kinds(said *anthropic.Message) (all []string) {
	for _, block := range said.Content {
		all = append(all, block.Type)
	}
	return all
}

func TestMessages(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		params := message(provider + "/tokens=3;reasoning=2" + tool)
		said, err := sdk.Messages.New(t.Context(), params)
		if err != nil {
			t.Fatal(provider, err)
		}
		if found := strings.Join(kinds(said), " "); found != "thinking text tool_use" || said.StopReason != "tool_use" || said.Usage.OutputTokens == 0 {
			t.Error(provider, said.RawJSON())
		}
		call := said.Content[2].AsToolUse()
		if !strings.Contains(string(call.Input), "Oslo") {
			t.Error(provider, string(call.Input))
		}
		params.Model = anthropic.Model(provider + "/echo")
		params.Messages = append(params.Messages, said.ToParam(),
			anthropic.NewUserMessage(anthropic.NewToolResultBlock(call.ID, "rain", false), anthropic.NewTextBlock("so?")))
		if said, err = sdk.Messages.New(t.Context(), params); err != nil || said.Content[0].Text != "so?" {
			t.Error(provider, err)
		}
	}
}

func TestMessagesAreAccumulated(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		stream := sdk.Messages.NewStreaming(t.Context(), message(provider+"/tokens=30;pace=1ms;reasoning=2"+tool))
		whole := anthropic.Message{}
		for stream.Next() {
			if err := whole.Accumulate(stream.Current()); err != nil {
				t.Fatal(provider, err)
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(provider, err)
		}
		if found := strings.Join(kinds(&whole), " "); found != "thinking text tool_use" || whole.StopReason != "tool_use" {
			t.Error(provider, found, whole.StopReason)
		}
		if !strings.HasSuffix(whole.Content[1].Text, "w28 w29") || !strings.Contains(string(whole.Content[2].Input), "Oslo") {
			t.Error(provider, whole.Content)
		}
	}
}

func TestRefusalsAreAnthropicsErrors(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		for status, kind := range map[string]string{"400": "invalid_request_error", "401": "authentication_error",
			"403": "permission_error", "404": "not_found_error", "409": "invalid_request_error", "422": "invalid_request_error", "429": "rate_limit_error", "500": "api_error", "529": "overloaded_error"} {
			_, err := sdk.Messages.New(t.Context(), message(provider+"/status="+status))
			var failed *anthropic.Error
			if !errors.As(err, &failed) || strconv.Itoa(failed.StatusCode) != status || !strings.Contains(failed.RawJSON(), kind) || failed.RequestID == "" {
				t.Error(provider, status, err)
			}
		}
	}
}

func TestRawMessagesTellWhoAnswered(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		var raw *http.Response
		answer, err := sdk.Messages.New(t.Context(), message(provider+"/tokens=2"), option.WithResponseInto(&raw))
		if err != nil || raw.StatusCode != http.StatusOK || raw.Header.Get("x-libllm-target") != provider+"/tokens=2" {
			t.Fatal(provider, err, raw)
		}
		if id := raw.Header.Get("request-id"); !strings.HasPrefix(id, "req_mock") || answer.Content[0].Text != "w0 w1" {
			t.Error(provider, id, answer.Content)
		}
	}
}

// Structured output by both ways that there are: the answer's format, and a tool that must be called.
func TestStructuredMessages(t *testing.T) {
	sdk := claude(t)
	type place struct{ City string }
	for _, provider := range providers {
		params := message(provider + "/text=%7B%22city%22:%22Oslo%22%7D")
		params.Tools = nil
		params.OutputConfig = anthropic.OutputConfigParam{Format: anthropic.JSONOutputFormatParam{Schema: schema}}
		said, err := sdk.Messages.New(t.Context(), params)
		var where place
		if err != nil || json.Unmarshal([]byte(said.Content[0].Text), &where) != nil || where.City != "Oslo" {
			t.Error(provider, err, said)
		}
		params = message(provider + "/" + strings.TrimPrefix(tool, ";"))
		params.ToolChoice = anthropic.ToolChoiceParamOfTool("get_weather")
		said, err = sdk.Messages.New(t.Context(), params)
		if err != nil || json.Unmarshal(said.Content[0].AsToolUse().Input, &where) != nil || where.City != "Oslo" {
			t.Error(provider, err, said)
		}
	}
}

func TestRawStreamsTellWhoAnswers(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		var raw *http.Response
		stream := sdk.Messages.NewStreaming(t.Context(), message(provider+"/tokens=2"), option.WithResponseInto(&raw))
		for stream.Next() {
		}
		if stream.Err() != nil || raw.StatusCode != http.StatusOK || raw.Header.Get("x-libllm-target") != provider+"/tokens=2" {
			t.Error(provider, stream.Err(), raw)
		}
		if found := raw.Header.Get("content-type"); !strings.HasPrefix(found, "text/event-stream") {
			t.Error(provider, found)
		}
	}
}

func TestLeavingClosesTheProvidersStream(t *testing.T) {
	sdk := claude(t)
	for _, provider := range providers {
		seen(t, http.MethodDelete)
		ctx, cancel := context.WithCancel(t.Context())
		stream := sdk.Messages.NewStreaming(ctx, message(provider+"/tokens=1000;pace=20ms"))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		cancel()
		for stream.Next() {
		}
		until(t, func(found stats) bool { return found.ClosedByClient == 1 && found.Live == 0 })
	}
}

func TestManyAtOnce(t *testing.T) {
	sdk := claude(t)
	var all sync.WaitGroup
	for number := range 50 {
		all.Go(func() {
			stream, text := sdk.Messages.NewStreaming(t.Context(), message(providers[number%2]+"/tokens=40;pace=2ms")), ""
			for stream.Next() {
				if delta, is := stream.Current().AsAny().(anthropic.ContentBlockDeltaEvent); is {
					text += delta.Delta.Text
				}
			}
			if stream.Err() != nil || !strings.HasSuffix(text, "w38 w39") {
				t.Error(number, stream.Err(), text)
			}
		})
	}
	all.Wait()
}
