//! A serde deserializer over a JSON value which knows where it is and goes on after a fault.
//!
//! Every Kubernetes type names its fields when it asks to be deserialized. That list is all that is needed to report unknown fields
//! with the nearest known name, so there is no schema to load: a run of a few milliseconds cannot afford one.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use super::nearest::nearest;
use crate::manifest::fault::{FaultKind, Faults, FieldFault, Shown};
use crate::manifest::path::Path;
use crate::model::Amount;

/// Faults found on the way.
#[derive(Default)]
pub(super) struct Context {
    faults: RefCell<Faults>,
}

impl Context {
    pub(super) fn into_faults(self) -> Vec<FieldFault> {
        self.faults.into_inner().into_vec()
    }

    fn push(&self, path: Option<&Path<'_>>, kind: FaultKind, message: String) {
        let mut faults = self.faults.borrow_mut();
        match path {
            Some(path) => faults.push(path, kind, message),
            None => faults.push(&"", kind, message),
        }
    }
}

/// Ends the decoding; only where no stand-in for a wrong value could be made.
#[derive(Debug)]
pub(super) struct Stop(String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

impl serde::de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A value and its place. A wrong type is reported and stood in for by an empty value, so that the next one is looked at too.
#[derive(Clone, Copy)]
pub(super) struct Node<'v, 'p> {
    value: &'v Value,
    path: Option<&'p Path<'p>>,
    context: &'p Context,
}

/// A short description of what stands there.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(b) => format!("a boolean ({b})"),
        Value::Number(n) => format!("a number ({n})"),
        Value::String(s) if s.chars().count() <= 40 => format!("a string ({})", s.shown()),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

static EMPTY: Value = Value::Null;

/// What the type of bytes says it expects; the only way to know it by.
const BYTES: &str = "a base64-encoded string";

impl<'v, 'p> Node<'v, 'p> {
    pub(super) const fn root(value: &'v Value, context: &'p Context) -> Self {
        Self {
            value,
            path: None,
            context,
        }
    }

    fn wrong(self, expected: &str, hint: &str) {
        let message = format!("expected {expected}, found {}{hint}", found(self.value));
        self.context.push(self.path, FaultKind::Type, message);
    }

    fn map(self) -> Option<&'v Map<String, Value>> {
        match self.value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            Value::Array(_) => {
                self.wrong("a map", "; is there a dash too many?");
                None
            }
            _ => {
                self.wrong("a map", "");
                None
            }
        }
    }

    fn access<V: Visitor<'v>>(
        self,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_map(Fields {
            entries: self.map().map(Map::iter),
            known,
            current: None,
            path: self.path,
            context: self.context,
        })
    }

    /// Says where the decoding ended.
    fn stopped<T>(self, result: Result<T, Stop>) -> Result<T, Stop> {
        result.inspect_err(|stop| {
            self.context
                .push(self.path, FaultKind::Type, stop.0.clone());
        })
    }

    fn text(self) -> Option<&'v str> {
        match self.value {
            Value::String(text) => Some(text),
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) => {
                self.wrong("a string", "; put it in quotes");
                None
            }
            _ => {
                self.wrong("a string", "");
                None
            }
        }
    }

    fn integer(self, min: i64, max: i64) -> i64 {
        match self.value {
            Value::Null => 0,
            Value::Number(number) => match number.as_i64() {
                Some(n) if (min..=max).contains(&n) => n,
                _ => {
                    self.wrong(&format!("a whole number from {min} to {max}"), "");
                    0
                }
            },
            Value::String(text) if text.parse::<i64>().is_ok() => {
                self.wrong("a number", "; take the quotes away");
                0
            }
            _ => {
                self.wrong("a number", "");
                0
            }
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $min:expr, $max:expr;)*) => {$(
        fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
            let number = self.integer($min, $max);
            self.stopped(visitor.$visit(<$type>::try_from(number).unwrap_or_default()))
        }
    )*};
}

