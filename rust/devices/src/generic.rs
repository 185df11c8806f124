//! Keys that work on every device (shared/facts/mqtt-api.md §6.7 and §9).

use serde_json::Value as Json;
use zigbee::library;
use zigbee::{ClusterId, CommandId, ManufacturerCode, json};

use crate::addressed::{Addressed, Called};
use crate::encode::{self, Call, Failure};
use crate::scenes::SceneKey;
use crate::{JsonMap, LocalFuture, Operation};

/// A key that works on every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generic {
    Read,
    Write,
    Command,
    ZclCommand,
    Reset,
    Scene(SceneKey),
}

const BASIC: ClusterId = ClusterId(0x0000);
const RESET_TO_FACTORY_DEFAULTS: CommandId = CommandId(0x00);

impl Generic {
    /// The generic key of this name.
    pub(crate) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "read" => Self::Read,
            "write" => Self::Write,
            "command" => Self::Command,
            "zclcommand" => Self::ZclCommand,
            "reset" => Self::Reset,
            "scene_store" => Self::Scene(SceneKey::Store),
            "scene_recall" => Self::Scene(SceneKey::Recall),
            "scene_add" => Self::Scene(SceneKey::Add),
            "scene_remove" => Self::Scene(SceneKey::Remove),
            "scene_remove_all" => Self::Scene(SceneKey::RemoveAll),
            "scene_rename" => Self::Scene(SceneKey::Rename),
            _ => return None,
        })
    }

    /// Carries the key out; gives the state to publish.
    pub(crate) fn set<'a>(self, call: &'a Call<'a>) -> LocalFuture<'a, Result<JsonMap, Failure>> {
        Box::pin(async move {
            match self {
                Self::Read => read(call).await,
                Self::Write => write(call).await.map(|()| JsonMap::new()),
                Self::Command | Self::ZclCommand => command(call).await.map(|()| JsonMap::new()),
                Self::Reset => call
                    .command(
                        BASIC,
                        RESET_TO_FACTORY_DEFAULTS,
                        Vec::new(),
                        "resetFactDefault",
                    )
                    .await
                    .map(|()| JsonMap::new()),
                Self::Scene(key) => key.set(call).await,
            }
        })
    }
}

/// The value of a key that must be there.
fn field<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a Json, Failure> {
    call.value.get(name).ok_or_else(|| {
        Failure::value(format!(
            "'{}' needs an object with the key '{name}'",
            call.key
        ))
    })
}

/// The cluster that the value names.
fn addressed(call: &Call<'_>) -> Result<Addressed, Failure> {
    let manufacturer = call
        .value
        .get("options")
        .and_then(|options| options.get("manufacturerCode"))
        .and_then(Json::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .map(ManufacturerCode);
    Addressed::of(field(call, "cluster")?, manufacturer).map_err(Failure::Value)
}

async fn read(call: &Call<'_>) -> Result<JsonMap, Failure> {
    let cluster = addressed(call)?;
    let named = field(call, "attributes")?
        .as_array()
        .ok_or_else(|| Failure::value("'attributes' must be a list"))?
        .iter()
        .map(|attribute| cluster.attribute(attribute))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::Value)?;
    let manufacturer = cluster
        .manufacturer
        .or_else(|| named.first()?.known?.manufacturer);
    let records = encode::read(
        call.data,
        call.io,
        call.endpoint,
        cluster.id,
        manufacturer,
        named.iter().map(|attribute| attribute.id).collect(),
    )
    .await
    .map_err(|why| call.failed(call.endpoint, cluster.id, "read", why))?;
    let mut result = JsonMap::new();
    for record in &records {
        if let Ok((data_type, value)) = &record.result {
            let name = library::attribute_key(cluster.known, record.id, manufacturer);
            result.insert(name.into_owned(), json::from_value(*data_type, value));
        }
    }
    let result = Json::Object(result);
    call.io.log(&format!(
        "zhc:tz: Read result of '{}': {result}",
        library::cluster_key(cluster.id)
    ));
    let mut state = JsonMap::new();
    if let Some(property) = call.value.get("state_property").and_then(Json::as_str) {
        state.insert(property.to_owned(), result);
    }
    Ok(state)
}

async fn write(call: &Call<'_>) -> Result<(), Failure> {
    let cluster = addressed(call)?;
    let payload = field(call, "payload")?;
    let given = payload
        .as_object()
        .ok_or_else(|| Failure::value("'payload' must be an object"))?;
    let (attributes, manufacturer) = cluster.values(given).map_err(Failure::Value)?;
    let operation = Operation::Write {
        endpoint: call.endpoint,
        cluster: cluster.id,
        manufacturer,
        attributes,
        wait: true,
    };
    call.perform(operation, cluster.id, "write").await?;
    call.io.log(&format!(
        "zhc:tz: Wrote '{payload}' to '{}'",
        library::cluster_key(cluster.id)
    ));
    Ok(())
}

async fn command(call: &Call<'_>) -> Result<(), Failure> {
    let cluster = addressed(call)?;
    let given = field(call, "command")?;
    let Called { id, known } = cluster.command(given).map_err(Failure::Value)?;
    let empty = JsonMap::new();
    let fields = match call.value.get("payload") {
        None | Some(Json::Null) => &empty,
        Some(payload) => payload
            .as_object()
            .ok_or_else(|| Failure::value("'payload' must be an object"))?,
    };
    let payload = Called { id, known }
        .payload(given, fields)
        .map_err(Failure::Value)?;
    let name = known.map_or_else(|| id.0.to_string(), |known| known.name.to_owned());
    let manufacturer = cluster.manufacturer.or_else(|| known?.manufacturer);
    let operation = Operation::Command {
        endpoint: call.endpoint,
        cluster: cluster.id,
        manufacturer,
        command: id,
        payload,
        disable_default_response: known.is_some_and(|known| known.response.is_some()),
    };
    call.perform(operation, cluster.id, &name).await?;
    call.io.log(&format!(
        "zhc:tz: Invoked '{}.{name}' with payload '{}'",
        library::cluster_key(cluster.id),
        Json::Object(fields.clone())
    ));
    Ok(())
}
