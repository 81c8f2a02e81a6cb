package llm_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/libllm/libllm/bindings/go"
)

// exitInMidStream is another process: it leaves while its streams are being read.
func exitInMidStream(origin string) {
	config := (&mock{origin: origin}).config()
	client, err := llm.New(llm.FromConfig(config))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	tokens := make(chan bool)
	for range 8 {
		go func() {
			spoke := 0
			for event := range client.Stream(context.Background(), ask("scripted/tokens=100000;pace=200us")) {
				if _, ok := event.(llm.TextDelta); ok && spoke < 5 {
					spoke++
					tokens <- true
				}
			}
		}()
	}
	// Five of each: then all eight were asked for, and none has ended.
	for range 8 * 5 {
		<-tokens
	}
	os.Exit(0)
}

func TestAProcessMayExitInMidStream(t *testing.T) {
	provider.forget(t)
	const exits = 20
	for range exits {
		child := exec.Command(os.Args[0], "exit-in-mid-stream", provider.origin)
		child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
		if said, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	provider.until(t, func(seen stats) bool { return seen.Live == 0 && seen.Requests == exits*8 })
}

// A process that was started while streams were live must hold neither their sockets nor the queue's descriptor.
func TestChildrenInheritNoDescriptor(t *testing.T) {
	client := newClient(t)
	stream := client.NewStream(context.Background(), ask("scripted/tokens=1000;pace=20ms"))
	defer stream.Close()
	for stream.Next() {
		if _, ok := stream.Current().(llm.TextDelta); ok {
			break
		}
	}
	if inherited == "" {
		t.Skip("descriptors and threads are counted by /proc, which this system lacks")
	}
	if now := descriptorsOfAChild(); now != inherited {
		t.Errorf("before the first client a child had the descriptors %s, beside a live stream %s", inherited, now)
	}
}

// descriptorsOfAChild is which descriptors a new process starts with; empty where that can not be seen.
func descriptorsOfAChild() string {
	listed, _ := exec.Command("ls", "/proc/self/fd").Output()
	return strings.Join(strings.Fields(string(listed)), " ")
}

func TestAThousandSlowStreamsNeedNoThousandThreads(t *testing.T) {
	// Go keeps a thread for each core that was ever busy: the bound is for two cores and a process that did nothing else before.
	if os.Getenv("GOMAXPROCS") != "2" || flag.Lookup("test.run").Value.String() != "^"+t.Name()+"$" {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=3m")
		child.Env = append(os.Environ(), "GOMAXPROCS=2")
		if said, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	const streams = 1000
	client := newClient(t)
	provider.forget(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var speaking, ended sync.WaitGroup
	speaking.Add(streams)
	for range streams {
		ended.Add(1)
		go func() {
			defer ended.Done()
			said, spoke := "", sync.OnceFunc(speaking.Done)
			defer spoke()
			for text, err := range llm.Texts(client.Stream(ctx, ask("scripted/tokens=100000;pace=500ms"))) {
				if err != nil {
					if !errors.Is(err, context.Canceled) || !strings.HasPrefix(said, "w0 w1") {
						t.Errorf("after %q: %v", said, err)
					}
					return
				}
				if said += text; strings.HasPrefix(said, "w0 w1") {
					spoke()
				}
			}
			t.Error("a stream without end ended")
		}()
	}
	speaking.Wait()
	threads, seen := threadCount(t), provider.stats(t)
	cancel()
	ended.Wait()
	if threads > 12 || seen.Live != streams {
		t.Errorf("%d threads while %d streams were live", threads, seen.Live)
	}
	provider.until(t, func(seen stats) bool { return seen.Live == 0 && seen.ClosedByClient == streams })
}

func threadCount(t *testing.T) (count int) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("descriptors and threads are counted by /proc, which this system lacks")
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fmt.Sscanf(lines.Text(), "Threads: %d", &count)
	}
	return count
}

func TestManyRequestsAtOnceAndManyEnds(t *testing.T) {
	client := newClient(t)
	var group sync.WaitGroup
	for worker := range 32 {
		group.Add(1)
		go func() {
			defer group.Done()
			for turn := range 40 {
				ctx, cancel := context.WithCancel(context.Background())
				stream := client.NewStream(ctx, ask("mock/tokens=50"))
				switch (worker + turn) % 4 {
				case 0: // read to its end
					if answer, err := stream.Final(); err != nil || answer.Text() != words(50) {
						t.Error(err)
					}
				case 1: // left at once
				case 2: // left by another goroutine while this one reads
					go stream.Close()
					for stream.Next() {
					}
				case 3: // cancelled while it reads
					stream.Next()
					cancel()
					for stream.Next() {
					}
				}
				stream.Close()
				cancel()
			}
		}()
	}
	group.Wait()
	if err := client.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}

// A client that nobody closed is closed by the collector, its goroutine with it: TestMain looks for one that is left.
func TestAForgottenClientIsCollected(t *testing.T) {
	func() {
		client, err := llm.New(llm.FromConfig(provider.config()))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := client.Chat(context.Background(), ask("mock/echo")); err != nil || answer.Text() != "hi" {
			t.Fatal(err)
		}
	}()
	runtime.GC()
}
