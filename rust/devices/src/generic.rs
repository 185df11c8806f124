//! Keys that work on every device (shared/facts/mqtt-api.md §6.7 and §9).

use serde_json::Value as Json;
use zigbee::library::{self, Argument, Cluster};
use zigbee::zcl::{Attribute, Direction};
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode, json};

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

/// A cluster by name or number, with the library's entry for it.
struct Addressed {
    id: ClusterId,
    known: Option<&'static Cluster>,
    manufacturer: Option<ManufacturerCode>,
}

impl Addressed {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let given = field(call, "cluster")?;
        let number = number(given);
        let manufacturer = call
            .value
            .get("options")
            .and_then(|options| options.get("manufacturerCode"))
            .and_then(Json::as_u64)
            .and_then(|code| u16::try_from(code).ok())
            .map(ManufacturerCode);
        let known = match number {
            Some(id) => match manufacturer {
                Some(code) => library::cluster_of(ClusterId(id), code),
                None => library::cluster(ClusterId(id)),
            },
            None => given.as_str().and_then(library::cluster_by_name),
        };
        let id = number
            .map(ClusterId)
            .or_else(|| known.map(|cluster| cluster.id))
            .ok_or_else(|| Failure::value(format!("Cluster {given} does not exist")))?;
        Ok(Self {
            id,
            known,
            manufacturer: manufacturer.or_else(|| known?.manufacturer),
        })
    }

    fn attribute(&self, given: &Json) -> Result<Named, Failure> {
        let known = match number(given) {
            Some(id) => {
                let id = AttributeId(id);
                let known = self
                    .known
                    .and_then(|cluster| cluster.attribute(id, self.manufacturer));
                return Ok(Named { id, known });
            }
            None => given
                .as_str()
                .and_then(|name| self.known?.attribute_by_name(name)),
        };
        known
            .map(|attribute| Named {
                id: attribute.id,
                known: Some(attribute),
            })
            .ok_or_else(|| Failure::value(format!("Attribute {given} does not exist")))
    }
}

/// An attribute by name or number.
struct Named {
    id: AttributeId,
    known: Option<&'static library::Attribute>,
}

/// A number, also as text.
fn number(json: &Json) -> Option<u16> {
    let number = match json {
        Json::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    u16::try_from(number).ok()
}

async fn read(call: &Call<'_>) -> Result<JsonMap, Failure> {
    let cluster = Addressed::of(call)?;
    let named = field(call, "attributes")?
        .as_array()
        .ok_or_else(|| Failure::value("'attributes' must be a list"))?
        .iter()
        .map(|attribute| cluster.attribute(attribute))
        .collect::<Result<Vec<_>, _>>()?;
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
    let cluster = Addressed::of(call)?;
    let payload = field(call, "payload")?;
    let given = payload
        .as_object()
        .ok_or_else(|| Failure::value("'payload' must be an object"))?;
    let mut manufacturer = cluster.manufacturer;
    let mut attributes = Vec::new();
    for (name, value) in given {
        let named = cluster.attribute(&Json::from(name.as_str()))?;
        // A number's type is given beside its value.
        let given_type = value.get("type").and_then(number);
        let (data_type, given) = match (given_type, named.known) {
            (Some(data_type), _) => (
                u8::try_from(data_type).ok().map(zigbee::zcl::DataType),
                value.get("value").unwrap_or(&Json::Null),
            ),
            (None, known) => (known.map(|known| known.data_type), value),
        };
        let data_type = data_type.ok_or_else(|| {
            Failure::value(format!(
                "Attribute {name} is not known, give its value as {{\"value\": ..., \"type\": ...}}"
            ))
        })?;
        let value = json::to_value(data_type, given).ok_or_else(|| {
            Failure::value(format!("Value {given} does not fit the attribute {name}"))
        })?;
        manufacturer = manufacturer.or_else(|| named.known?.manufacturer);
        attributes.push(Attribute {
            id: named.id,
            data_type,
            value,
        });
    }
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
    let cluster = Addressed::of(call)?;
    let given = field(call, "command")?;
    let by_number = number(given)
        .and_then(|id| u8::try_from(id).ok())
        .map(CommandId);
    let known = match (by_number, cluster.known) {
        (Some(id), Some(cluster)) => cluster.command(Direction::ToServer, id),
        (None, Some(cluster)) => given
            .as_str()
            .and_then(|name| cluster.command_by_name(Direction::ToServer, name)),
        (_, None) => None,
    };
    let id = by_number
        .or_else(|| known.map(|command| command.id))
        .ok_or_else(|| Failure::value(format!("Command {given} does not exist")))?;
    let empty = JsonMap::new();
    let fields = match call.value.get("payload") {
        None | Some(Json::Null) => &empty,
        Some(payload) => payload
            .as_object()
            .ok_or_else(|| Failure::value("'payload' must be an object"))?,
    };
    let payload = match known {
        Some(known) => {
            let arguments = fields
                .iter()
                .map(|(name, value)| Ok((name.as_str(), argument(known, name, value)?)))
                .collect::<Result<Vec<_>, Failure>>()?;
            known
                .encode(&arguments)
                .map_err(|why| Failure::value(why.to_string()))?
        }
        None if fields.is_empty() => Vec::new(),
        None => {
            return Err(Failure::value(format!(
                "Command {given} is not known, so that its payload cannot be written"
            )));
        }
    };
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

fn argument(command: &library::Command, name: &str, value: &Json) -> Result<Argument, Failure> {
    let parameter = command
        .parameters
        .iter()
        .find(|parameter| parameter.name == name)
        .ok_or_else(|| {
            Failure::value(format!(
                "Command {} has no parameter '{name}'",
                command.name
            ))
        })?;
    json::to_argument(parameter, value)
        .ok_or_else(|| Failure::value(format!("Value {value} does not fit the parameter '{name}'")))
}
