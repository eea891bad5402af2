// Child processes, their pipes and statuses, signals.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	output, err := exec.Command("echo", "hello", "child").Output()
	fmt.Printf("%q %v\n", output, err)
	fmt.Println(exec.Command("sh", "-c", "exit 3").Run())
	fmt.Println(exec.Command("/missing").Run())
	upper := exec.Command("tr", "a-z", "A-Z")
	upper.Stdin = strings.NewReader("through two pipes")
	var result bytes.Buffer
	upper.Stdout = &result
	fmt.Println(upper.Run(), result.String())
	sleeper := exec.Command("sleep", "10")
	fmt.Println(sleeper.Start())
	sleeper.Process.Signal(syscall.SIGTERM)
	fmt.Println(sleeper.Wait())
	with, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	fmt.Println(exec.CommandContext(with, "sleep", "10").Run())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-signals)
	command := exec.Command("sh", "-c", "echo $A; pwd; echo err >&2")
	command.Env, command.Dir = []string{"A=b"}, "/tmp"
	both, err := command.CombinedOutput()
	fmt.Printf("%q %v\n", both, err)
}
