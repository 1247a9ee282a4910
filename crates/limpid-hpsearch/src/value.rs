//! The value of one axis in one trial.

use serde::{Deserialize, Serialize};

/// A value that an axis can take. In JSON it is a plain literal; whole floats keep their point
/// (`1.0`), so that the kind survives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no, of a categorical axis.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; always finite in an assignment.
    Float(f64),
    /// A word, of a categorical axis.
    Text(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            // Learning rates span ten decades: the shorter of the two forms is the readable one.
            Self::Float(value) if *value != 0.0 && !(1e-3..1e6).contains(&value.abs()) => {
                write!(f, "{value:e}")
            }
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "\"{value}\""),
        }
    }
}

macro_rules! value_from {
    ($($source:ty => $variant:ident),*) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
value_from!(bool => Bool, i64 => Int, i32 => Int, u32 => Int, f64 => Float, f32 => Float, &str => Text, String => Text);

/// `f64` in JSON with NaN and the infinities as words, since JSON has no numbers for them.
pub(crate) mod any_float {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Word(String),
    }

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            to.serialize_f64(*value)
        } else {
            to.serialize_str(&value.to_string())
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        match Form::deserialize(from)? {
            Form::Number(value) => Ok(value),
            Form::Word(word) => word.parse().map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_survives_json() {
        let values = [
            Value::Bool(true),
            Value::Int(3),
            Value::Float(3.0),
            Value::Float(1e300),
            Value::Float(0.1 + 0.2),
            Value::Text("3".into()),
        ];
        for value in values {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                value,
                "{text}"
            );
        }
    }

    #[test]
    fn small_numbers_are_shown_by_their_exponent() {
        assert_eq!(Value::Float(1e-5).to_string(), "1e-5");
        assert_eq!(Value::Float(0.25).to_string(), "0.25");
    }
}
