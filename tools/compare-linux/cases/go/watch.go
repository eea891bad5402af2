// Watching a directory as fsnotify does: an inotify descriptor that the runtime waits for, read by a goroutine.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

type event struct {
	name string
	mask uint32
}

func watch(file *os.File, events chan<- event) {
	defer close(events)
	var buffer [4096]byte
	for {
		size, err := file.Read(buffer[:])
		if err != nil {
			return
		}
		for at := 0; at < size; {
			raw := (*syscall.InotifyEvent)(unsafe.Pointer(&buffer[at]))
			at += syscall.SizeofInotifyEvent
			name := strings.TrimRight(string(buffer[at:at+int(raw.Len)]), "\x00")
			at += int(raw.Len)
			events <- event{name, raw.Mask}
		}
	}
}

func main() {
	directory, _ := os.MkdirTemp("/tmp", "watched")
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		fmt.Println(err)
		return
	}
	mask := uint32(syscall.IN_CREATE | syscall.IN_DELETE | syscall.IN_CLOSE_WRITE | syscall.IN_MOVED_FROM | syscall.IN_MOVED_TO)
	_, err = syscall.InotifyAddWatch(fd, directory, mask)
	fmt.Println("watching:", err)
	file := os.NewFile(uintptr(fd), "inotify")
	events := make(chan event)
	go watch(file, events)
	expect := func(what string, count int) {
		for ; count > 0; count-- {
			got := <-events
			fmt.Printf("%s: %x %s\n", what, got.mask, got.name)
		}
	}
	path := filepath.Join(directory, "file")
	os.WriteFile(path, []byte("text"), 0644)
	expect("written", 2)
	os.Rename(path, path+".old")
	expect("renamed", 2)
	os.Mkdir(path, 0755)
	expect("made", 1)
	os.Remove(path)
	os.Remove(path + ".old")
	expect("removed", 2)
	os.Remove(directory)
	expect("directory removed", 1)
	fmt.Println("closed:", file.Close())
	_, more := <-events
	fmt.Println("more:", more)
}
