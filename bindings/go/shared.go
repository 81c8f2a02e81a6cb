package llm

import (
	"net/http"
	"sync"
)

// HTTPClient is an http.Client for other SDKs, over one Client of the whole process, which is made of the environment (provider keys,
// LLM_CONFIG) at the first request and lives as long as the process:
//
//	openai.NewClient(option.WithHTTPClient(llm.HTTPClient()), option.WithMaxRetries(0))
//
// A configuration that is wrong is the error of each request. For a configuration or an end of one's own there is Client.HTTPClient.
func HTTPClient(wishes ...Option) *http.Client {
	return &http.Client{Transport: late(wishes)}
}

// shared is that Client. A configuration is looked at once.
var shared = sync.OnceValues(func() (*Client, error) { return New() })

// late is a transport whose Client nobody has asked for yet.
type late []Option

// RoundTrip sends one request, as Client.Transport does.
func (l late) RoundTrip(request *http.Request) (*http.Response, error) {
	client, err := shared()
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	return client.Transport(l...).RoundTrip(request)
}
