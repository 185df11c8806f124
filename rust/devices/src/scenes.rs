//! Scenes: `genScenes` (ZCL 3.7) by the keys of shared/facts/mqtt-api.md §9. Devices keep them; what
//! they will publish when recalled is remembered here.

use serde_json::Value as Json;
use zigbee::zcl::Status;
use zigbee::{ClusterId, CommandId, GroupId};

use crate::color::{self, ColorState, Given, Limits, Xy};
use crate::encode::{Call, Failure};
use crate::{JsonMap, Operation, OperationError};

const SCENES: ClusterId = ClusterId(0x0005);
const ADD: CommandId = CommandId(0x00);
const REMOVE: CommandId = CommandId(0x02);
const REMOVE_ALL: CommandId = CommandId(0x03);
const STORE: CommandId = CommandId(0x04);
const RECALL: CommandId = CommandId(0x05);
/// Like add, with the transition in tenths of a second.
const ENHANCED_ADD: CommandId = CommandId(0x40);

/// The properties that a scene is remembered with.
pub const REMEMBERED: [&str; 5] = ["state", "brightness", "color", "color_temp", "color_mode"];

/// A change of what is remembered of the scenes of a group (0: of the device itself).
#[derive(Debug, Clone, PartialEq)]
pub enum SceneChange {
    /// There is such a scene.
    Keep {
        /// Its number.
        scene: u8,
        /// Its name.
        name: Option<String>,
        /// What it leads to; `None` is what is cached now.
        state: Option<JsonMap>,
    },
    /// It has another name.
    Rename {
        /// Its number.
        scene: u8,
        /// The name.
        name: String,
    },
    /// It is gone.
    Forget {
        /// Its number.
        scene: u8,
    },
    /// All are gone.
    ForgetAll,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SceneKey {
    Store,
    Add,
    Recall,
    Remove,
    RemoveAll,
    Rename,
}

impl SceneKey {
    /// Carries the key out; gives the state to publish.
    pub(crate) async fn set(self, call: &Call<'_>) -> Result<JsonMap, Failure> {
        match self {
            Self::Store => store(call).await,
            Self::Add => add(call).await,
            Self::Recall => return recall(call).await,
            Self::Remove => remove(call).await,
            Self::RemoveAll => remove_all(call).await,
            Self::Rename => rename(call),
        }
        .map(|()| JsonMap::new())
    }
}

/// The scene that a value names: a number, or an object with an `ID`.
fn scene(call: &Call<'_>) -> Result<u8, Failure> {
    let id = match call.value {
        Json::Object(map) => map
            .get("ID")
            .ok_or_else(|| Failure::value("Payload missing ID."))?,
        other => other,
    };
    id.as_u64()
        .or_else(|| id.as_str()?.trim().parse().ok())
        .and_then(|id| u8::try_from(id).ok())
        .ok_or_else(|| Failure::value("Payload should be a scene id between 0 and 255"))
}

/// The group that a scene belongs to: the one that is addressed, else the `group_id` of the value, else
/// none.
fn group(call: &Call<'_>) -> Result<GroupId, Failure> {
    if let Some(group) = call.io.group() {
        return Ok(group);
    }
    match call.value.get("group_id") {
        None | Some(Json::Null) => Ok(GroupId(0)),
        Some(id) => id
            .as_u64()
            .and_then(|id| u16::try_from(id).ok())
            .map(GroupId)
            .ok_or_else(|| Failure::value("'group_id' should be a number from 0 to 65535")),
    }
}

/// A scene that is made: number 0 of group 0 is what devices store by themselves.
fn own_scene(call: &Call<'_>) -> Result<(GroupId, u8), Failure> {
    let (group, scene) = (group(call)?, scene(call)?);
    if group.0 == 0 && scene == 0 {
        return Err(Failure::value("Scene ID 0 cannot be used with group ID 0."));
    }
    Ok((group, scene))
}

fn name(call: &Call<'_>) -> Option<String> {
    match call.value.get("name")? {
        Json::String(name) => Some(name.clone()),
        Json::Null => None,
        other => Some(other.to_string()),
    }
}

/// Sends a command of the scenes cluster. Each has an answer of its own, so that no default response is
/// asked for.
async fn send(call: &Call<'_>, command: CommandId, payload: Vec<u8>) -> Result<(), OperationError> {
    let operation = Operation::Command {
        endpoint: call.endpoint,
        cluster: SCENES,
        manufacturer: None,
        command,
        payload,
        disable_default_response: true,
    };
    call.io.perform(operation).await.map(drop)
}

/// The same; `what` is what was not successful.
async fn tell(
    call: &Call<'_>,
    (command, name): (CommandId, &str),
    payload: Vec<u8>,
    what: &str,
) -> Result<(), Failure> {
    send(call, command, payload)
        .await
        .map_err(|why| refused(call, why, name, &format!("{what} not successful")))
}

fn refused(call: &Call<'_>, why: OperationError, name: &str, what: &str) -> Failure {
    match why {
        OperationError::Status { status, .. } => Failure::value(format!("{what} ('{status}')")),
        why => call.failed(call.endpoint, SCENES, name, why),
    }
}

fn header(group: GroupId, scene: u8) -> Vec<u8> {
    let mut payload = group.0.to_le_bytes().to_vec();
    payload.push(scene);
    payload
}

async fn store(call: &Call<'_>) -> Result<(), Failure> {
    let (group, scene) = own_scene(call)?;
    tell(call, (STORE, "store"), header(group, scene), "Scene add").await?;
    // Members of a group each have a state of their own.
    let state = call.io.group().is_none().then(|| {
        REMEMBERED
            .into_iter()
            .filter_map(|property| Some((property.to_owned(), call.state(property)?)))
            .collect()
    });
    let name = name(call);
    let keep = SceneChange::Keep { scene, name, state };
    call.io.change_scenes(call.endpoint, group, keep);
    Ok(())
}

async fn recall(call: &Call<'_>) -> Result<JsonMap, Failure> {
    let scene = scene(call)?;
    let group = call.io.group().unwrap_or(GroupId(0));
    let mut payload = header(group, scene);
    // Transition time 0xffff: as the scene says.
    payload.extend([0xff, 0xff]);
    call.command(SCENES, RECALL, payload, "recall").await?;
    if call.io.group().is_some() {
        call.io.recall_group_scene(scene);
        return Ok(JsonMap::new());
    }
    if let Some(state) = call.io.scene(call.endpoint, scene) {
        return Ok(recalled(state, call.options, |property| {
            call.state(property)
        }));
    }
    call.io
        .warn("Unknown scene was recalled for '{name}', can't restore state.");
    Ok(JsonMap::new())
}

async fn remove(call: &Call<'_>) -> Result<(), Failure> {
    let scene = scene(call)?;
    let group = group(call)?;
    tell(
        call,
        (REMOVE, "remove"),
        header(group, scene),
        "Scene remove",
    )
    .await?;
    let forget = SceneChange::Forget { scene };
    call.io.change_scenes(call.endpoint, group, forget);
    Ok(())
}

async fn remove_all(call: &Call<'_>) -> Result<(), Failure> {
    let group = group(call)?;
    let payload = group.0.to_le_bytes().to_vec();
    let what = "Scene remove all";
    tell(call, (REMOVE_ALL, "removeAll"), payload, what).await?;
    let forget = SceneChange::ForgetAll;
    call.io.change_scenes(call.endpoint, group, forget);
    Ok(())
}

fn rename(call: &Call<'_>) -> Result<(), Failure> {
    let (group, scene) = own_scene(call)?;
    let name = name(call).ok_or_else(|| Failure::value("Payload missing name."))?;
    let rename = SceneChange::Rename { scene, name };
    if call.io.change_scenes(call.endpoint, group, rename) {
        Ok(())
    } else {
        Err(Failure::value(format!(
            "Scene {scene} of group {group} is not known"
        )))
    }
}

/// What a scene sets: bytes for the device, and what is published.
#[derive(Debug, Default)]
struct Contents {
    /// Extension field sets (ZCL 3.7.2.4.2): cluster, length, values in the order of the cluster's
    /// table of scene attributes.
    fields: Vec<u8>,
    state: JsonMap,
}

impl Contents {
    fn of(call: &Call<'_>, value: &JsonMap) -> Result<Self, Failure> {
        let mut contents = Self::default();
        let given = |key: &str| value.get(key).filter(|value| !value.is_null());
        let percentage = |value: &Json| value.as_f64().filter(|v| (0.0..=100.0).contains(v));
        if let Some(state) = given("state") {
            let state = state
                .as_str()
                .ok_or_else(|| Failure::value("'state' of a scene should be a text"))?;
            contents.field(0x0006, &[u8::from(state.eq_ignore_ascii_case("on"))]);
            contents.keep("state", state.to_uppercase());
        }
        if let Some(brightness) = given("brightness") {
            let level = brightness
                .as_f64()
                .filter(|level| (0.0..=255.0).contains(level))
                .ok_or_else(|| {
                    Failure::value("'brightness' of a scene should be a number from 0 to 254")
                })?;
            contents.field(0x0008, &[byte(level.min(254.0))]);
            contents.keep("brightness", brightness.clone());
        }
        if let Some(position) = given("position") {
            let open = percentage(position).ok_or_else(|| {
                Failure::value("'position' of a scene should be a number from 0 to 100")
            })?;
            // ZCL counts from open to closed.
            let inverted = call.options.get("invert_cover") == Some(&Json::Bool(true));
            let lift = if inverted { open } else { 100.0 - open };
            contents.field(0x0102, &[byte(lift)]);
            contents.keep("position", position.clone());
        }
        contents.color(given("color_temp"), given("color"))?;
        Ok(contents)
    }

