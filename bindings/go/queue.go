package llm

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// queue is a completion queue and the one goroutine that takes events out of it, the pump.
//
//	library --llm_queue_poll, up to 256 at once--> pump --Stream.push--> each stream's own buffer --Next--> consumers
//
// The pump is parked in the network poller on a duplicate of the queue's descriptor, which the library keeps readable while events
// wait. The poller is edge-triggered, so the pump polls until fewer than a full batch come back: after that the next event is an edge.
// While hundreds of streams are live it makes rounds instead, see `rounds`.
type queue struct {
	raw    cQueue
	bell   *os.File // none while the pump makes rounds
	events []cEvent
	texts  chunks
	hooks  *Hooks
	onLog  func(level int, line string)
	over   chan struct{} // closed when the pump has ended

	brought int // how many events the last turn brought; the pump's own

	mu     sync.Mutex
	slots  []*Stream // by the number that the library has as user_data
	free   []uint32
	live   int
	idle   chan struct{} // closed when nothing is live any more, for who waits
	broken Status        // why the pump ended before it was told to
}

// A batch is as large as what a turn of the library brings of a thousand streams in a millisecond or two; 64 bytes an event.
const batchMax = 256

// Five milliseconds from a thousand streams on. Seven and eight were no cheaper (2026-11-22, two shared cores): from ten on Go takes the
// sleeping thread's processor away and wakes others for it, and on a busy machine a sleep is longer than it was meant to be.
const (
	patientFrom       = 256
	patiencePerStream = 5 * time.Microsecond
	patienceMax       = 5 * time.Millisecond
	// So many rounds for nothing, and the pump waits for the bell again.
	quietMax = 4
)

func newQueue(bytesMax int, hooks *Hooks, onLog func(level int, line string)) (*queue, error) {
	raw, err := queueNew(bytesMax)
	if err != nil {
		return nil, err
	}
	bell, conn, err := listen(raw)
	if err != nil {
		queueFree(raw)
		return nil, err
	}
	q := &queue{raw: raw, bell: bell, events: eventsNew(batchMax), hooks: hooks, onLog: onLog, over: make(chan struct{})}
	go q.pump(conn)
	return q, nil
}

// listen makes a file of the queue's descriptor. The queue closes its own, so Go gets a duplicate; both say the same.
func listen(raw cQueue) (*os.File, syscall.RawConn, error) {
	fd, err := queueFD(raw)
	if err != nil {
		return nil, nil, err
	}
	syscall.ForkLock.RLock() // dup and close-on-exec are two steps; nobody forks between them
	own, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(own)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, newError(StatusNoMemory, "no descriptor for a queue: "+err.Error())
	}
	// It is non-blocking, which is how os.NewFile knows that the poller can wait for it.
	bell := os.NewFile(uintptr(own), "llm-queue")
	conn, err := bell.SyscallConn()
	if err != nil {
		bell.Close()
		return nil, nil, newError(StatusInternal, "no poller for a queue: "+err.Error())
	}
	return bell, conn, nil
}

// pump runs until the queue is closed and empty.
func (q *queue) pump(conn syscall.RawConn) {
	defer close(q.over)
	status := StatusOK
	for status == StatusOK {
		busy := false
		err := conn.Read(func(uintptr) bool {
			patience := q.patience()
			// Of a single processor nobody can sleep on it.
			if busy = patience > 0 && runtime.GOMAXPROCS(0) > 1; !busy {
				time.Sleep(patience)
				status = q.drain(0)
			}
			return busy || status != StatusOK // false parks this goroutine until the next edge
		})
		switch {
		case err != nil:
			status = StatusInternal
		case busy:
			conn, status = q.rounds()
		}
	}
	q.fail(status)
}

