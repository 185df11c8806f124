//! The keys of a `set` or `get` message in the order in which they came.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::JsonMap;

/// Keys and values in the order of the message: it decides the order of the commands on the wire
/// (shared/facts/mqtt-api.md §6.3), which a [`JsonMap`], being sorted, would lose.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Payload(Vec<(String, Json)>);

impl Payload {
    /// A payload of one key.
    pub fn one(key: impl Into<String>, value: Json) -> Self {
        Self(vec![(key.into(), value)])
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Sets a key: in its place if it is there, else at the end.
    pub fn insert(&mut self, key: String, value: Json) {
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let index = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(index).1)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<(String, Json)> for Payload {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(pairs: I) -> Self {
        let mut payload = Self::default();
        for (key, value) in pairs {
            payload.insert(key, value);
        }
        payload
    }
}

impl From<JsonMap> for Payload {
    fn from(map: JsonMap) -> Self {
        Self(map.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let mut payload = Payload::default();
                while let Some((key, value)) = map.next_entry()? {
                    payload.insert(key, value);
                }
                Ok(payload)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_the_message_and_the_last_value_wins() {
        let payload: Payload = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        let keys: Vec<_> = payload
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(keys, ["b=3", "a=2"]);
    }

    #[test]
    fn only_objects_are_payloads() {
        assert!(serde_json::from_str::<Payload>("[1]").is_err());
        assert!(serde_json::from_str::<Payload>("17").is_err());
    }
}
