//! JSON objects whose members are each named once: two readers of one that repeats itself could see different things.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, each value as its text.
pub(super) struct Members(BTreeMap<String, Box<RawValue>>);

impl Members {
    /// The members of an object; `None` if the text is anything else, or repeats a name.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether there is a member of this name, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member's value; `Ok(None)` if it is missing, `Err` if it is of another shape.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Misshapen> {
        self.0.get(name).map(|value| serde_json::from_str(value.get()).map_err(|_| Misshapen)).transpose()
    }
}

/// A member is not of the shape that was asked for.
#[derive(Debug)]
pub(super) struct Misshapen;

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.insert(name, map.next_value::<Box<RawValue>>()?).is_some() {
                        return Err(A::Error::custom("a repeated name"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Once)
    }
}
