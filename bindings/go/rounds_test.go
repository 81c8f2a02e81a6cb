package llm

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// With hundreds of streams live the pump makes rounds; it goes there and back without anybody's noticing.

const hundreds = patientFrom + 50

// readHundreds reads that many streams at once, each to its end or until it fails.
func readHundreds(client *Client, model string, spoke, ended func(text string, err error)) *sync.WaitGroup {
	var readers sync.WaitGroup
	for range hundreds {
		readers.Add(1)
		go func() {
			defer readers.Done()
			var text strings.Builder
			for delta, err := range Texts(client.Stream(context.Background(), Request{Model: model, Messages: []Message{User("hi")}})) {
				if err != nil {
					ended(text.String(), err)
					return
				}
				if text.Len() == 0 {
					spoke(delta, nil)
				}
				text.WriteString(delta)
			}
			ended(text.String(), nil)
		}()
	}
	return &readers
}

func TestHundredsOfStreamsAndThenOne(t *testing.T) {
	client := newScripted(t, Config{})
	for range 3 {
		readHundreds(client, "mock/tokens=20;pace=5ms", func(string, error) {}, func(text string, err error) {
			if err != nil || !strings.HasPrefix(text, "w0 w1 w2 ") || !strings.HasSuffix(text, " w18 w19") {
				t.Errorf("%q, %v", text, err)
			}
		}).Wait()
		answer, err := client.Chat(context.Background(), Request{Model: "mock/echo", Messages: []Message{User("after them")}})
		if err != nil || answer.Text() != "after them" {
			t.Error(err)
		}
	}
}

func TestHundredsOfStreamsAreClosedWithTheirClient(t *testing.T) {
	client := newScripted(t, Config{})
	var speaking sync.WaitGroup
	speaking.Add(hundreds)
	readers := readHundreds(client, "mock/tokens=100000;pace=20ms", func(string, error) { speaking.Done() }, func(text string, err error) {
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(text, "w0") {
			t.Errorf("%q, %v", text, err)
		}
	})
	speaking.Wait()
	client.Close()
	readers.Wait()
}

func TestRoundsNeedNoDescriptor(t *testing.T) {
	client := newScripted(t, Config{})
	ask := func(what string) {
		t.Helper()
		answer, err := client.Chat(context.Background(), Request{Model: "mock/echo", Messages: []Message{User(what)}})
		if err != nil || answer.Text() != what {
			t.Error(err)
		}
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var speaking sync.WaitGroup
	speaking.Add(hundreds)
	readers := readHundreds(client, "mock/tokens=100;pace=20ms", func(string, error) { speaking.Done() }, func(text string, err error) {
		if err != nil || !strings.HasSuffix(text, " w99") {
			t.Errorf("%q, %v", text, err)
		}
	})
	speaking.Wait()
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	readers.Wait()
	ask("while there is none")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	ask("since there are some again")
}
