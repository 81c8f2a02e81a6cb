// Anthropic's SDK stays, whoever answers: OpenAI, a local server, Anthropic itself. One option changes.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	llm "github.com/libllm/libllm/bindings/go"
)

func main() {
	engine, err := llm.New() // keys and LLM_CONFIG from the environment
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	client := anthropic.NewClient(option.WithHTTPClient(engine.HTTPClient()), option.WithMaxRetries(0), option.WithAPIKey("held by libllm"))
	model, began, first := append(os.Args, "demo")[1], time.Now(), time.Duration(0)
	stream := client.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{
		Model: anthropic.Model(model), MaxTokens: 1024,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Name three oceans."))},
	})
	for stream.Next() {
		if first == 0 {
			first = time.Since(began)
		}
		if delta, is := stream.Current().AsAny().(anthropic.ContentBlockDeltaEvent); is {
			fmt.Print(delta.Delta.Text)
		}
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\nfirst token after %d ms\n", first.Milliseconds())
}
