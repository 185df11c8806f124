//! The settings of a data directory, on their way from the file.

use devices::JsonMap;
use serde_json::Value as Json;

use super::DataDirectory;
use crate::data::error::{DataError, ENVIRONMENT, Problem, Warning};
use crate::data::settings::Settings;
use crate::data::typed::LogLevel;
use crate::data::{check, config, environment, files, json, migrate, schema};

/// Settings on their way from the file.
pub(super) struct Prepared {
    pub(super) settings: Settings,
    /// How they were brought to the current format.
    pub(super) steps: Vec<migrate::Step>,
    /// True if they hold a network that no file knows yet.
    pub(super) was_generated: bool,
}

impl DataDirectory {
    /// The settings in the current format, environment in place, nothing left to be generated.
    pub(super) fn settings(
        &self,
        overrides: &[environment::Override],
        log_level: LogLevel,
        warnings: &mut Vec<Warning>,
    ) -> Result<Prepared, DataError> {
        let mut document = self.config.document().clone();
        let steps = migrate::migrate(&mut document).map_err(|version| {
            let violation = schema::Violation {
                path: vec!["version".to_owned()],
                rule: format!("must be a whole number from 1 to {}", migrate::CURRENT),
                fix: "Use the program that wrote this file, or a newer ferrobee".to_owned(),
                secret: false,
            };
            let mut document = JsonMap::new();
            document.insert("version".to_owned(), version);
            DataError::Invalid(vec![self.config.problem(&violation, &document)])
        })?;
        for setting in overrides.iter().filter(|setting| !setting.is_reference()) {
            setting.set(&mut document);
        }
        let mut violations = check::check(&document);
        if violations.is_empty() {
            violations = check::check_files(&document);
        }
        if !violations.is_empty() {
            let mut problems: Vec<_> = violations
                .iter()
                .map(|violation| self.problem(violation, &document, overrides))
                .collect();
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(DataError::Invalid(problems));
        }
        for (section, key) in check::inert_keys(&document) {
            warnings.push(Warning::new(
                config::FILE,
                format!(
                    "{section}.{key} belongs to no {}: it is kept and ignored",
                    &section[..section.len() - 1]
                ),
            ));
        }
        for (path, near) in schema::misspelt(&document) {
            let key = path.join(".");
            let text = format!("{key} is no setting and is ignored; did you mean '{near}'?");
            warnings.push(Warning::new(config::FILE, text));
        }
        let was_generated = generate(&mut document)?;
        let settings = Settings::from_checked(document, log_level).map_err(|error| {
            DataError::Invalid(vec![Problem {
                file: config::FILE.to_owned(),
                line: None,
                key: String::new(),
                value: None,
                rule: error.to_string(),
                fix: String::new(),
            }])
        })?;
        Ok(Prepared {
            settings,
            steps,
            was_generated,
        })
    }

    fn problem(
        &self,
        violation: &schema::Violation,
        document: &JsonMap,
        overrides: &[environment::Override],
    ) -> Problem {
        let mut problem = self.config.problem(violation, document);
        let from = overrides.iter().find(|setting| {
            setting.path.len() <= violation.path.len()
                && setting
                    .path
                    .iter()
                    .zip(&violation.path)
                    .all(|(a, b)| a == b)
        });
        if let Some(from) = from {
            ENVIRONMENT.clone_into(&mut problem.file);
            problem.line = None;
            problem.key.clone_from(&from.name);
        }
        problem
    }

    /// Keeps the text in the old format, writes what a migration made, and tells what it did.
    pub(super) fn keep_old_settings(
        &self,
        steps: &[migrate::Step],
        warnings: &mut Vec<Warning>,
    ) -> Result<(), DataError> {
        let Some(first) = steps.first() else {
            return Ok(());
        };
        warnings.push(Warning::new(
            config::FILE,
            format!(
                "brought from format {} to {}; the old text is in configuration_backup_v{}.yaml",
                first.from,
                migrate::CURRENT,
                first.from
            ),
        ));
        if self.is_read_only {
            return Ok(());
        }
        let copy = self
            .path
            .join(format!("configuration_backup_v{}.yaml", first.from));
        files::write(&copy, self.config.main_text().as_bytes())?;
        for step in steps {
            for icon in &step.icons {
                self.save_icon(icon)?;
            }
            if !step.notes.is_empty() {
                let log = format!("migration-{}-to-{}.log", step.from, step.from + 1);
                files::write(&self.path.join(log), step.notes.join("\n").as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Puts random values where the document says `GENERATE`. True if it says so anywhere.
fn generate(document: &mut JsonMap) -> Result<bool, DataError> {
    let mut was_generated = false;
    for (key, count) in [("pan_id", 2), ("ext_pan_id", 8), ("network_key", 16)] {
        let path = ["advanced", key];
        if json::get(document, &path).and_then(Json::as_str) != Some(schema::GENERATE) {
            continue;
        }
        let mut bytes = vec![0_u8; count];
        getrandom::fill(&mut bytes).map_err(|error| DataError::Io {
            action: "draw random numbers for",
            path: config::FILE.into(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let value = if key == "pan_id" {
            let number = bytes
                .iter()
                .fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte));
            // 1 to 65533: 0 and the two last ones have meanings of their own.
            Json::from(number % 65_533 + 1)
        } else {
            Json::from(bytes)
        };
        json::set(document, &path, value);
        was_generated = true;
    }
    Ok(was_generated)
}
