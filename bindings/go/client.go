package llm

import (
	"context"
	"iter"
	"runtime"
	"sync"
)

// Client is providers, keys, routes and connections. Make one and share it; Close it when no request is wanted any more.
type Client struct {
	core    *core
	cleanup runtime.Cleanup
}

// A call into C that waits for a lock there keeps its thread, and Go starts another for those who would run: thousands of goroutines
// that ask or leave at once would be hundreds of threads.
var gate = make(chan struct{}, 4)

// core is what a client that nobody closed leaves behind to be closed.
type core struct {
	queue *queue

	mu     sync.RWMutex // held to read while C uses the handles
	client cClient
	closed bool
}

// New makes a client. Starts no connection. A configuration that is wrong is ErrConfig and says where.
func New(how ...ClientOption) (*Client, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	setup := setup{config: "{}"}
	for _, say := range how {
		if err := say(&setup); err != nil {
			return nil, err
		}
	}
	raw, err := clientNew(setup.config)
	if err != nil {
		return nil, err
	}
	queue, err := newQueue(setup.maxBytes, &setup.hooks, nil)
	if err != nil {
		clientFree(raw)
		return nil, err
	}
	client := &Client{core: &core{queue: queue, client: raw}}
	// The net below Close: a client that was forgotten has no live stream, for each stream keeps its client.
	client.cleanup = runtime.AddCleanup(client, func(core *core) { go core.close() }, client.core)
	return client, nil
}

// Stream asks, and gives the events of the answer as they come. An error is the last pair. Leaving the loop closes the provider's
// connection. Each loop over it is a request of its own.
func (c *Client) Stream(ctx context.Context, request Request, wishes ...Option) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		stream := c.NewStream(ctx, request, wishes...)
		defer stream.Close()
		stream.each(yield)
	}
}

// NewStream asks, and gives the answer as a Stream, which must be closed. What is wrong with the request Err tells after Next.
func (c *Client) NewStream(ctx context.Context, request Request, wishes ...Option) *Stream {
	text, err := request.encode(true)
	return c.start(ctx, text, gather(wishes), err)
}

// Chat asks, and waits for the whole answer.
func (c *Client) Chat(ctx context.Context, request Request, wishes ...Option) (*Response, error) {
	text, err := request.encode(false)
	asked := gather(wishes)
	asked.flags |= flagMessage
	stream := c.start(ctx, text, asked, err)
	defer stream.Close()
	return stream.Final()
}

// start submits a request; what fails is the stream's error.
func (c *Client) start(ctx context.Context, request string, asked *options, err error) *Stream {
	stream := &Stream{client: c, ctx: ctx, joins: asked.flags&flagNoCoalesce == 0}
	stream.woken.L = &stream.mu
	if err == nil && ctx.Err() != nil {
		err = canceledBy(ctx)
	}
	if err == nil {
		stream.request, err = c.core.submit(request, asked, stream)
	}
	if err != nil {
		stream.ended, stream.done, stream.err = true, true, err
		return stream
	}
	if ctx.Done() != nil {
		stream.mu.Lock()
		defer stream.mu.Unlock()
		if !stream.ended {
			stream.forget = context.AfterFunc(ctx, func() { cancel(stream.request) })
		}
	}
	return stream
}

func (c *core) submit(request string, asked *options, stream *Stream) (uint64, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return 0, newError(StatusClosed, "the client is closed")
	}
	slot, err := c.queue.enter(stream)
	if err != nil {
		return 0, err
	}
	gate <- struct{}{}
	number, err := submit(c.client, c.queue.raw, request, asked, slot)
	<-gate
	if err != nil {
		c.queue.refused(slot)
	}
	return number, err
}

// Reload replaces keys, routes and limits at once; requests in flight keep the configuration they began with.
func (c *Client) Reload(how ClientOption) error {
	var setup setup
	if err := how(&setup); err != nil {
		return err
	}
	if !setup.said {
		return newError(StatusInvalidArgument, "only a configuration can be loaded anew")
	}
	c.core.mu.RLock()
	defer c.core.mu.RUnlock()
	if c.core.closed {
		return newError(StatusClosed, "the client is closed")
	}
	return clientReload(c.core.client, setup.config)
}

// Metrics is a snapshot of the library's counters and histograms; empty after Close.
func (c *Client) Metrics(format MetricsFormat) string {
	c.core.mu.RLock()
	defer c.core.mu.RUnlock()
	if c.core.closed {
		return ""
	}
	return clientMetrics(c.core.client, format)
}

// Drain takes no more requests, waits until those in flight are over and closes the client. If the context ends before, the rest is
// cancelled, and the context's error returned.
func (c *Client) Drain(ctx context.Context) error {
	c.core.mu.RLock()
	if !c.core.closed {
		clientRefuse(c.core.client)
	}
	c.core.mu.RUnlock()
	var err error
	select {
	case <-c.core.queue.whenIdle():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.Close()
	return err
}

// Close cancels the requests in flight, whose streams end with context.Canceled, and releases everything. Waits for that, which takes
// no longer than handing over their last events. Harmless when repeated.
func (c *Client) Close() error {
	c.cleanup.Stop()
	c.core.close()
	return nil
}

func (c *core) close() {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if !first {
		// Another goroutine is at it.
		<-c.queue.over
		return
	}
	c.queue.close()
	clientFree(c.client)
}
