// A Go program for Linux. Go has no C library: its runtime makes the system calls itself, starts threads for its
// scheduler and handles signals. The program uses arguments, environment, floating point, goroutines and a file in
// /tmp; its first argument is the radius of a circle.
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"syscall"
)

const path = "/tmp/hello_world_in_go"
const text = "written, and read again"

// Writes a file, goes back to its start, reads it and removes it. The system calls are made directly: files of
// package os are watched by an epoll descriptor.
func useFile() (string, error) {
	file, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_TRUNC, 0o644)
	if err != nil {
		return "", err
	}
	if _, err := syscall.Write(file, []byte(text)); err != nil {
		return "", err
	}
	if _, err := syscall.Seek(file, 0, 0); err != nil {
		return "", err
	}
	back := make([]byte, 100)
	count, err := syscall.Read(file, back)
	if err != nil {
		return "", err
	}
	if err := syscall.Close(file); err != nil {
		return "", err
	}
	return string(back[:count]), syscall.Unlink(path)
}

// The sum of the squares of 1 to 1000, computed by goroutines that meet at a lock.
func squares() int {
	var lock sync.Mutex
	var workers sync.WaitGroup
	sum := 0
	for worker := 0; worker < 4; worker++ {
		workers.Add(1)
		go func(first int) {
			defer workers.Done()
			for number := first; number <= 1000; number += 4 {
				lock.Lock()
				sum += number * number
				lock.Unlock()
			}
		}(worker + 1)
	}
	workers.Wait()
	return sum
}

func main() {
	fmt.Println("Hello from Go!")
	words := os.Args[1:]
	fmt.Printf("arguments %q\n", words)
	if greeting, found := os.LookupEnv("GREETING"); found {
		fmt.Println("GREETING=" + greeting)
	}

	radius := 42.0
	if len(words) > 0 {
		if number, err := strconv.ParseFloat(words[0], 64); err == nil {
			radius = number
		}
	}
	fmt.Printf("circle of radius %.2f: area %.3f, circumference %.3f\n", radius, math.Pi*radius*radius, 2*math.Pi*radius)
	fmt.Println("sum of goroutines", squares())

	back, err := useFile()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("a file in /tmp:", back)
	fmt.Fprintln(os.Stderr, "This line goes to standard error.")
}
