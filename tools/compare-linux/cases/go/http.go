// A server and clients of net/http in one program, over the loopback interface.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Method, strings.ToUpper(string(body)))
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 1000; i++ {
			fmt.Fprintf(w, "%0999d\n", i)
		}
	})
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	base := "http://" + listener.Addr().String()
	var group sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		group.Add(1)
		go func() {
			defer group.Done()
			response, err := http.Post(base+"/echo", "text/plain", strings.NewReader(fmt.Sprint("body ", i)))
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			answers[i] = fmt.Sprint(response.StatusCode, " ", string(text))
		}()
	}
	group.Wait()
	for _, answer := range answers {
		fmt.Println(answer)
	}
	response, err := http.Get(base + "/large")
	if err != nil {
		fmt.Println(err)
		return
	}
	lines, last := 0, ""
	for scan := bufio.NewScanner(response.Body); scan.Scan(); lines++ {
		last = scan.Text()
	}
	response.Body.Close()
	fmt.Println(lines, len(last))
	response, _ = http.Get(base + "/none")
	fmt.Println(response.Status)
	server.Close()
	_, err = net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	fmt.Println(err != nil)

	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, _ := net.Dial("udp", packets.LocalAddr().String())
	client.Write([]byte("datagram"))
	buffer := make([]byte, 99)
	n, from, _ := packets.ReadFrom(buffer)
	fmt.Println(string(buffer[:n]), from.String() == client.LocalAddr().String())
	packets.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, _, err = packets.ReadFrom(buffer)
	fmt.Println(err.(net.Error).Timeout())
}
