package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/libllm/libllm/bindings/go"
)

func TestVectorsComeInTheOrderOfTheTexts(t *testing.T) {
	type seen struct {
		path string
		body map[string]any
	}
	requests := make(chan seen, 2)
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := seen{path: r.URL.Path}
		_ = json.NewDecoder(r.Body).Decode(&request.body)
		requests <- request
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"object":"list","data":[{"index":1,"embedding":[3]},{"index":0,"embedding":[0.5,-2]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`))
	}))
	defer place.Close()
	client, err := llm.New(llm.FromText(`{"providers":{"house":{"wire":"openai_chat","base_url":"` + place.URL + `/v1"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	vectors, err := client.Embed(context.Background(), "house/m", []string{"a", "b"})
	if err != nil || len(vectors) != 2 || !slices.Equal(vectors[0], []float32{0.5, -2}) || !slices.Equal(vectors[1], []float32{3}) {
		t.Fatal(vectors, err)
	}
	first := <-requests
	input, _ := first.body["input"].([]any)
	if first.path != "/v1/embeddings" || len(input) != 2 || first.body["model"] != "m" {
		t.Error(first)
	}
	request := llm.Request{Raw: []byte(`{"model":"house/m","input":"a","dimensions":2}`)}
	answer, err := client.Chat(context.Background(), request, llm.WithOperation("embeddings"))
	if err != nil || !json.Valid(answer.Contents) || (<-requests).body["dimensions"] != 2.0 {
		t.Error(answer, err)
	}
	var failed *llm.Error
	if _, err = client.Embed(context.Background(), "nobody/m", nil); !errors.As(err, &failed) {
		t.Error(err)
	}
}
