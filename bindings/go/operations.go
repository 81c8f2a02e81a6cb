package llm

import (
	"context"
	"encoding/json"
	"fmt"
)

// Ask asks for something else than a conversation (docs/operations.md): "moderation", "images", "speech", "transcription",
// "cache.invalidate", "warm" .. The request is anything that is an object as JSON, or nil. The answer's Contents are the operation's own
// JSON, which Into reads, or bytes of MediaType.
func (c *Client) Ask(ctx context.Context, operation string, request any, wishes ...Option) (*Response, error) {
	text := []byte("{}")
	var err error
	if request != nil {
		if text, err = json.Marshal(request); err != nil {
			err = newError(StatusInvalidArgument, "the request is not JSON: "+err.Error())
		}
	}
	asked := gather(wishes)
	asked.operation = operation
	stream := c.start(ctx, string(text), asked, err)
	defer stream.Close()
	return stream.Final()
}

// Into reads what an operation answered in JSON.
func (r *Response) Into(value any) error {
	if r.MediaType != "" || r.Contents == nil {
		return newError(StatusInvalidArgument, fmt.Sprintf("the answer is no JSON: %d bytes of %q", len(r.Contents), r.MediaType))
	}
	return json.Unmarshal(r.Contents, value)
}

func (c *Client) askInto(ctx context.Context, operation string, request, answer any, wishes []Option) error {
	response, err := c.Ask(ctx, operation, request, wishes...)
	if err != nil {
		return err
	}
	if err := response.Into(answer); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// Ranked is a document's place in the request, and how much it has to do with the question.
type Ranked struct {
	Index     int             `json:"index"`
	Relevance float64         `json:"relevance_score"`
	Document  json.RawMessage `json:"document"` // if the request has return_documents
}

// Rerank gives the documents' places by relevance, best first.
func (c *Client) Rerank(ctx context.Context, model, query string, documents []string, wishes ...Option) ([]Ranked, error) {
	var told struct {
		Results []Ranked `json:"results"`
	}
	request := map[string]any{"model": model, "query": query, "documents": documents}
	err := c.askInto(ctx, "rerank", request, &told, wishes)
	return told.Results, err
}

// ModelList is one page of a provider's models.
type ModelList struct {
	Models   []ListedModel `json:"data"`
	NextPage string        `json:"next_page"` // goes into the next question; empty on the last page
}

// ListedModel is what a provider says of a model.
type ListedModel struct {
	ID  string
	Raw json.RawMessage // all of it
}

// UnmarshalJSON reads it.
func (m *ListedModel) UnmarshalJSON(text []byte) error {
	var said struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(text, &said)
	*m = ListedModel{said.ID, append(json.RawMessage(nil), text...)}
	return err
}

// Models lists a provider's models; page is empty, or the NextPage of an earlier list.
func (c *Client) Models(ctx context.Context, provider, page string, wishes ...Option) (*ModelList, error) {
	request := map[string]any{}
	if page != "" {
		request["page"] = page
	}
	list := &ModelList{}
	if err := c.askInto(ctx, "models", request, list, append(wishes[:len(wishes):len(wishes)], WithProvider(provider))); err != nil {
		return nil, err
	}
	return list, nil
}

// TokenCount is how many tokens a request has, and who counted: "tokenizer", "provider" or "estimated".
type TokenCount struct {
	PromptTokens int64  `json:"prompt_tokens"`
	Source       string `json:"source"`
}

// CountTokens counts the tokens of a chat request.
func (c *Client) CountTokens(ctx context.Context, request Request, wishes ...Option) (TokenCount, error) {
	var count TokenCount
	err := c.askInto(ctx, "count_tokens", request, &count, wishes)
	return count, err
}

// Plan is the route that a chat request would take now.
type Plan struct {
	Model      string          `json:"model"`
	Candidates []Candidate     `json:"candidates"` // in the order in which they would be asked
	Raw        json.RawMessage `json:"-"`          // all of it, as docs/operations.md says
}

// Candidate is a target that may be asked; all else that is known of it is in the Plan's Raw.
type Candidate struct {
	Target   string `json:"target"` // provider/model
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Strategy string `json:"strategy"`
	Because  string `json:"because"`
	After    string `json:"after"` // the list of fallbacks that it is from
	Well     bool   `json:"well"`
}

// Explain says how a chat request would be routed. Nothing is sent.
func (c *Client) Explain(ctx context.Context, request Request, wishes ...Option) (*Plan, error) {
	response, err := c.Ask(ctx, "explain", request, wishes...)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	if err := response.Into(plan); err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	plan.Raw = response.Contents
	return plan, nil
}
