// OpenAI's SDK stays; libllm routes, retries and translates. One line changes. Keys are the environment's.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	llm "github.com/libllm/libllm/bindings/go"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(option.WithHTTPClient(llm.HTTPClient()), option.WithMaxRetries(0))
	model, began := append(os.Args, "demo")[1], time.Now()
	stream := client.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{
		Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Name three oceans.")},
	})
	for first := true; stream.Next(); first = false {
		if first {
			defer fmt.Printf("\nfirst token after %d ms\n", time.Since(began).Milliseconds())
		}
		fmt.Print(stream.Current().Choices[0].Delta.Content)
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
}