// rounds hands on what has come every few milliseconds until it is quiet. The bell is taken out of the poller: each ring wakes a thread of
// Go's, one more is woken for each timer, and a call into C from an idle program wakes the one that watches over all others; together that
// costs more than what there is to be handed on. So the pump keeps its thread, which sleeps in C.
func (q *queue) rounds() (syscall.RawConn, Status) {
	q.bell.Close()
	q.brought = 0
	for quiet := 0; ; {
		patience := q.patience()
		if quiet == quietMax || patience == 0 && q.brought < batchMax {
			// Without a descriptor for it the rounds go on.
			bell, conn, err := listen(q.raw)
			if err == nil {
				q.bell = bell
				return conn, StatusOK
			}
			patience, quiet = patienceMax, 0
		}
		if status := q.drain(patience); status != StatusOK {
			return nil, status
		}
		if q.brought == 0 {
			quiet++
			continue
		}
		quiet = 0
		runtime.Gosched() // to those that were woken, before this thread sleeps
	}
}

// patience is how long events may gather before they are handed on. Waking up costs Go several switches of threads, whatever comes of
// it; with hundreds of streams a token is not missed for a few milliseconds, and what gathers is handed on in one go. Nothing is held
// back below 256 streams, nor when batches are full anyway.
func (q *queue) patience() time.Duration {
	q.mu.Lock()
	live := q.live
	q.mu.Unlock()
	if live < patientFrom || q.brought >= batchMax {
		return 0
	}
	return min(time.Duration(live)*patiencePerStream, patienceMax)
}

// drain hands on everything that waits after a nap; not StatusOK when nothing more will ever come.
func (q *queue) drain(nap time.Duration) Status {
	for q.brought = 0; ; nap = 0 {
		count, status := queuePoll(q.raw, q.events, nap)
		if status != StatusOK {
			return status
		}
		q.deliver(q.events[:count])
		q.brought += count
		if count < len(q.events) {
			return StatusOK
		}
	}
}

// deliver gives a batch to its streams; their slots are taken back with their last events.
func (q *queue) deliver(events []cEvent) {
	var of [batchMax]*Stream
	q.mu.Lock()
	for i := range events {
		if events[i].request != 0 {
			of[i] = q.slots[events[i].slot]
			if events[i].kind >= kindDone {
				q.leave(uint32(events[i].slot))
			}
		}
	}
	q.mu.Unlock()
	for i := range events {
		event := &events[i]
		switch {
		case of[i] != nil && event.kind == kindAsk:
			// The payload is the library's until the next poll; the pump waits for no hook.
			go q.hooks.ask(of[i].ctx, uint64(event.request), bytes.Clone(lent(event)))
		case of[i] != nil:
			of[i].push(event, &q.texts)
		case event.kind == kindLog && q.onLog != nil:
			q.onLog(int(event.index), string(lent(event)))
		}
	}
}

// enter makes room for a stream, before its request is submitted: its first event may come before that call returns.
func (q *queue) enter(stream *Stream) (uint32, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken != StatusOK {
		return 0, newError(q.broken, "")
	}
	q.live++
	if last := len(q.free) - 1; last >= 0 {
		slot := q.free[last]
		q.free = q.free[:last]
		q.slots[slot] = stream
		return slot, nil
	}
	q.slots = append(q.slots, stream)
	return uint32(len(q.slots) - 1), nil
}

// refused takes back the slot of a request that was not accepted: no event of it will come.
func (q *queue) refused(slot uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leave(slot)
}

// leave frees a slot; the caller holds the lock.
func (q *queue) leave(slot uint32) {
	q.slots[slot] = nil
	q.free = append(q.free, slot)
	q.live--
	if q.live == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}

// whenIdle is closed once no request is live.
func (q *queue) whenIdle() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	if q.live == 0 {
		close(idle)
		q.idle = nil
	}
	return idle
}

// fail ends what is still live when the pump is over: nothing after an orderly end, everything after fork.
func (q *queue) fail(status Status) {
	q.mu.Lock()
	q.broken = status
	left := make([]*Stream, 0, q.live)
	for slot, stream := range q.slots {
		if stream != nil {
			left = append(left, stream)
			q.leave(uint32(slot))
		}
	}
	q.mu.Unlock()
	for _, stream := range left {
		stream.end(newError(status, ""))
	}
}

// close cancels what is live, waits until every stream has its end, and gives everything back. Once, and not from the pump.
func (q *queue) close() {
	queueClose(q.raw)
	<-q.over
	q.bell.Close()
	queueFree(q.raw)
	eventsFree(q.events)
}
