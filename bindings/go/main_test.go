package llm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libllm/libllm/bindings/go"
	"go.uber.org/goleak"
)

// The provider of these tests is `libllm mock`, over real sockets; LLM_BIN names the command.
var provider *mock

// What a child has before there is any client: whoever started the tests may have left descriptors open.
var inherited string

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "exit-in-mid-stream" {
		exitInMidStream(os.Args[2])
	}
	inherited = descriptorsOfAChild()
	provider = startMock()
	code := m.Run()
	provider.stop()
	if code == 0 {
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines were left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

type mock struct {
	process *exec.Cmd
	origin  string
}

func startMock() *mock {
	binary := os.Getenv("LLM_BIN")
	if binary == "" {
		fmt.Fprintln(os.Stderr, "LLM_BIN must name the command libllm, whose `mock` these tests ask")
		os.Exit(2)
	}
	process := exec.Command(binary, "mock")
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err == nil {
		var line string
		line, err = bufio.NewReader(out).ReadString('\n')
		if origin, found := strings.CutPrefix(strings.TrimSpace(line), "listening on "); found {
			return &mock{process, origin}
		}
	}
	fmt.Fprintln(os.Stderr, "the mock did not start:", err)
	os.Exit(2)
	return nil
}

func (m *mock) stop() {
	m.process.Process.Kill()
	m.process.Wait()
}

// config has the mock as provider `scripted` in Chat Completions and `messages` in Anthropic's words.
func (m *mock) config() llm.Config {
	return llm.Config{Providers: map[string]llm.Provider{
		"scripted": {Wire: "openai_chat", BaseURL: m.origin + "/v1", Auth: "none"},
		"messages": {Wire: "anthropic", BaseURL: m.origin, Auth: "none"},
	}}
}

type stats struct {
	Requests       int `json:"requests"`
	Live           int `json:"live"`
	LivePeak       int `json:"live_peak"`
	ClosedByClient int `json:"closed_by_client"`
}

func (m *mock) stats(t testing.TB) stats {
	t.Helper()
	answer, err := http.Get(m.origin + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var seen stats
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// forget has the mock count from nothing. What an earlier test left is over before, or its end would be counted after.
func (m *mock) forget(t testing.TB) {
	t.Helper()
	m.until(t, func(seen stats) bool { return seen.Live == 0 })
	ask, _ := http.NewRequest(http.MethodDelete, m.origin+"/stats", nil)
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}

// until asks the mock again and again what it saw; it is told of a closed connection some time after this side closed it.
func (m *mock) until(t testing.TB, found func(stats) bool) {
	t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	given := time.After(20 * time.Second)
	for {
		seen := m.stats(t)
		if found(seen) {
			return
		}
		select {
		case <-again.C:
		case <-given:
			t.Fatalf("the mock saw only %+v", seen)
		}
	}
}

// newClient makes a client of the mock that is closed with the test.
func newClient(t testing.TB, change ...func(*llm.Config)) *llm.Client {
	t.Helper()
	config := provider.config()
	for _, change := range change {
		change(&config)
	}
	client, err := llm.New(llm.FromConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func ask(model string) llm.Request {
	return llm.Request{Model: model, Messages: []llm.Message{llm.User("hi")}}
}

// collect reads a loop to its end.
func collect(t testing.TB, client *llm.Client, ctx context.Context, model string, wishes ...llm.Option) ([]llm.Event, error) {
	t.Helper()
	var events []llm.Event
	for event, err := range client.Stream(ctx, ask(model), wishes...) {
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
	return events, nil
}

func textOf(events []llm.Event) string {
	var text strings.Builder
	for _, event := range events {
		if delta, ok := event.(llm.TextDelta); ok {
			text.WriteString(delta.Text)
		}
	}
	return text.String()
}

// words is what the mock says for tokens=N.
func words(count int) string {
	said := make([]string, count)
	for i := range said {
		said[i] = fmt.Sprintf("w%d", i)
	}
	return strings.Join(said, " ")
}
