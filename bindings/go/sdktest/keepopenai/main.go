// OpenAI's SDK stays; libllm routes, retries and translates. One option changes.
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
	engine, err := llm.New() // keys and LLM_CONFIG from the environment
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	client := openai.NewClient(option.WithHTTPClient(engine.HTTPClient()), option.WithMaxRetries(0), option.WithAPIKey("held by libllm"))
	model, began, first := append(os.Args, "demo")[1], time.Now(), time.Duration(0)
	stream := client.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{
		Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Name three oceans.")},
	})
	for stream.Next() {
		if first == 0 {
			first = time.Since(began)
		}
		fmt.Print(stream.Current().Choices[0].Delta.Content)
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\nfirst token after %d ms\n", first.Milliseconds())
}