    fn color(&mut self, mireds: Option<&Json>, color: Option<&Json>) -> Result<(), Failure> {
        let invalid = || Failure::value("Value does not contain valid color definition");
        match (mireds, color) {
            (None, None) => {}
            (Some(_), Some(_)) => {
                return Err(Failure::value(
                    "A scene has either a 'color_temp' or a 'color'",
                ));
            }
            // Scenes have no field for it that all lights know.
            (Some(given), None) => {
                let mireds = color::finite(given).ok_or_else(invalid)?;
                self.xy(color::of_mireds(mireds).ok_or_else(invalid)?);
                self.state.extend(ColorState::of_mireds(mireds).publish());
            }
            (None, Some(given)) => {
                let given = Given::of(given).ok_or_else(invalid)?;
                self.xy(given.xy());
                let state = match given {
                    Given::Hsv(hsv) => ColorState::of_hsv(hsv),
                    other => ColorState::of_xy(other.xy()),
                };
                self.state.extend(state.publish());
            }
        }
        Ok(())
    }

    /// A place in the CIE 1931 diagram.
    fn xy(&mut self, Xy { x, y }: Xy) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 65535"
        )]
        let part = |part: f64| ((part.clamp(0.0, 1.0) * 65535.0).round() as u16).to_le_bytes();
        self.field(0x0300, &[part(x), part(y)].concat());
    }

    fn field(&mut self, cluster: u16, values: &[u8]) {
        self.fields.extend(cluster.to_le_bytes());
        self.fields
            .push(u8::try_from(values.len()).unwrap_or(u8::MAX));
        self.fields.extend(values);
    }

    fn keep(&mut self, property: &str, value: impl Into<Json>) {
        self.state.insert(property.to_owned(), value.into());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller gives 0 to 255"
)]
fn byte(number: f64) -> u8 {
    number.round() as u8
}

