//! Writes `src/generated/` from the data files in `library/`.

#[path = "../generator/mod.rs"]
mod generator;

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generator::generate(&root.join("library")).map_err(io::Error::other)?;
    let target = root.join("src/generated");
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(&target)? {
        fs::remove_file(entry?.path())?;
    }
    for (name, text) in files {
        fs::write(target.join(name), text)?;
    }
    Ok(())
}
