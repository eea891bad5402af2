// Files, directories, metadata and errors of Rust's standard library.
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{symlink, FileExt, MetadataExt, PermissionsExt};

fn main() -> std::io::Result<()> {
    fs::create_dir_all("/tmp/r/a/b")?;
    let mut file = BufWriter::new(File::create("/tmp/r/lines")?);
    for n in 0..1000 { writeln!(file, "line {n}")?; }
    file.into_inner()?.sync_all()?;
    let lines = BufReader::new(File::open("/tmp/r/lines")?).lines().count();
    println!("{lines} lines, {} bytes", fs::metadata("/tmp/r/lines")?.len());
    let mut file = OpenOptions::new().read(true).write(true).open("/tmp/r/lines")?;
    file.seek(SeekFrom::End(-4))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("{text:?}");
    file.write_at(b"LINE", 0)?;
    file.set_len(9)?;
    println!("{:?}", fs::read_to_string("/tmp/r/lines")?);
    fs::copy("/tmp/r/lines", "/tmp/r/copy")?;
    fs::rename("/tmp/r/copy", "/tmp/r/a/moved")?;
    fs::hard_link("/tmp/r/lines", "/tmp/r/hard")?;
    symlink("lines", "/tmp/r/soft")?;
    fs::set_permissions("/tmp/r/lines", fs::Permissions::from_mode(0o640))?;
    let status = fs::metadata("/tmp/r/soft")?;
    println!("{:o} {} {}", status.mode(), status.nlink(), fs::read_link("/tmp/r/soft")?.display());
    let mut names: Vec<String> = fs::read_dir("/tmp/r")?
        .map(|each| each.map(|entry| format!("{:?} {:?}", entry.file_name(), entry.file_type().unwrap().is_dir())))
        .collect::<Result<_, _>>()?;
    names.sort();
    println!("{names:#?}");
    for result in [
        File::open("/tmp/none").map(|_| ()),
        fs::create_dir("/tmp/r"),
        fs::remove_dir("/tmp/r"),
        fs::read_dir("/tmp/r/lines").map(|_| ()),
        OpenOptions::new().write(true).create_new(true).open("/tmp/r/lines").map(|_| ()),
        fs::canonicalize("/tmp/r/a/../soft").map(|path| println!("{}", path.display())),
    ] {
        println!("{result:?}");
    }
    fs::remove_dir_all("/tmp/r")?;
    println!("gone {}", !std::path::Path::new("/tmp/r").exists());
    Ok(())
}
