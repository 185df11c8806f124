use super::core::Handle;
use super::firmware::Firmware;
use super::startup::StartError;
use crate::RequestError;
use crate::backup::Backup;
use serde_json::Value as Json;
impl Handle {
    pub(super) async fn backup(&self) -> Result<Json, RequestError> {
        Err(RequestError::Unsupported("backup"))
    }
    pub(super) async fn restore(&self, _f: &Firmware, _b: &Backup) -> Result<(), StartError> {
        Err(crate::Failure::Unsupported("restore".into()).into())
    }
}
