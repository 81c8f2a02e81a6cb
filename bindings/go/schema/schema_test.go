package schema

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestNewerWordsAndFieldsAreNoErrors(t *testing.T) {
	var done Done
	text := `{"id":"c1","finish_reason":"a word of tomorrow","novelty":{"a":[1]},"usage":{"total_tokens":3,"source":"hearsay","moods":7},
		"message":{"role":"assistant","tool_calls":[{"id":"1","type":"dance","function":{"name":"f"}}]},"attempts":[{"ms":1.5,"mood":1}]}`
	if err := json.Unmarshal([]byte(text), &done); err != nil {
		t.Fatal(err)
	}
	if done.FinishReason != "a word of tomorrow" || *done.Usage.TotalTokens != 3 || done.Usage.Source != "hearsay" {
		t.Errorf("%+v", done)
	}
	if done.Message.ToolCalls[0].Type != "dance" || done.Attempts[0].Ms != 1.5 || done.Usage.PromptTokens != nil {
		t.Errorf("%+v", done)
	}
}

func TestPartsOfKindsThatNobodyKnowsAreKept(t *testing.T) {
	text := `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"smell","of":"rain"},{"type":"image_url","image_url":{"url":"u"}},` +
		`{"type":"text","text":5}]},{"role":"user","content":"plain"},{"role":"user","content":7}],"stop":["x"]}`
	var request ChatRequest
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		t.Fatal(err)
	}
	parts := request.Messages[0].Content.Else
	want := ContentParts{TextPart{"a"}, UnknownContentPart{json.RawMessage(`{"type":"smell","of":"rain"}`)},
		ImagePart{ImageUrl{URL: "u"}}, UnknownContentPart{json.RawMessage(`{"type":"text","text":5}`)}}
	if !reflect.DeepEqual(parts, want) {
		t.Errorf("%+v", parts)
	}
	if *request.Messages[1].Content.Text != "plain" || string(request.Messages[2].Content.Raw) != "7" {
		t.Errorf("%+v", request.Messages)
	}
	again, err := json.Marshal(request)
	if err != nil || string(again) != text {
		t.Errorf("%v\n%s\n%s", err, again, text)
	}
}

func TestVariablesHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, one := range Variables {
		if one.Name == "" || one.About == "" || seen[one.Name] != "" {
			t.Errorf("%+v", one)
		}
		seen[one.Name] = one.About
	}
	if Variables[0].Name != "LLM_CONFIG" || seen["OPENAI_API_KEY"] != "key of OpenAI" {
		t.Error(len(seen), seen["OPENAI_API_KEY"])
	}
}
