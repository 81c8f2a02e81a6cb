package sdktest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	llm "github.com/libllm/libllm/bindings/go"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// The provider of these tests is `libllm mock`; LLM_BIN names the command.
var origin string

func TestMain(m *testing.M) {
	process := exec.Command(os.Getenv("LLM_BIN"), "mock")
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the mock did not start:", err)
		os.Exit(2)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	origin = strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
	code := m.Run()
	process.Process.Kill()
	process.Wait()
	os.Exit(code)
}

// providers speak Chat Completions and Messages; each SDK is answered by both.
var providers = []string{"scripted", "messages"}

const tool = ";tool=get_weather:%7B%22city%22:%22Oslo%22%7D"

func client(t *testing.T) *llm.Client {
	t.Helper()
	made, err := llm.New(llm.FromConfig(llm.Config{Providers: map[string]llm.Provider{
		"scripted": {Wire: "openai_chat", BaseURL: origin + "/v1", Auth: "none"},
		"messages": {Wire: "anthropic", BaseURL: origin, Auth: "none"},
		"nowhere":  {Wire: "openai_chat", BaseURL: "http://127.0.0.1:1/v1", Auth: "none"},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

func gpt(t *testing.T) openai.Client {
	t.Helper()
	over := client(t).HTTPClient(llm.WithMaxAttempts(1))
	return openai.NewClient(option.WithAPIKey("sk-sdk"), option.WithHTTPClient(over), option.WithMaxRetries(0))
}

func claude(t *testing.T) anthropic.Client {
	t.Helper()
	over := client(t).HTTPClient(llm.WithMaxAttempts(1))
	return anthropic.NewClient(anthropicoption.WithAPIKey("sk-sdk"), anthropicoption.WithHTTPClient(over),
		anthropicoption.WithMaxRetries(0))
}

type stats struct {
	Requests       int `json:"requests"`
	Live           int `json:"live"`
	ClosedByClient int `json:"closed_by_client"`
}

func seen(t *testing.T, method string) (found stats) {
	t.Helper()
	ask, _ := http.NewRequest(method, origin+"/stats", nil)
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	json.NewDecoder(answer.Body).Decode(&found)
	return found
}

// until waits for what the mock sees of a connection that this side closed.
func until(t *testing.T, good func(stats) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !good(seen(t, http.MethodGet)); {
		if time.Now().After(end) {
			t.Fatalf("the mock saw %+v", seen(t, http.MethodGet))
		}
		time.Sleep(5 * time.Millisecond)
	}
}
