// Streams and datagrams of the standard library over the loopback interface.
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            writeln!(stream, "{}", line.trim().to_uppercase()).unwrap();
        }
    });
    for word in ["one", "two", "three"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        println!("{} {}", stream.nodelay().unwrap(), stream.peer_addr().unwrap() == address);
        writeln!(stream, "{word}").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        print!("{answer}");
    }
    server.join().unwrap();
    println!("{:?}", TcpStream::connect(address).unwrap_err().kind());
    println!("{:?}", TcpStream::connect_timeout(&address, Duration::from_secs(1)).unwrap_err().kind());

    let a = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let b = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    a.connect(b.local_addr().unwrap()).unwrap();
    a.send(b"datagram").unwrap();
    let mut buffer = [0; 20];
    let (bytes, from) = b.recv_from(&mut buffer).unwrap();
    println!("{:?} {}", std::str::from_utf8(&buffer[..bytes]), from == a.local_addr().unwrap());
    b.set_nonblocking(true).unwrap();
    println!("{:?}", b.recv(&mut buffer).unwrap_err().kind() == ErrorKind::WouldBlock);
    println!("{} {}", a.ttl().unwrap(), a.broadcast().unwrap());

    let resolved: Vec<SocketAddr> = "127.0.0.1:80".to_socket_addrs().unwrap().collect();
    println!("{resolved:?}");
}
