//go:build ignore

// One stream, read in a range loop; Ctrl-C closes the provider's connection.   usage: stream [MODEL]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	client, err := llm.New() // LLM_CONFIG, OPENAI_API_KEY and the like
	if err != nil {
		fail(err)
	}
	defer client.Close()

	request := llm.Request{Messages: []llm.Message{llm.User("Count to twelve.")}}
	if len(os.Args) > 1 {
		request.Model = os.Args[1]
	}
	for event, err := range client.Stream(ctx, request, llm.WithFirstTokenTimeout(30*time.Second)) {
		if err != nil {
			fail(err)
		}
		switch event := event.(type) {
		case llm.Route: // which provider and why; after a fallback, what was tried before
			fmt.Fprintf(os.Stderr, "%s: %s/%s\n", event.Reason, event.Provider, event.Model)
		case llm.TextDelta:
			fmt.Print(event.Text)
		case llm.Done:
			fmt.Printf("\n%d tokens by %s in %d attempts, first token after %s\n", event.Usage.CompletionTokens, event.Provider,
				len(event.Attempts), event.Timing.FirstToken)
		}
	}
}

func fail(err error) {
	var failed *llm.Error
	if errors.As(err, &failed) {
		fmt.Fprintf(os.Stderr, "\nrequest %q, retry after %s, %d attempts\n", failed.RequestID, failed.RetryAfter, len(failed.Attempts))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
