package llm

import (
	"bytes"
	"encoding/json"
	"maps"
	"strconv"
)

// Request is a chat request in OpenAI's words, whatever the provider speaks. What has no field goes into Extra, whose keys win.
type Request struct {
	Model             string            `json:"model,omitempty"` // provider/model or a name of the configuration; empty: default_model
	Messages          []Message         `json:"messages"`
	MaxTokens         int               `json:"max_tokens,omitempty"`
	Temperature       *float64          `json:"temperature,omitempty"` // Ptr(0.0) says 0, nil leaves it to the provider
	TopP              *float64          `json:"top_p,omitempty"`
	Stop              []string          `json:"stop,omitempty"`
	Seed              *int64            `json:"seed,omitempty"`
	N                 int               `json:"n,omitempty"`
	Tools             []Tool            `json:"tools,omitempty"`
	ToolChoice        any               `json:"tool_choice,omitempty"` // "auto", "none", "required", or an object
	ParallelToolCalls *bool             `json:"parallel_tool_calls,omitempty"`
	ResponseFormat    any               `json:"response_format,omitempty"` // JSONSchema(..), or an object
	ReasoningEffort   string            `json:"reasoning_effort,omitempty"`
	User              string            `json:"user,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Extra             map[string]any    `json:"-"`

	// Raw is the whole request as JSON, instead of everything above; only "stream" is added where it does not say it.
	Raw json.RawMessage `json:"-"`
}

// Ptr gives the address of a value, for fields that tell 0 from nothing.
func Ptr[T any](value T) *T { return &value }

// MarshalJSON writes the request as it is sent, but for "stream".
func (r Request) MarshalJSON() ([]byte, error) {
	if r.Raw != nil {
		return r.Raw, nil
	}
	type plain Request
	if r.Messages == nil {
		r.Messages = []Message{}
	}
	return withExtra(plain(r), r.Extra)
}

// encode is the request as the library takes it; how the provider is asked follows from what the caller waits for.
func (r Request) encode(stream bool) (string, error) {
	text, err := r.MarshalJSON()
	if err != nil {
		return "", newError(StatusInvalidArgument, "the request is not JSON: "+err.Error())
	}
	return asString(withStream(text, stream, r.Raw != nil || r.Extra != nil)), nil
}

// withStream says whether a stream is wanted where the text does not. What is no JSON object is the library's to complain of.
func withStream(text []byte, stream, maySay bool) []byte {
	if maySay {
		var keys map[string]json.RawMessage
		if json.Unmarshal(text, &keys) != nil || keys["stream"] != nil {
			return text
		}
	}
	head, rest, found := bytes.Cut(text, []byte("{"))
	if !found {
		return text
	}
	joint := `{"stream":` + strconv.FormatBool(stream)
	if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		joint += ","
	}
	return append(append(head[:len(head):len(head)], joint...), rest...)
}

// withExtra writes a struct and some more keys, which win.
func withExtra(fields any, extra map[string]any) ([]byte, error) {
	text, err := json.Marshal(fields)
	if err != nil || len(extra) == 0 {
		return text, err
	}
	all := map[string]any{}
	var said map[string]json.RawMessage
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, err
	}
	for key, value := range said {
		all[key] = value
	}
	maps.Copy(all, extra)
	return json.Marshal(all)
}

// Message is one turn of the conversation. Made by System, User, Assistant, ToolResult and RawMessage, or field by field.
type Message struct {
	Role       string
	Text       string        // what is said, if there are no Parts
	Parts      []ContentPart // text, images ..
	Name       string
	ToolCalls  []FunctionCall // of the assistant
	ToolCallID string         // which call a tool's message answers
	Extra      map[string]any
	Raw        json.RawMessage // the whole message, instead of everything above
}

// System instructs the model.
func System(text string) Message { return Message{Role: "system", Text: text} }

// User asks.
func User(text string) Message { return Message{Role: "user", Text: text} }

// UserParts asks with more than text.
func UserParts(parts ...ContentPart) Message { return Message{Role: "user", Parts: parts} }

// Assistant is what the model said earlier. Response.Turn knows more: signed reasoning, tool calls.
func Assistant(text string) Message { return Message{Role: "assistant", Text: text} }

// ToolResult answers a tool call.
func ToolResult(callID, text string) Message {
	return Message{Role: "tool", ToolCallID: callID, Text: text}
}

// RawMessage is a message that is JSON already, such as Done.Message.
func RawMessage(text json.RawMessage) Message { return Message{Raw: text} }

// MarshalJSON writes the message.
func (m Message) MarshalJSON() ([]byte, error) {
	if m.Raw != nil {
		return m.Raw, nil
	}
	fields := struct {
		Role       string         `json:"role"`
		Content    any            `json:"content"`
		Name       string         `json:"name,omitempty"`
		ToolCalls  []FunctionCall `json:"tool_calls,omitempty"`
		ToolCallID string         `json:"tool_call_id,omitempty"`
	}{m.Role, m.Text, m.Name, m.ToolCalls, m.ToolCallID}
	switch {
	case m.Parts != nil:
		fields.Content = m.Parts
	case m.Text == "" && m.ToolCalls != nil:
		fields.Content = nil
	}
	return withExtra(fields, m.Extra)
}

// ContentPart is one part of a message, as JSON.
type ContentPart map[string]any

// TextPart is text among other parts.
func TextPart(text string) ContentPart { return ContentPart{"type": "text", "text": text} }

// ImagePart is an image: an address, or data: with the bytes in it.
func ImagePart(url string) ContentPart {
	return ContentPart{"type": "image_url", "image_url": map[string]any{"url": url}}
}

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  any // its JSON schema
	Strict      *bool
	Raw         json.RawMessage // the whole tool, instead of everything above
}

// MarshalJSON writes the tool.
func (t Tool) MarshalJSON() ([]byte, error) {
	if t.Raw != nil {
		return t.Raw, nil
	}
	return json.Marshal(map[string]any{"type": "function", "function": struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Parameters  any    `json:"parameters,omitempty"`
		Strict      *bool  `json:"strict,omitempty"`
	}{t.Name, t.Description, t.Parameters, t.Strict}})
}

// FunctionCall is a whole call of a function; Arguments is JSON text.
type FunctionCall struct {
	ID        string
	Name      string
	Arguments string
}

type functionCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// MarshalJSON writes the call as a message holds it.
func (c FunctionCall) MarshalJSON() ([]byte, error) {
	call := functionCall{ID: c.ID, Type: "function"}
	call.Function.Name, call.Function.Arguments = c.Name, c.Arguments
	return json.Marshal(call)
}

// UnmarshalJSON reads it.
func (c *FunctionCall) UnmarshalJSON(text []byte) error {
	var call functionCall
	err := json.Unmarshal(text, &call)
	*c = FunctionCall{call.ID, call.Function.Name, call.Function.Arguments}
	return err
}

// JSONSchema is a response format: the answer is JSON of this schema.
func JSONSchema(name string, schema any) any {
	return map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": name, "schema": schema, "strict": true}}
}
