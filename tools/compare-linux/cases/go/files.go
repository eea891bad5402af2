// Files, a walk of a tree, pipes and errors.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	root, err := os.MkdirTemp("/tmp", "go")
	fmt.Println(err)
	os.Chdir(root)
	os.MkdirAll("a/b/c", 0o755)
	for _, name := range []string{"one", "a/two", "a/b/three", "a/b/c/four"} {
		fmt.Println(os.WriteFile(name, []byte(name), 0o640))
	}
	os.Symlink("one", "link")
	filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		info, _ := entry.Info()
		if !entry.IsDir() {
			fmt.Println(path, info.Mode(), info.Size())
		} else {
			fmt.Println(path)
		}
		return err
	})
	matches, _ := filepath.Glob("a/*/t*")
	fmt.Println(matches)
	_, err = os.Open("missing")
	fmt.Println(err, errors.Is(err, fs.ErrNotExist))
	fmt.Println(os.Mkdir("a", 0o755), os.Remove("a"))
	reader, writer, err := os.Pipe()
	fmt.Println(err)
	go func() {
		for i := 0; i < 1000; i++ {
			fmt.Fprintln(writer, "line", i)
		}
		writer.Close()
	}()
	lines := 0
	for scanner := bufio.NewScanner(reader); scanner.Scan(); lines++ {
	}
	fmt.Println(lines)
	file, _ := os.OpenFile("one", os.O_RDWR|os.O_APPEND, 0)
	file.WriteString(" more")
	file.Seek(1, io.SeekStart)
	text, _ := io.ReadAll(file)
	fmt.Printf("%q\n", text)
	fmt.Println(os.Rename("one", "a/renamed"), os.Truncate("a/renamed", 2))
	info, _ := os.Stat("a/renamed")
	fmt.Println(info.Size(), os.RemoveAll(root))
}
