//! A Rust program for Linux that uses its standard library: arguments, environment, floating point, a map, a
//! thread, and a file in /tmp. The first argument is the radius of a circle.

use std::collections::BTreeMap;
use std::env;
use std::f64::consts::PI;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::thread;

const PATH: &str = "/tmp/hello_world_in_rust";
const TEXT: &str = "written, and read again";

/// Writes a file, goes back to its start, reads it and removes it.
fn use_file() -> io::Result<String> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(PATH)?;
    file.write_all(TEXT.as_bytes())?;
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    fs::remove_file(PATH)?;
    Ok(text)
}

fn main() -> ExitCode {
    println!("Hello from Rust!");
    let words: Vec<String> = env::args().skip(1).collect();
    println!("arguments {:?}", words);
    if let Ok(greeting) = env::var("GREETING") {
        println!("GREETING={}", greeting);
    }

    let radius: f64 = words.first().and_then(|word| word.parse().ok()).unwrap_or(42.0);
    println!(
        "circle of radius {:.2}: area {:.3}, circumference {:.3}",
        radius,
        PI * radius.powi(2),
        2.0 * PI * radius
    );

    let mut letters: BTreeMap<char, u32> = BTreeMap::new();
    for letter in TEXT.chars().filter(|letter| letter.is_alphabetic()) {
        *letters.entry(letter).or_default() += 1;
    }
    println!("letters {:?}", letters);

    let sum = thread::spawn(|| (1..=1000u64).map(|number| number * number).sum::<u64>()).join();
    println!("sum of a thread {:?}", sum.ok());

    match use_file() {
        Ok(text) => println!("a file in /tmp: {}", text),
        Err(error) => {
            eprintln!("{}: {}", PATH, error);
            return ExitCode::FAILURE;
        }
    }
    eprintln!("This line goes to standard error.");
    ExitCode::SUCCESS
}
