//! State to JSON, as it is published for each report.

use bridge::json;
use divan::{Bencher, black_box};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn states() -> [(&'static str, Value); 3] {
    [
        (
            "remote",
            json!({"action": "single_left", "linkquality": 120}),
        ),
        (
            "relay",
            json!({
                "current": 0.52, "device_temperature": 31, "energy": 12.41, "interlock": false,
                "linkquality": 180, "power": 103.27, "power_outage_count": 12,
                "state_l1": "ON", "state_l2": "OFF", "voltage": 229.3,
            }),
        ),
        (
            "light",
            json!({
                "brightness": 77, "color": {"hue": 36, "saturation": 67, "x": 0.4152, "y": 0.3954},
                "color_mode": "color_temp", "color_temp": 300, "linkquality": 96, "state": "ON",
                "update": {"installed_version": 16_777_241, "latest_version": 16_777_241, "state": "idle"},
            }),
        ),
    ]
}

#[divan::bench(args = ["remote", "relay", "light"])]
fn state_to_json(bencher: Bencher<'_, '_>, name: &str) {
    let states = states();
    let Some((_, state)) = states.iter().find(|(known, _)| *known == name) else {
        return;
    };
    bencher.bench(|| json::render(black_box(state)));
}
