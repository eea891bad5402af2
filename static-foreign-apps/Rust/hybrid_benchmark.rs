//! A program for Linux that measures (docs/benchmarks.md), as C/hybrid_benchmark.c: system calls and files, and where it
//! runs on Hedron hypercalls and calls of services between them. Arguments, all optional: the most repetitions of a
//! measurement, the most calls in one repetition (0: no limit), and the folder that a file is made in (/tmp).

mod hedron;
mod measure;

use std::arch::asm;
use std::cell::RefCell;
use std::env;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::AsRawFd;
use std::path::Path;
use std::process::ExitCode;

use hedron::{SEL_FOREIGN, SEL_PD, SEL_STDERR, SUCCESS};
use measure::Measuring;

/// Selectors behind those that every program has.
const EC: u64 = 0x100;
const PT: u64 = 0x101;
const DOMAIN: u64 = 0x102;
/// Message buffer of the handler of the hop: far from the program's image, and from what mmap gives.
const HOP_UTCB: u64 = 0x1000_0000;
const CPU: u64 = 0;

const SYS_OPEN: u64 = 2;
const SYS_CLOSE: u64 = 3;
const SYS_FSTAT: u64 = 5;
const SYS_GETPID: u64 = 39;
const SYS_SET_TID_ADDRESS: u64 = 218;
/// O_CREAT and O_WRONLY, and the mode of the file.
const OPEN_FLAGS: u64 = 0o101;
const OPEN_MODE: u64 = 0o600;

const SMALL_FILE: usize = 64 * 1024;
const LARGE_FILE: usize = 1024 * 1024;
const FILE_REPETITIONS: usize = 100;
const PIECES: [(usize, &str); 10] = [
    (1, "1"),
    (16, "16"),
    (256, "256"),
    (4096, "4k"),
    (16_384, "16k"),
    (32_768, "32k"),
    (65_536, "64k"),
    (131_072, "128k"),
    (262_144, "256k"),
    (1_048_576, "1m"),
];

/// A call of Linux, and the same as a message to the portal that the kernel forwards system calls to.
type Call = fn(u64, [u64; 3]) -> i64;

fn linux_call(number: u64, arguments: [u64; 3]) -> i64 {
    let result: i64;
    // SAFETY: the calls of this program write to what it has set aside for them.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as i64 => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            out("rcx") _,
            out("r11") _,
        );
    }
    result
}

fn message_call(number: u64, arguments: [u64; 3]) -> i64 {
    hedron::set_items((hedron::UTCB_QUAL - hedron::UTCB_DATA) / 8);
    hedron::set_word(hedron::UTCB_RAX, number);
    hedron::set_word(hedron::UTCB_RDI, arguments[0]);
    hedron::set_word(hedron::UTCB_RSI, arguments[1]);
    hedron::set_word(hedron::UTCB_RDX, arguments[2]);
    hedron::call(SEL_FOREIGN + CPU);
    hedron::word(hedron::UTCB_RAX) as i64
}

/// A call within the domain, which stands for a mediator between the program and its personality.
fn hop() {
    hedron::call(PT);
}

fn hop_call(number: u64, arguments: [u64; 3]) -> i64 {
    hop();
    linux_call(number, arguments)
}

// Handler of the hop: answers at once, and whenever it is called again.
std::arch::global_asm!(
    ".globl reply_at_once",
    "reply_at_once:",
    "mov edi, 1", // HC_REPLY
    "syscall",
    "ud2",
);
const _: () = assert!(hedron::HC_REPLY == 1);
extern "C" {
    fn reply_at_once();
}

/// What the measurements of calls need.
struct Calls<'a> {
    path: &'a CString,
    fd: u64,
}

impl Calls<'_> {
    /// Measures the three calls of the thesis, made by `call`; names begin with `kind`.
    fn measure(&self, measuring: &mut Measuring, kind: &str, call: Call) {
        let mut status = [0u64; 18];
        let status = status.as_mut_ptr() as u64;
        let path = self.path.as_ptr() as u64;
        measuring.measure(&format!("{}.set_tid_address", kind), &mut || {
            call(SYS_SET_TID_ADDRESS, [0; 3]);
        });
        measuring.measure(&format!("{}.fstat", kind), &mut || {
            call(SYS_FSTAT, [self.fd, status, 0]);
        });
        measuring.measure(&format!("{}.open", kind), &mut || {
            let opened = call(SYS_OPEN, [path, OPEN_FLAGS, OPEN_MODE]);
            call(SYS_CLOSE, [opened as u64, 0, 0]);
        });
    }
}

