package llm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// HTTPClient is an http.Client for other SDKs, over Transport:
//
//	openai.NewClient(option.WithHTTPClient(client.HTTPClient()), option.WithMaxRetries(0))
func (c *Client) HTTPClient(wishes ...Option) *http.Client {
	return &http.Client{Transport: c.Transport(wishes...)}
}

// Transport answers requests that are meant for a provider's API: POST .../chat/completions, .../messages, .../responses and GET
// .../models are routed by the model of the body, translated where the provider speaks another format, and answered in the
// caller's, streamed if a stream was asked for. Nothing is sent by net/http.
//
// A refusal by the provider is an answer. An *Error tells of a provider that was not reached, and of a body that breaks off. A request's
// context that ends closes the provider's connection, and so does closing the body. SDKs should not retry: the library has.
func (c *Client) Transport(wishes ...Option) http.RoundTripper {
	return &transport{c, wishes}
}

type transport struct {
	client *Client
	wishes []Option
}

// RoundTrip sends one request, and returns with the head of its answer.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	text, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	method := request.Method
	if method == "" {
		// As net/http has it.
		method = http.MethodGet
	}
	said := &httpRequest{method, request.URL.String(), pairs(request.Header)}
	asked := gather(t.wishes)
	asked.http = said
	stream := t.client.start(request.Context(), text, asked, nil)
	body := &body{stream: stream}
	head, err := body.head()
	if err != nil {
		stream.Close()
		return nil, err
	}
	response := &http.Response{
		Status: strconv.Itoa(head.Status) + " " + http.StatusText(head.Status), StatusCode: head.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: body, ContentLength: -1, Request: request,
	}
	for _, pair := range head.Headers {
		response.Header.Add(pair[0], pair[1])
	}
	return response, nil
}

// httpRequest is what llm_http_request says beside the body.
type httpRequest struct {
	method, url string
	headers     [][2]string
}

type httpHead struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
}

// bodyOf reads a request's body; a RoundTripper closes it in any case.
func bodyOf(request *http.Request) (string, error) {
	if request.Body == nil {
		return "", nil
	}
	defer request.Body.Close()
	var text strings.Builder
	_, err := io.Copy(&text, request.Body)
	return text.String(), err
}

func pairs(header http.Header) [][2]string {
	all := make([][2]string, 0, len(header))
	for name, values := range header {
		for _, value := range values {
			all = append(all, [2]string{name, value})
		}
	}
	return all
}

// body is an answer's body as it comes; one goroutine reads it, any may close it.
type body struct {
	stream *Stream
	rest   string
	err    error
}

// head waits for the answer to begin.
func (b *body) head() (*httpHead, error) {
	item, err := b.item()
	if err != nil {
		return nil, err
	}
	head := &httpHead{}
	if item.kind != kindHttpHead || json.Unmarshal([]byte(item.text), head) != nil {
		return nil, newError(StatusInternal, "an answer without a head")
	}
	return head, nil
}

// Read gives what has come, and waits for something if nothing has.
func (b *body) Read(into []byte) (int, error) {
	for b.rest == "" && b.err == nil {
		item, err := b.item()
		switch {
		case err != nil:
			b.err = err
		case item.kind == kindHttpBody:
			b.rest = item.text
		case item.kind == kindDone:
			b.err = io.EOF
		}
	}
	if b.rest != "" {
		count := copy(into, b.rest)
		b.rest = b.rest[count:]
		return count, nil
	}
	return 0, b.err
}

// Close closes the provider's connection, unless the answer is over.
func (b *body) Close() error { return b.stream.Close() }

// item is the next event, or why there is none.
func (b *body) item() (*item, error) {
	stream := b.stream
	if len(stream.taken) == 0 {
		// Of an answer over HTTP nothing is a delta, so that all of it comes by way of the backlog.
		if _, more := stream.take(); !more {
			if stream.err != nil {
				return nil, stream.err
			}
			return nil, http.ErrBodyReadAfterClose
		}
	}
	item := &stream.taken[0]
	stream.taken = stream.taken[1:]
	if item.kind != kindError {
		return item, nil
	}
	failed := readError(item.status, item.text)
	failed.endedBy(stream.ctx)
	if err := stream.ctx.Err(); errors.Is(failed, context.Canceled) && err != nil {
		return nil, err
	}
	return nil, failed
}
