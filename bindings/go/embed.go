package llm

import (
	"context"
	"encoding/json"
	"fmt"
)

// Embed asks for vectors of texts, and gives them in the order of the texts. What else may be said of vectors (dimensions, input_type)
// is said by Chat with WithOperation("embeddings") and a Request that has Raw: its Contents are the answer.
func (c *Client) Embed(ctx context.Context, model string, texts []string, wishes ...Option) ([][]float32, error) {
	text, err := json.Marshal(map[string]any{"model": model, "input": texts})
	asked := gather(wishes)
	asked.operation = "embeddings"
	stream := c.start(ctx, string(text), asked, err)
	defer stream.Close()
	answer, err := stream.Final()
	if err != nil {
		return nil, err
	}
	var told struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer.Contents, &told); err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	vectors := make([][]float32, len(told.Data))
	for _, one := range told.Data {
		if one.Index < 0 || one.Index >= len(vectors) {
			return nil, fmt.Errorf("vectors: number %d of %d", one.Index, len(vectors))
		}
		vectors[one.Index] = one.Embedding
	}
	return vectors, nil
}
