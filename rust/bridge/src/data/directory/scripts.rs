//! Files with code, which are shown and never run.

use std::fs;

use super::DataDirectory;

/// Files with code that Zigbee2MQTT loads, and how those begin that it makes while it does
/// (shared/facts/config.md §1).
const SCRIPTS: [&str; 3] = [".js", ".cjs", ".mjs"];
const TRANSIENT: &str = ".tmp-ed42d4f2-";
/// Larger ones are no converters, in bytes; more are no household's.
const LARGEST_SCRIPT: u64 = 1 << 20;
const MOST_SCRIPTS: usize = 256;

impl DataDirectory {
    /// The files with code in a folder, in the order of their names: JavaScript that is not too large to
    /// be shown, without what Zigbee2MQTT left there while it loaded them.
    pub fn scripts(&self, folder: &str) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.path.join(folder)) else {
            return Vec::new();
        };
        let mut scripts: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let is_script = SCRIPTS.iter().any(|end| name.ends_with(end))
                    && !name.starts_with(TRANSIENT)
                    && fs::metadata(entry.path())
                        .is_ok_and(|data| data.is_file() && data.len() <= LARGEST_SCRIPT);
                if !is_script {
                    return None;
                }
                Some((name, fs::read_to_string(entry.path()).ok()?))
            })
            .take(MOST_SCRIPTS)
            .collect();
        scripts.sort();
        scripts
    }
}
