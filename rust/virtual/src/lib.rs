//! A whole house in one thread and in virtual time: the real core and the real driver of Z-Stack
//! sticks, the simulated stick behind its real serial bytes, a broker, and one clock for all.
//!
//! This is the only crate that knows both sides of the wire. Nothing in it reads a clock or draws a
//! random number, and no file is opened but the journal that is asked for: the same calls with the same
//! seed give the same messages.
//!
//! ```
//! use virtual_house::{House, HouseConfig, NewDevice};
//!
//! let mut house = House::new(HouseConfig::default())?;
//! house.add(&[NewDevice::built_in("hall_relay", "LLKZMK11LM")?])?;
//! house.begin()?;
//! house.listen();
//! house.take();
//! house.publish("zigbee2mqtt/hall_relay/set", br#"{"state_l1": "ON"}"#, false);
//! let mut said = Vec::new();
//! while house.advance(1_000_000) < 1_000_000 {
//!     said.extend(house.take());
//! }
//! assert!(said.iter().any(|message| {
//!     &*message.topic == "zigbee2mqtt/hall_relay"
//!         && String::from_utf8_lossy(&message.payload).contains(r#""state_l1":"ON""#)
//! }));
//! # Ok::<(), virtual_house::HouseError>(())
//! ```

mod bridge_side;
mod broker;
mod disk;
mod generic;
mod house;
mod life;
mod saying;

pub use broker::Message;
pub use house::{House, HouseConfig, HouseError, NewDevice};

/// A house may be made in one thread, used in another, and dropped in a third.
const _: fn() = || {
    fn moves<T: Send>() {}
    moves::<House>();
};
