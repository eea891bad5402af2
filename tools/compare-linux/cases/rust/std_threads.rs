// Threads, channels, locks, scoped threads and panics of Rust's standard library.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::{Duration, Instant};

static ONCE: Once = Once::new();
static RUNS: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let (sender, receiver) = mpsc::channel();
    for id in 0..4 {
        let sender = sender.clone();
        thread::spawn(move || (0..10).for_each(|n| sender.send(id * 10 + n).unwrap()));
    }
    drop(sender);
    println!("sum {}", receiver.iter().sum::<i32>());
    let map = Arc::new(RwLock::new(BTreeMap::new()));
    let barrier = Arc::new(Barrier::new(3));
    let handles: Vec<_> = (0..3)
        .map(|id| {
            let (map, barrier) = (map.clone(), barrier.clone());
            thread::spawn(move || {
                ONCE.call_once(|| { RUNS.fetch_add(1, Ordering::SeqCst); });
                map.write().unwrap().insert(id, id * id);
                barrier.wait();
                map.read().unwrap().len()
            })
        })
        .collect();
    let lengths: Vec<usize> = handles.into_iter().map(|each| each.join().unwrap()).collect();
    println!("{lengths:?} {:?} once {}", map.read().unwrap(), RUNS.load(Ordering::SeqCst));
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = pair.clone();
    let waker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    let mut ready = pair.0.lock().unwrap();
    while !*ready { ready = pair.1.wait(ready).unwrap(); }
    drop(ready);
    waker.join().unwrap();
    let (_guard, late) = pair.1.wait_timeout(Mutex::new(()).lock().map(|_| pair.0.lock().unwrap()).unwrap(), Duration::from_millis(3)).unwrap();
    println!("timed out {}", late.timed_out());
    let began = Instant::now();
    thread::sleep(Duration::from_millis(10));
    println!("slept {}", began.elapsed() >= Duration::from_millis(10));
    let mut words = vec!["b", "a"];
    thread::scope(|scope| { scope.spawn(|| words.sort()); });
    println!("{words:?}");
    println!("{:?}", mpsc::channel::<u8>().1.recv_timeout(Duration::from_millis(2)));
    println!("parallelism {}", thread::available_parallelism().is_ok());
}
