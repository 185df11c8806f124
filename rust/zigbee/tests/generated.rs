//! The committed tables are those that the data files give.

#[path = "../generator/mod.rs"]
mod generator;

use std::fs;
use std::path::Path;

#[test]
fn generated_tables_are_those_of_the_data_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generator::generate(&root.join("library")).unwrap();
    let committed = root.join("src/generated");
    for (name, text) in &files {
        let path = committed.join(name);
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == *text,
            "{name} differs: run `cargo run -p ferrobee-zigbee --example generate_library`"
        );
    }
    assert_eq!(fs::read_dir(&committed).unwrap().count(), files.len());
}
