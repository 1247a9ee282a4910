//! A tensor of a case: plain numbers with a shape.

use serde_json::{Map, Value};

use crate::error::KeyError;

/// What a tensor's data are.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Numbers in the case's element type.
    Float(Vec<f64>),
    /// Classes, indices or counts.
    Int(Vec<i64>),
    /// Conditions.
    Bool(Vec<bool>),
}

/// A tensor of a case, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The length of each dimension; empty for a single number.
    pub shape: Vec<usize>,
    /// As many data as the shape says.
    pub data: Data,
}

impl Values {
    /// Reads `{"kind": ..., "shape": [...], "data": [...]}`.
    ///
    /// # Errors
    /// Names the key that is missing or holds something else than the format says.
    pub fn parse(value: &Value) -> Result<Self, KeyError> {
        let object = value
            .as_object()
            .ok_or_else(|| KeyError::new("", "must be an object"))?;
        let shape = list(object, "shape")?
            .iter()
            .map(|it| it.as_u64().and_then(|length| usize::try_from(length).ok()))
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| KeyError::new("shape", "must hold lengths"))?;
        let raw = list(object, "data")?;
        let count = shape
            .iter()
            .try_fold(1_usize, |product, &length| product.checked_mul(length));
        if count != Some(raw.len()) {
            let problem = format!("holds {} data, the shape is {shape:?}", raw.len());
            return Err(KeyError::new("data", problem));
        }
        let data = match object.get("kind").and_then(Value::as_str) {
            Some("float") => {
                Data::Float(each(raw, "a number, \"nan\", \"inf\" or \"-inf\"", float)?)
            }
            Some("int") => Data::Int(each(raw, "an integer", Value::as_i64)?),
            Some("bool") => Data::Bool(each(raw, "true or false", Value::as_bool)?),
            _ => {
                return Err(KeyError::new(
                    "kind",
                    "must be \"float\", \"int\" or \"bool\"",
                ));
            }
        };
        Ok(Self { shape, data })
    }

    /// Numbers of `shape`.
    pub fn float(shape: &[usize], data: Vec<f64>) -> Self {
        Self {
            shape: shape.to_vec(),
            data: Data::Float(data),
        }
    }

    /// A single number.
    pub fn number(value: f64) -> Self {
        Self::float(&[], vec![value])
    }

    /// A list of numbers.
    pub fn list(data: Vec<f64>) -> Self {
        Self::float(&[data.len()], data)
    }

    /// Counts, classes or indices of `shape`. One that no `i64` can hold becomes the greatest.
    pub fn counts(shape: &[usize], data: impl IntoIterator<Item = usize>) -> Self {
        let data = data
            .into_iter()
            .map(|it| i64::try_from(it).unwrap_or(i64::MAX))
            .collect();
        Self {
            shape: shape.to_vec(),
            data: Data::Int(data),
        }
    }

    /// The data as numbers, to be compared.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.data {
            Data::Float(data) => data.clone(),
            Data::Int(data) => data.iter().map(|&it| it as f64).collect(),
            Data::Bool(data) => data.iter().map(|&it| f64::from(u8::from(it))).collect(),
        }
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], KeyError> {
    match object.get(key) {
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(KeyError::new(key, "must be a list")),
        None => Err(KeyError::new(key, "is missing")),
    }
}

fn each<T>(
    raw: &[Value],
    must: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, KeyError> {
    let read_at = |(place, value): (usize, &Value)| {
        read(value).ok_or_else(|| {
            KeyError::new(
                format!("data[{place}]"),
                format!("must be {must}, found {value}"),
            )
        })
    };
    raw.iter().enumerate().map(read_at).collect()
}

fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("nan") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_is_read() {
        let float = json!({"kind": "float", "shape": [2, 2], "data": [1, "nan", "-inf", 2.5]});
        let numbers = Values::parse(&float).unwrap().numbers();
        assert!(numbers[1].is_nan());
        assert_eq!(
            (numbers[0], numbers[2], numbers[3]),
            (1.0, f64::NEG_INFINITY, 2.5)
        );
        let int = json!({"kind": "int", "shape": [], "data": [-1]});
        assert_eq!(Values::parse(&int).unwrap().data, Data::Int(vec![-1]));
        let bool = json!({"kind": "bool", "shape": [0, 3], "data": []});
        assert_eq!(Values::parse(&bool).unwrap().shape, [0, 3]);
    }

    #[test]
    fn what_the_format_does_not_say_is_refused_by_key() {
        let key = |value: Value| Values::parse(&value).unwrap_err().key;
        assert_eq!(
            key(json!({"kind": "complex", "shape": [], "data": [1]})),
            "kind"
        );
        assert_eq!(
            key(json!({"kind": "float", "shape": [-1], "data": [1]})),
            "shape"
        );
        assert_eq!(key(json!({"kind": "float", "data": [1]})), "shape");
        assert_eq!(
            key(json!({"kind": "float", "shape": [2], "data": [1]})),
            "data"
        );
        assert_eq!(
            key(json!({"kind": "float", "shape": [2], "data": [1, "NaN"]})),
            "data[1]"
        );
        assert_eq!(
            key(json!({"kind": "int", "shape": [1], "data": [1.5]})),
            "data[0]"
        );
        assert_eq!(
            key(json!({"kind": "bool", "shape": [1], "data": [0]})),
            "data[0]"
        );
        let huge = json!({"kind": "float", "shape": [u64::MAX, 2], "data": []});
        assert_eq!(key(huge), "data");
    }
}
