//! The folder of images: uploaded ones, and those of transfers under way.

use std::io;

use hub::OtaFile;

use super::directory::DataDirectory;
use super::error::DataError;
use super::files;

impl DataDirectory {
    /// Keeps or deletes an image.
    pub fn ota(&self, file: &OtaFile) -> Result<(), DataError> {
        let folder = self.path().join(hub::ota::FOLDER);
        let (OtaFile::Write(name, _) | OtaFile::Remove(name)) = file;
        let path = folder.join(name);
        if hub::ota::file_name(name).is_none() {
            let error = io::Error::other("it is no name of a file");
            return Err(DataError::io("use", path)(error));
        }
        match file {
            OtaFile::Write(_, image) => {
                files::create_directory(&folder).map_err(DataError::io("make", &folder))?;
                files::write(&path, image.bytes()).map(|_| ())
            }
            OtaFile::Remove(_) => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(DataError::io("delete", path)(error))
                }
                _ => Ok(()),
            },
        }
    }
}
