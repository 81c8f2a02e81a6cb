// Command bench is libllm as a Go program uses it, for bench/run.py: a goroutine for each stream in flight, every answer's text
// compared with what the mock says it sent (BENCH_TEXT).
//
//	bench-go BASE unary|stream CONC N_PER_WORKER [WARM]
//
// A closed loop like that of bench/clients/libllm.c, and the same line of JSON at the end: CONC requests in flight until each worker
// has done N. BENCH_THREADS is the library's number of threads (1).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

var request = llm.Request{
	Model: "bench/bench-model",
	Messages: []llm.Message{
		llm.System("You are a careful assistant. Answer in one short paragraph."),
		llm.User("Why does a stream of tokens cost more than one answer?"),
	},
	MaxTokens: 256, Temperature: llm.Ptr(0.5),
}

// tally is what a phase counted.
type tally struct {
	sync.Mutex
	done, failed, inexact, events int
	firsts, totals                []time.Duration
}

func main() {
	if len(os.Args) < 5 || os.Getenv("BENCH_TEXT") == "" {
		die("BASE unary|stream CONC N_PER_WORKER [WARM], and the answer's text in BENCH_TEXT")
	}
	base, stream, conc, each, warm := os.Args[1], os.Args[2] == "stream", number(os.Args[3]), number(os.Args[4]), 1
	if len(os.Args) > 5 {
		warm = number(os.Args[5])
	}
	threads := 1
	if said := os.Getenv("BENCH_THREADS"); said != "" {
		threads = number(said)
	}
	client, err := llm.New(llm.FromConfig(llm.Config{
		Providers: map[string]llm.Provider{"bench": {Wire: "openai_chat", BaseURL: base, APIKey: "sk-bench"}},
		Runtime:   &llm.Runtime{Threads: threads}, Retry: &llm.Retry{MaxAttempts: 1},
	}))
	if err != nil {
		die(err.Error())
	}
	defer client.Close()

	var one, before, measured tally
	run(client, stream, 1, 1, &one)
	rss := status("VmRSS:")
	run(client, stream, conc, warm, &before)
	began, cpu := time.Now(), cpuTime()
	run(client, stream, conc, each, &measured)
	cpu, wall := cpuTime()-cpu, time.Since(began)
	report(base, stream, conc, rss, cpu, wall, &one, &before, &measured)
}

// run has `conc` workers do `each` requests.
func run(client *llm.Client, stream bool, conc, each int, tally *tally) {
	var workers sync.WaitGroup
	for range conc {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range each {
				if stream {
					streamed(client, tally)
				} else {
					whole(client, tally)
				}
			}
		}()
	}
	workers.Wait()
}

func streamed(client *llm.Client, tally *tally) {
	expected := os.Getenv("BENCH_TEXT")
	began, first, events, read, exact := time.Now(), time.Duration(0), 0, 0, true
	for event, err := range client.Stream(context.Background(), request) {
		if err != nil {
			tally.fail(err)
			return
		}
		events++
		if delta, ok := event.(llm.TextDelta); ok {
			if first == 0 {
				first = time.Since(began)
			}
			exact = exact && strings.HasPrefix(expected[min(read, len(expected)):], delta.Text)
			read += len(delta.Text)
		}
	}
	tally.add(events, exact && read == len(expected), first, time.Since(began))
}

func whole(client *llm.Client, tally *tally) {
	began := time.Now()
	answer, err := client.Chat(context.Background(), request)
	if err != nil {
		tally.fail(err)
		return
	}
	took := time.Since(began)
	tally.add(1, answer.Text() == os.Getenv("BENCH_TEXT"), took, took)
}

func (t *tally) fail(err error) {
	t.Lock()
	defer t.Unlock()
	if t.failed++; t.failed == 1 {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (t *tally) add(events int, exact bool, first, total time.Duration) {
	t.Lock()
	defer t.Unlock()
	t.done++
	t.events += events
	if !exact {
		t.inexact++
	}
	t.firsts, t.totals = append(t.firsts, first), append(t.totals, total)
}

func report(base string, stream bool, conc, rss int, cpu, wall time.Duration, one, before, measured *tally) {
	ttft, gap, tokens, each := schedule(base)
	line := map[string]any{
		"client": "go", "concurrency": conc, "requests": measured.done, "failed": one.failed + before.failed + measured.failed,
		"inexact": one.inexact + before.inexact + measured.inexact, "events": measured.events, "wall_ms": wall.Milliseconds(),
		"cpu_us": cpu.Microseconds(), "cpu_us_per_request": float64(cpu.Microseconds()) / float64(max(measured.done, 1)),
		"rss_start_kb": rss, "rss_peak_kb": status("VmHWM:"), "rss_kb_per_stream": float64(status("VmHWM:")-rss) / float64(conc),
		"threads": status("Threads:"), "tokens": 0,
	}
	last := ttft
	if stream {
		exact := (measured.done - measured.inexact) * tokens
		line["tokens"] = exact
		line["cpu_us_per_token"] = float64(cpu.Microseconds()) / float64(max(exact, 1))
		if each {
			last += gap * time.Duration(tokens-1)
		}
	}
	line["added_first_us"], line["added_total_us"] = added(measured.firsts, ttft), added(measured.totals, last)
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

// schedule is what the mock's address says: first token, gap, tokens, and whether each has a write of its own.
func schedule(base string) (ttft, gap time.Duration, tokens int, each bool) {
	_, path, _ := strings.Cut(base, "/c/")
	parts := strings.Split(path, "/")
	if len(parts) < 4 {
		die("BASE has no schedule that the mock knows")
	}
	return time.Duration(number(parts[0])) * time.Microsecond, time.Duration(number(parts[1])) * time.Microsecond, number(parts[2]), parts[3] == "w"
}

func added(values []time.Duration, planned time.Duration) map[string]int64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	at := func(index int) int64 { return (values[index] - planned).Microseconds() }
	return map[string]int64{"p50": at(len(values) / 2), "p99": at(len(values) * 99 / 100), "max": at(len(values) - 1)}
}

// cpuTime is user and system time of the whole process.
func cpuTime() time.Duration {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// status is a number of /proc/self/status.
func status(key string) (value int) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), key); found {
			fmt.Sscan(rest, &value)
		}
	}
	return value
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		die(text + " is no number")
	}
	return value
}

func die(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(2)
}
