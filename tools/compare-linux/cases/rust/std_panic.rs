// A panic that is caught, one of a thread, and one that ends the program.
use std::panic;

fn main() {
    panic::set_hook(Box::new(|info| println!("hook: {}", info.location().is_some())));
    println!("{}", panic::catch_unwind(|| -> u8 { panic!("caught") }).is_err());
    println!("{}", std::thread::spawn(|| -> u8 { Vec::<u8>::new()[std::env::args().count()] }).join().is_err());
    let depth = std::thread::Builder::new().stack_size(1 << 20).spawn(|| recurse(5000)).unwrap().join();
    println!("{depth:?}");
    let _ = panic::take_hook();
    std::process::abort();
}

fn recurse(n: u64) -> u64 {
    if n == 0 { 0 } else { 1 + std::hint::black_box(recurse(n - 1)) }
}
