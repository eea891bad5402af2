// Goroutines, channels, select, timers, wait groups and the collector.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	numbers, squares := make(chan int), make(chan int, 10)
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range numbers {
				squares <- n * n
			}
		}()
	}
	go func() {
		for n := 1; n <= 100; n++ {
			numbers <- n
		}
		close(numbers)
		group.Wait()
		close(squares)
	}()
	sum := 0
	for square := range squares {
		sum += square
	}
	fmt.Println("sum", sum)
	select {
	case <-make(chan int):
		fmt.Println("never")
	case <-time.After(5 * time.Millisecond):
		fmt.Println("time out")
	}
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 3; i++ {
		<-ticker.C
	}
	ticker.Stop()
	with, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
	defer cancel()
	<-with.Done()
	fmt.Println(with.Err())
	var mutex sync.Mutex
	counts := map[int]int{}
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			runtime.Gosched()
			mutex.Lock()
			counts[i%5]++
			mutex.Unlock()
		}(i)
	}
	group.Wait()
	fmt.Println(counts)
	var kept [][]byte
	for i := 0; i < 200; i++ {
		kept = append(kept, make([]byte, 1<<16))
		if i%50 == 0 {
			kept = nil
			runtime.GC()
		}
	}
	fmt.Println("kept", len(kept))
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		var nothing *int
		fmt.Println(*nothing)
	}()
	defer fmt.Println("not printed")
	os.Exit(4)
}
