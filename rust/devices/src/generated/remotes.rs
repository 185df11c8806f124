//! What remotes send.

use serde_json::json;
use zigbee::ClusterId;

use super::{COLOR, COVER, Draft, LEVEL, ON_OFF};

const SCENES: u16 = 0x0005;

/// Clusters of remotes: the cluster, the family of commands, the actions.
const REMOTES: [(u16, &str, &[&str]); 5] = [
    (ON_OFF, "on_off", &["on", "off", "toggle"]),
    (
        LEVEL,
        "level",
        &[
            "brightness_move_to_level",
            "brightness_move_up",
            "brightness_move_down",
            "brightness_step_up",
            "brightness_step_down",
            "brightness_stop",
        ],
    ),
    (
        COLOR,
        "color",
        &[
            "color_temperature_move_stop",
            "color_temperature_move_up",
            "color_temperature_move_down",
            "color_temperature_step_up",
            "color_temperature_step_down",
            "enhanced_move_to_hue_and_saturation",
            "move_to_hue_and_saturation",
            "color_hue_step_up",
            "color_hue_step_down",
            "color_saturation_step_up",
            "color_saturation_step_down",
            "color_loop_set",
            "color_temperature_move",
            "color_move",
            "hue_move",
            "hue_stop",
            "move_to_saturation",
            "move_to_hue",
            "stop_move_step",
        ],
    ),
    (COVER, "cover", &["open", "close", "stop"]),
    // The number of the scene follows, so that the actions cannot be listed.
    (SCENES, "scenes", &[]),
];

impl Draft<'_> {
    /// What the clients of an endpoint send; bound, so that it comes here.
    pub(super) fn remotes(&mut self) {
        for (cluster, family, actions) in REMOTES {
            let on: Vec<u8> = self
                .endpoints
                .iter()
                .filter(|(_, endpoint)| endpoint.outputs.contains(&ClusterId(cluster)))
                .map(|(id, _)| *id)
                .collect();
            if on.is_empty() {
                continue;
            }
            let endpoints = self.suffixes(&on);
            self.capabilities.push(json!({
                "type": "commands", "hears": [family], "exposed": actions, "endpoints": endpoints,
            }));
            for endpoint in on {
                self.bind(endpoint, cluster);
            }
        }
    }
}