impl<'v> Deserializer<'v> for Node<'v, '_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        let expected = (&visitor as &dyn Expected).to_string();
        let result = match self.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Number(n) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
                visitor.visit_i64(n.as_i64().unwrap_or_default())
            }
            Value::Null if expected == "IntOrString" => visitor.visit_i64(0),
            _ if expected == "IntOrString" => {
                self.wrong("a number or a string", "");
                visitor.visit_i64(0)
            }
            other => other
                .deserialize_any(visitor)
                .map_err(|e| Stop(e.to_string())),
        };
        self.stopped(result)
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        let value = match self.value {
            Value::Bool(value) => *value,
            Value::Null => false,
            Value::String(text) if matches!(text.as_str(), "true" | "false") => {
                self.wrong("a boolean", "; take the quotes away");
                false
            }
            _ => {
                self.wrong("a boolean", "");
                false
            }
        };
        visitor.visit_bool(value)
    }

    integers! {
        deserialize_i8 visit_i8 i8, i8::MIN.into(), i8::MAX.into();
        deserialize_i16 visit_i16 i16, i16::MIN.into(), i16::MAX.into();
        deserialize_i32 visit_i32 i32, i32::MIN.into(), i32::MAX.into();
        deserialize_i64 visit_i64 i64, i64::MIN, i64::MAX;
        deserialize_u8 visit_u8 u8, 0, u8::MAX.into();
        deserialize_u16 visit_u16 u16, 0, u16::MAX.into();
        deserialize_u32 visit_u32 u32, 0, u32::MAX.into();
        deserialize_u64 visit_u64 u64, 0, i64::MAX;
    }

    fn deserialize_f32<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.value.as_f64().is_none() && !self.value.is_null() {
            self.wrong("a number", "");
        }
        visitor.visit_f64(self.value.as_f64().unwrap_or_default())
    }

    fn deserialize_char<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        let text = self.text().unwrap_or_default();
        self.stopped(visitor.visit_borrowed_str(text))
    }

    fn deserialize_string<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.value.is_null() {
            visitor.visit_none()
        } else if (&visitor as &dyn Expected).to_string() == BYTES {
            // Checked here: the type itself would end the decoding.
            match self.text().map(super::base64::check) {
                Some(Ok(text)) => {
                    let text: StrDeserializer<'_, Stop> = text.as_ref().into_deserializer();
                    self.stopped(visitor.visit_some(text))
                }
                Some(Err(message)) => {
                    self.context.push(self.path, FaultKind::Type, message);
                    visitor.visit_none()
                }
                None => visitor.visit_none(),
            }
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    /// Quantities and times have a text form of their own, which is checked here: their types would end the decoding.
    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let stand_in: StrDeserializer<'_, Stop>;
        let canonical;
        match name {
            "Quantity" => {
                canonical = self.quantity();
                stand_in = canonical.as_str().into_deserializer();
            }
            "Time" | "MicroTime" => {
                stand_in = self.time().into_deserializer();
            }
            _ => return visitor.visit_newtype_struct(self),
        }
        self.stopped(visitor.visit_newtype_struct(stand_in))
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        let list = match self.value {
            Value::Array(list) => list.as_slice(),
            Value::Null => &[],
            Value::Object(_) => {
                self.wrong("a list", "; is a dash missing?");
                &[]
            }
            _ => {
                self.wrong("a list", "");
                &[]
            }
        };
        visitor.visit_seq(Items {
            list,
            at: 0,
            path: self.path,
            context: self.context,
        })
    }

    fn deserialize_tuple<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.access(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.access(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let text = self.text().unwrap_or_default();
        self.stopped(visitor.visit_enum(text.into_deserializer()))
    }

    fn deserialize_identifier<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }
}

impl Node<'_, '_> {
    /// The canonical text of a quantity; `0` for what is none.
    fn quantity(self) -> String {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null => "0".to_owned(),
            _ => {
                self.wrong("a quantity", "");
                return "0".to_owned();
            }
        };
        match Amount::parse(&text) {
            Ok(amount) => amount.canonical(),
            Err(message) => {
                let message = format!("{}: {message}", text.shown());
                self.context.push(self.path, FaultKind::Type, message);
                "0".to_owned()
            }
        }
    }

    /// The text of a time; the epoch for what is none.
    fn time(&self) -> &str {
        const EPOCH: &str = "1970-01-01T00:00:00Z";
        let Some(text) = self.text() else {
            return EPOCH;
        };
        if text.parse::<jiff::Timestamp>().is_err() {
            self.wrong("a time such as 2006-01-02T15:04:05Z", "");
            return EPOCH;
        }
        text
    }
}

struct Fields<'v, 'p> {
    entries: Option<serde_json::map::Iter<'v>>,
    /// The fields there are; none for a map whose keys are the user's.
    known: Option<&'static [&'static str]>,
    current: Option<(&'v str, &'v Value)>,
    path: Option<&'p Path<'p>>,
    context: &'p Context,
}

impl<'v> MapAccess<'v> for Fields<'v, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some((name, value)) = self.entries.as_mut().and_then(Iterator::next) else {
            return Ok(None);
        };
        self.current = Some((name, value));
        if let Some(known) = self.known.filter(|known| !known.contains(&name.as_str())) {
            let mut message = "unknown field".to_owned();
            if let Some(near) = nearest(name, known) {
                message.push_str(&format!(", did you mean {near:?}?"));
            }
            let path = self.path.map_or(Path::root(name), |path| path.field(name));
            self.context
                .push(Some(&path), FaultKind::UnknownField, message);
        }
        let key: StrDeserializer<'_, Stop> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let (name, value) = self.current.take().unwrap_or(("", &EMPTY));
        let path = self.path.map_or(Path::root(name), |path| path.field(name));
        seed.deserialize(Node {
            value,
            path: Some(&path),
            context: self.context,
        })
    }
}

struct Items<'v, 'p> {
    list: &'v [Value],
    at: usize,
    path: Option<&'p Path<'p>>,
    context: &'p Context,
}

impl<'v> SeqAccess<'v> for Items<'v, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'v>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some(value) = self.list.get(self.at) else {
            return Ok(None);
        };
        let root = Path::root("");
        let path = self.path.unwrap_or(&root).index(self.at);
        self.at += 1;
        seed.deserialize(Node {
            value,
            path: Some(&path),
            context: self.context,
        })
        .map(Some)
    }
}