async fn add(call: &Call<'_>) -> Result<(), Failure> {
    let value = call
        .value
        .as_object()
        .ok_or_else(|| Failure::value("'scene_add' needs an object with the key 'ID'"))?;
    let (group, scene) = own_scene(call)?;
    let contents = Contents::of(call, value)?;
    let (command, transition) = transition(value.get("transition"))?;
    // Many devices do not take a scene in the place of another.
    match send(call, REMOVE, header(group, scene)).await {
        Ok(())
        | Err(OperationError::Status {
            status: Status::INVALID_FIELD | Status::NOT_FOUND,
            ..
        }) => {}
        Err(why) => {
            let what = "Scene add unable to remove existing scene";
            return Err(refused(call, why, "remove", what));
        }
    }
    let mut payload = header(group, scene);
    payload.extend(transition.to_le_bytes());
    // No name: few devices support them.
    payload.push(0);
    payload.extend(&contents.fields);
    let command_name = if command == ADD { "add" } else { "enhancedAdd" };
    tell(call, (command, command_name), payload, "Scene add").await?;
    let keep = SceneChange::Keep {
        scene,
        name: name(call),
        state: Some(contents.state),
    };
    call.io.change_scenes(call.endpoint, group, keep);
    Ok(())
}

/// The command that takes a transition, and the transition in its unit.
fn transition(seconds: Option<&Json>) -> Result<(CommandId, u16), Failure> {
    let seconds = match seconds {
        None | Some(Json::Null) => 0.0,
        Some(seconds) => seconds
            .as_f64()
            .filter(|seconds| (0.0..=6553.0).contains(seconds))
            .ok_or_else(|| {
                Failure::value("'transition' of a scene should be a number of seconds up to 6553")
            })?,
    };
    let (command, number) = if seconds.fract() == 0.0 {
        (ADD, seconds)
    } else {
        (ENHANCED_ADD, (seconds * 10.0).round())
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 65530"
    )]
    let number = number as u16;
    Ok((command, number))
}

/// What a recalled scene publishes: with the option `color_sync`, its colour in every term that was
/// published before.
pub fn recalled(
    mut state: JsonMap,
    options: &JsonMap,
    cached: impl Fn(&str) -> Option<Json>,
) -> JsonMap {
    let change = ColorState::cached(|key| state.get(key).cloned());
    if !change.is_empty() {
        for key in ["color", "color_mode", "color_temp"] {
            state.remove(key);
        }
        let cached = if options.get("color_sync") == Some(&Json::Bool(false)) {
            ColorState::default()
        } else {
            ColorState::cached(cached)
        };
        state.extend(change.synced(&cached, Limits::default()).publish());
    }
    state
}
