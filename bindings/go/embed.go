package llm

import (
	"context"
	"fmt"
)

// Embed asks for vectors of texts, and gives them in the order of the texts. What else may be said of vectors (dimensions, input_type)
// is said by Ask("embeddings").
func (c *Client) Embed(ctx context.Context, model string, texts []string, wishes ...Option) ([][]float32, error) {
	var told struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	request := map[string]any{"model": model, "input": texts}
	if err := c.askInto(ctx, "embeddings", request, &told, wishes); err != nil {
		return nil, err
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
