package llm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/libllm/libllm/bindings/go"
)

// house is a provider that answers each path with this, and a client of it.
func house(t *testing.T, answers map[string]string) *llm.Client {
	t.Helper()
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/speech") {
			w.Header().Set("Content-Type", "audio/mpeg")
		}
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	t.Cleanup(place.Close)
	client, err := llm.New(llm.FromText(`{"providers":{"house":{"wire":"openai_chat","base_url":"` + place.URL + `/v1"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestEachOperationHasAMethod(t *testing.T) {
	sound := "\xff\xfb\x00\x80\n"
	client := house(t, map[string]string{
		"/v1/rerank":       `{"results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.25}]}`,
		"/v1/models":       `{"object":"list","data":[{"id":"m-1","object":"model","owned_by":"us"}]}`,
		"/v1/moderations":  `{"results":[{"flagged":true}]}`,
		"/v1/audio/speech": sound,
	})
	ctx := t.Context()
	ranked, err := client.Rerank(ctx, "house/m", "q", []string{"a", "b"})
	if err != nil || len(ranked) != 2 || ranked[0].Index != 1 || ranked[0].Relevance != 0.9 {
		t.Error(ranked, err)
	}
	list, err := client.Models(ctx, "house", "")
	if err != nil || len(list.Models) != 1 || list.Models[0].ID != "m-1" || !bytes.Contains(list.Models[0].Raw, []byte("owned_by")) {
		t.Error(list, err)
	}
	count, err := client.CountTokens(ctx, said("house/m", "four words are here"))
	if err != nil || count.Source != "estimated" || count.PromptTokens <= 4 {
		t.Error(count, err)
	}
	plan, err := client.Explain(ctx, said("house/m", "x"))
	if err != nil || len(plan.Candidates) != 1 || plan.Candidates[0].Target != "house/m" || !plan.Candidates[0].Well || !json.Valid(plan.Raw) {
		t.Error(plan, err)
	}
	var judged struct{ Results []struct{ Flagged bool } }
	answer, err := client.Ask(ctx, "moderation", map[string]any{"model": "house/m", "input": "x"})
	if err != nil || answer.Into(&judged) != nil || len(judged.Results) != 1 || !judged.Results[0].Flagged {
		t.Error(answer, err)
	}
	spoken, err := client.Ask(ctx, "speech", map[string]any{"model": "house/m", "input": "x", "voice": "v"})
	if err != nil || string(spoken.Contents) != sound || spoken.MediaType != "audio/mpeg" {
		t.Error(spoken, err)
	}
	if err := spoken.Into(&judged); !errors.Is(err, llm.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, err := client.Ask(ctx, "warm", said("house/m", "x")); err != nil {
		t.Error(err)
	}
	if _, err := client.Ask(ctx, "no such thing", nil); err == nil {
		t.Error("an operation that nobody knows")
	}
}

func TestTheFirstAnswerIsTheLowestThereIs(t *testing.T) {
	for first, texts := range map[string][]string{"status=500": {"two", "three"}, "text=one": {"one", "two", "three"}} {
		client, err := llm.New(llm.FromText(`{"models":{"all":{"targets":[{"model":"mock/` + first +
			`"},{"model":"mock/text=two"},{"model":"mock/text=three"}],"strategy":"race","race":3,"race_return":"all"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Chat(t.Context(), said("all", "x"))
		if err != nil || answer.Text() != texts[0] || len(answer.Answers) != len(texts) {
			t.Fatal(answer, err)
		}
		for at, one := range answer.Answers {
			if one.Text != texts[at] || one.Index != at+3-len(texts) || one.FinishReason != "stop" {
				t.Errorf("%d: %+v", at, one)
			}
		}
		client.Close()
	}
}

// A provider may give its answers any numbers: none of them is a length.
func TestAProvidersNumberIsNoLength(t *testing.T) {
	for _, number := range []string{"2000000000", "4294967295", "99999999999999", "-1"} {
		client := house(t, map[string]string{"/v1/chat/completions": `{"id":"a","model":"m","choices":[{"index":` + number +
			`,"message":{"role":"assistant","content":"far"},"finish_reason":"stop"}]}`})
		answer, err := client.Chat(t.Context(), said("house/m", "x"), llm.WithMaxAttempts(1))
		if err == nil && (answer.Text() != "far" || len(answer.Answers) != 1) {
			t.Errorf("%s: %+v", number, answer)
		}
	}
}

func TestAnErrorIsANetError(t *testing.T) {
	client := house(t, nil)
	_, err := client.Chat(t.Context(), said("mock/status=429", "x"), llm.WithMaxAttempts(1))
	var failed net.Error
	if !errors.As(err, &failed) || failed.Timeout() {
		t.Fatal(err)
	}
	_, err = client.Chat(t.Context(), said("mock/ttft=60s", "x"), llm.WithTimeout(1))
	if !errors.As(err, &failed) || !failed.Timeout() {
		t.Fatal(err)
	}
}

func TestARequestWithoutAMethodIsAGet(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), "", "https://api.openai.com/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Method = ""
	answer, err := house(t, nil).Transport().RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"list"`)) {
		t.Error(answer.Status, string(text), err)
	}
}
