// Go's buffered channel. Its goroutines change over within a thread where they can, which no thread of C or Lua does.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

type message struct{ a, b uint64 }

const capacity = 1024

func measure(workload, n int, name string, run func(n int)) {
	begin := time.Now()
	run(n)
	fmt.Printf("%d %.1f %s\n", workload, float64(time.Since(begin).Nanoseconds())/float64(n), name)
}

func oneThread(n int) {
	queue := make(chan message, capacity)
	for i := 0; i < n; i++ {
		queue <- message{uint64(i), 1}
		<-queue
	}
}

func stream(n int) {
	queue := make(chan message, capacity)
	go func() {
		for i := 0; i < n; i++ {
			queue <- message{uint64(i), 1}
		}
	}()
	for i := 0; i < n; i++ {
		<-queue
	}
}

func roundTrip(n int) {
	there, back := make(chan message, capacity), make(chan message, capacity)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
	}()
	for i := 0; i < n; i++ {
		there <- message{uint64(i), 1}
		<-back
	}
}

// A value to each of so many channels; only sending is timed.
func fanOut(n int) {
	const count, batch = 100, 20
	var queues [count]chan message
	for i := range queues {
		queues[i] = make(chan message, capacity)
	}
	var spent time.Duration
	for i := 0; i < n; i += batch {
		begin := time.Now()
		for k := 0; k < batch; k++ {
			for _, queue := range queues {
				queue <- message{uint64(i), 1}
			}
		}
		spent += time.Since(begin)
		for _, queue := range queues {
			for k := 0; k < batch; k++ {
				<-queue
			}
		}
	}
	fmt.Printf("14 %.1f a value to 100 channels\n", float64(spent.Nanoseconds())/float64((n+batch-1)/batch*batch))
}

// One message at a time, at each of the channels in turn; select names its channels, so there is no loop over them.
func chooseOfTwo(n int) {
	a, b := make(chan message, capacity), make(chan message, capacity)
	queues := [2]chan message{a, b}
	for i := 0; i < n; i++ {
		queues[i%2] <- message{uint64(i), 1}
		select {
		case <-a:
		case <-b:
		}
	}
}

func chooseOfFour(n int) {
	a, b := make(chan message, capacity), make(chan message, capacity)
	c, d := make(chan message, capacity), make(chan message, capacity)
	queues := [4]chan message{a, b, c, d}
	for i := 0; i < n; i++ {
		queues[i%4] <- message{uint64(i), 1}
		select {
		case <-a:
		case <-b:
		case <-c:
		case <-d:
		}
	}
}

func main() {
	n := 500000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	measure(1, n, "add and take in one thread", oneThread)
	measure(2, n, "stream between two threads", stream)
	measure(3, n/5+1, "ping-pong, round trip", roundTrip)
	measure(12, n, "add and select over 2 channels", chooseOfTwo)
	measure(12, n, "add and select over 4 channels", chooseOfFour)
	fanOut(n/100 + 1)
}
