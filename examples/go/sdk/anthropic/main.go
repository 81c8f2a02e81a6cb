// Anthropic's SDK stays, whoever answers: OpenAI, a local server, Anthropic itself. One line changes. Keys are the environment's.
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
	client := anthropic.NewClient(option.WithHTTPClient(llm.HTTPClient()), option.WithMaxRetries(0), option.WithAPIKey("held by libllm"))
	model, began := append(os.Args, "demo")[1], time.Now()
	stream := client.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{
		Model: anthropic.Model(model), MaxTokens: 1024,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Name three oceans."))},
	})
	for first := true; stream.Next(); first = false {
		if first {
			defer fmt.Printf("\nfirst token after %d ms\n", time.Since(began).Milliseconds())
		}
		fmt.Print(stream.Current().Delta.Text)
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
}
