//! Makes the tables in `src/generated/` from the data files in `library/`.
//!
//! `cargo run -p ferrobee-zigbee --example generate_library` writes them; the test
//! `generated_tables_are_those_of_the_data_files` compares them.

mod data;
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use data::{Cluster, File};

/// The generated files by name, and their text.
pub(crate) fn generate(library: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut groups: BTreeMap<String, Vec<Cluster>> = BTreeMap::new();
    let mut extensions = Vec::new();
    for (group, json) in data_files(library).map_err(|error| error.to_string())? {
        let file: File =
            serde_json::from_str(&json).map_err(|error| format!("{group}.json: {error}"))?;
        extensions.extend(
            file.extensions
                .into_iter()
                .map(|extension| (group.clone(), extension)),
        );
        groups.insert(group, file.clusters);
    }
    for (group, extension) in extensions {
        let cluster = groups
            .values_mut()
            .flatten()
            .find(|cluster| cluster.name == extension.cluster)
            .ok_or_else(|| format!("{group}.json: no cluster {:?}", extension.cluster))?;
        cluster.extend(extension);
    }
    groups.retain(|_, clusters| !clusters.is_empty());
    for cluster in groups.values_mut().flatten() {
        cluster.check()?;
    }
    text::write(&groups)
}

fn data_files(library: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(library)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let group = path.file_stem().unwrap_or_default().to_string_lossy();
            files.insert(group.into_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}