/// A domain, a handler in this one, and the services: what the kernel and the roottask give a program for Linux.
fn be_native(measuring: &mut Measuring, calls: &Calls, file: &mut File) -> Result<(), String> {
    if hedron::create_pd(DOMAIN, SEL_PD) != SUCCESS {
        return Err("cannot create a domain".into());
    }
    if !hedron::print(SEL_STDERR, "This line goes through a portal.\n") {
        return Err("cannot print through a portal".into());
    }
    let text = b"written through Linux";
    let mut back = [0; 21];
    file.write_all(text).map_err(|error| error.to_string())?;
    let sought = hedron::seek(file.as_raw_fd(), 0);
    let read = hedron::read(file.as_raw_fd(), &mut back);
    if (sought, read, &back) != (Some(0), Some(back.len() as i64), text) {
        return Err("the file service does not have what Linux has written".into());
    }
    // SAFETY: nothing else is at this address.
    let created = unsafe { hedron::create_handler(EC, SEL_PD, CPU, HOP_UTCB) };
    if created != SUCCESS || hedron::create_pt(PT, SEL_PD, EC, reply_at_once as *const () as u64) != SUCCESS {
        return Err("cannot create a handler".into());
    }
    let mut id = 0;
    measuring.measure("syscall.hybrid", &mut || {
        id += 1;
        hedron::pt_ctrl(PT, id);
    });
    measuring.measure("hybrid.ipc.raw", &mut || {
        hedron::raw_echo();
    });
    measuring.measure("hybrid.ipc.regular", &mut || {
        hedron::echo();
    });
    hedron::set_items(0);
    calls.measure(measuring, "hop", hop_call);
    calls.measure(measuring, "hybrid", message_call);
    if message_call(SYS_GETPID, [0; 3]) != i64::from(std::process::id()) {
        return Err("a call by message differs".into());
    }
    Ok(())
}

/// A file of `bytes` bytes, written and read in pieces of every size.
fn measure_file(measuring: &mut Measuring, file: &File, kind: &str, bytes: usize) -> io::Result<()> {
    // A byte tells its place.
    let pattern: Vec<u8> = (0..bytes).map(|at| (at * 7 + (at >> 8)) as u8).collect();
    let mut content = vec![0; bytes];
    let file = RefCell::new(file);
    let rewind = || {
        // A failure shows as a short read, or as other content.
        let _ = file.borrow_mut().seek(SeekFrom::Start(0));
    };
    rewind();
    file.borrow_mut().write_all(&pattern)?;
    for (piece, size) in PIECES.iter().filter(|(piece, _)| *piece <= bytes) {
        let calls = bytes / piece;
        let mut short = false;
        let name = format!("file.write.{}.{}", kind, size);
        measuring.measure_with(&name, FILE_REPETITIONS, calls, &mut || rewind(), &mut || {
            for part in pattern.chunks(*piece) {
                short |= file.borrow_mut().write(part).ok() != Some(part.len());
            }
        });
        content.fill(0);
        let name = format!("file.read.{}.{}", kind, size);
        let read = measuring.measure_with(&name, FILE_REPETITIONS, calls, &mut || rewind(), &mut || {
            for part in content.chunks_mut(*piece) {
                short |= file.borrow_mut().read(part).ok() != Some(part.len());
            }
        });
        if short || (read && content != pattern) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "what is read is not what has been written",
            ));
        }
    }
    Ok(())
}

fn run(folder: &Path, repetitions: usize, calls: usize) -> Result<(), String> {
    let path = folder.join("hybrid_benchmark_in_rust");
    let failed = |error: io::Error| format!("{}: {}", path.display(), error);
    let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    let place = if hedron::is_here() { "Hedron" } else { "Linux" };
    println!("This program for Linux runs on {}.", place);
    let mut measuring = Measuring::new(repetitions, calls);
    let calls = Calls {
        path: &c_path,
        fd: file.as_raw_fd() as u64,
    };
    if hedron::is_here() {
        be_native(&mut measuring, &calls, &mut file)?;
    }
    measuring.measure("syscall.linux", &mut || {
        linux_call(SYS_GETPID, [0; 3]);
    });
    calls.measure(&mut measuring, "call", linux_call);
    measure_file(&mut measuring, &file, "64k", SMALL_FILE).map_err(failed)?;
    measure_file(&mut measuring, &file, "1m", LARGE_FILE).map_err(failed)?;
    fs::remove_file(&path).map_err(failed)
}

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let limit = |index: usize| -> usize {
        words
            .get(index)
            .and_then(|word| word.to_str()?.parse().ok())
            .unwrap_or(0)
    };
    let folder = words.get(2).map_or(Path::new("/tmp"), |word| Path::new(word));
    match run(folder, limit(0), limit(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hybrid_benchmark: {}", error);
            ExitCode::FAILURE
        }
    }
}
