// Child processes and the environment of Rust's standard library.
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

fn main() -> std::io::Result<()> {
    println!("{:?} {:?}", std::env::var("HOME"), std::env::current_dir()?);
    let output = Command::new("/bin/echo").args(["from", "a child"]).output()?;
    println!("{} {:?}", output.status, String::from_utf8_lossy(&output.stdout));
    let status = Command::new("sh").args(["-c", "exit 7"]).status()?;
    println!("{status}");
    let status = Command::new("sh").args(["-c", "kill -9 $$"]).status()?;
    println!("signal {:?}", status.signal());
    println!("{:?}", Command::new("/missing").spawn().map(|_| ()));
    let mut child = Command::new("/bin/tr").args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().unwrap().write_all(b"through a pipe\n")?;
    println!("{:?}", String::from_utf8_lossy(&child.wait_with_output()?.stdout));
    let output = Command::new("/bin/env").env_clear().env("ONLY", "this").current_dir("/tmp").output()?;
    println!("{:?}", String::from_utf8_lossy(&output.stdout));
    let mut child = Command::new("/bin/sleep").arg("10").spawn()?;
    println!("running {}", child.try_wait()?.is_none());
    child.kill()?;
    println!("{:?}", child.wait()?.signal());
    std::process::exit(3)
}
