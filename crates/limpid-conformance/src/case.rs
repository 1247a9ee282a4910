//! A case: an operation, its inputs, and what the reference computed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::attributes::Attributes;
use crate::error::{CaseError, KeyError};
use crate::values::{Data, Values};

/// The element type to compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f32`
    Single,
    /// `f64`
    Double,
}

/// One line of the reference: an operation on given inputs, with what must come out.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Unique: `op/label_dtype`.
    pub name: String,
    /// The operation.
    pub op: String,
    /// The element type to compute in.
    pub precision: Precision,
    /// The operation's settings.
    pub attributes: Attributes,
    /// What goes in.
    pub inputs: BTreeMap<String, Values>,
    /// What must come out.
    pub outputs: BTreeMap<String, Values>,
    /// The weights of the outputs' elements in the scalar whose gradients are compared.
    pub cotangents: BTreeMap<String, Values>,
    /// The gradients that must come out, by input.
    pub grads: BTreeMap<String, Values>,
    /// The relative tolerance.
    pub rtol: f64,
    /// The absolute tolerance.
    pub atol: f64,
}

/// The cases of a file: each read, or with what is wrong with it.
///
/// # Errors
/// When the file can't be read as a list of JSON values.
pub fn read_file(file: &Path) -> Result<Vec<Result<Case, CaseError>>, CaseError> {
    let text = fs::read_to_string(file).map_err(|source| CaseError::Read {
        file: file.to_owned(),
        source,
    })?;
    let value: Value = serde_json::from_str(&text).map_err(|source| CaseError::Json {
        file: file.to_owned(),
        source,
    })?;
    let Value::Array(list) = value else {
        return Err(CaseError::Malformed {
            file: file.to_owned(),
            case: "the file".to_owned(),
            key: "[]".to_owned(),
            problem: "must be a list of cases".to_owned(),
        });
    };
    let read = |(index, value): (usize, &Value)| {
        Case::parse(file, value).map_err(|KeyError { key, problem }| {
            let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
            let case = name.unwrap_or_else(|| format!("case {index}"));
            CaseError::Malformed {
                file: file.to_owned(),
                case,
                key,
                problem,
            }
        })
    };
    Ok(list.iter().enumerate().map(read).collect())
}

impl Case {
    fn parse(file: &Path, value: &Value) -> Result<Self, KeyError> {
        let object = value
            .as_object()
            .ok_or_else(|| KeyError::new("[]", "must be an object"))?;
        let word = |key: &str| {
            let word = object.get(key).and_then(Value::as_str).map(str::to_owned);
            word.ok_or_else(|| KeyError::new(key, "must be a string"))
        };
        let precision = match word("dtype")?.as_str() {
            "f32" => Precision::Single,
            "f64" => Precision::Double,
            other => {
                let problem = format!("must be \"f32\" or \"f64\", found \"{other}\"");
                return Err(KeyError::new("dtype", problem));
            }
        };
        let attributes = match object.get("attrs") {
            Some(Value::Object(map)) => Attributes::new(map.clone()),
            _ => return Err(KeyError::new("attrs", "must be an object")),
        };
        let case = Self {
            file: file.to_owned(),
            name: word("name")?,
            op: word("op")?,
            precision,
            attributes,
            inputs: tensors(object, "inputs")?,
            outputs: tensors(object, "outputs")?,
            cotangents: optional_tensors(object, "cotangents")?,
            grads: optional_tensors(object, "grads")?,
            rtol: tolerance(object, "rtol")?,
            atol: tolerance(object, "atol")?,
        };
        case.hangs_together()?;
        Ok(case)
    }

    /// That something is compared, and that gradients belong to the inputs and outputs.
    fn hangs_together(&self) -> Result<(), KeyError> {
        if self.outputs.is_empty() {
            return Err(KeyError::new("outputs", "must name a tensor"));
        }
        if self.cotangents.is_empty() && !self.grads.is_empty() {
            return Err(KeyError::new(
                "cotangents",
                "is missing, though there are `grads`",
            ));
        }
        if self.grads.is_empty() && !self.cotangents.is_empty() {
            return Err(KeyError::new(
                "grads",
                "is missing, though there are `cotangents`",
            ));
        }
        matching("cotangents", &self.cotangents, &self.outputs, "output")?;
        matching("grads", &self.grads, &self.inputs, "input")
    }
}

/// That every tensor of `some` is one of `all`, with floats of the same shape.
fn matching(
    key: &str,
    some: &BTreeMap<String, Values>,
    all: &BTreeMap<String, Values>,
    role: &str,
) -> Result<(), KeyError> {
    for (name, values) in some {
        let key = format!("{key}.{name}");
        let Some(other) = all.get(name) else {
            return Err(KeyError::new(key, format!("there is no such {role}")));
        };
        if !matches!(
            (&values.data, &other.data),
            (Data::Float(_), Data::Float(_))
        ) {
            return Err(KeyError::new(
                key,
                format!("must be floats, and so must the {role}"),
            ));
        }
        if values.shape != other.shape {
            let problem = format!("has shape {:?}, the {role} {:?}", values.shape, other.shape);
            return Err(KeyError::new(key, problem));
        }
    }
    Ok(())
}

fn tensors(object: &Map<String, Value>, key: &str) -> Result<BTreeMap<String, Values>, KeyError> {
    let Some(Value::Object(map)) = object.get(key) else {
        return Err(KeyError::new(key, "must be an object of tensors"));
    };
    let read = |(name, value): (&String, &Value)| {
        let values = Values::parse(value).map_err(|it| it.below(name).below(key))?;
        Ok((name.clone(), values))
    };
    map.iter().map(read).collect()
}

fn optional_tensors(
    object: &Map<String, Value>,
    key: &str,
) -> Result<BTreeMap<String, Values>, KeyError> {
    match object.get(key) {
        None => Ok(BTreeMap::new()),
        Some(_) => tensors(object, key),
    }
}

fn tolerance(object: &Map<String, Value>, key: &str) -> Result<f64, KeyError> {
    let value = object.get(key).and_then(Value::as_f64);
    value
        .filter(|it| *it >= 0.0 && it.is_finite())
        .ok_or_else(|| KeyError::new(key, "must be a number from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        let pair = json!({"kind": "float", "shape": [2], "data": [1.0, 2.0]});
        json!({
            "name": "neg/pair_f64", "op": "neg", "dtype": "f64", "attrs": {},
            "inputs": {"input": pair}, "outputs": {"output": pair},
            "cotangents": {"output": pair}, "grads": {"input": pair},
            "rtol": 1e-9, "atol": 0,
        })
    }

    fn key_of(change: impl Fn(&mut Map<String, Value>)) -> String {
        let mut value = good();
        change(value.as_object_mut().unwrap());
        Case::parse(Path::new("neg.json"), &value).unwrap_err().key
    }

    #[test]
    fn a_good_case_is_read() {
        let case = Case::parse(Path::new("neg.json"), &good()).unwrap();
        assert_eq!(
            (case.op.as_str(), case.precision),
            ("neg", Precision::Double)
        );
    }

    #[test]
    fn every_key_but_the_gradients_must_be_there() {
        let required = [
            "name", "op", "dtype", "attrs", "inputs", "outputs", "rtol", "atol",
        ];
        for key in required.into_iter().chain(["cotangents", "grads"]) {
            let remove = |it: &mut Map<String, Value>| drop(it.remove(key));
            assert_eq!(key_of(remove), key);
        }
        let mut value = good();
        let object = value.as_object_mut().unwrap();
        object.remove("grads");
        object.remove("cotangents");
        assert!(Case::parse(Path::new("neg.json"), &value).is_ok());
    }

    #[test]
    fn nonsense_is_named_by_its_key() {
        let set = |key: &'static str, value: Value| {
            key_of(move |it| drop(it.insert(key.to_owned(), value.clone())))
        };
        let one = json!({"kind": "float", "shape": [1], "data": [1.0]});
        let int = json!({"kind": "int", "shape": [2], "data": [1, 2]});
        assert_eq!(set("dtype", json!("f16")), "dtype");
        assert_eq!(set("rtol", json!(-1e-9)), "rtol");
        assert_eq!(set("atol", json!("nan")), "atol");
        assert_eq!(set("outputs", json!({})), "outputs");
        assert_eq!(set("grads", json!({"other": one})), "grads.other");
        assert_eq!(set("grads", json!({"input": int})), "grads.input");
        assert_eq!(
            set("cotangents", json!({"output": one})),
            "cotangents.output"
        );
        let broken = json!({"input": {"kind": "float", "shape": [2], "data": [1.0]}});
        assert_eq!(set("inputs", broken), "inputs.input.data");
        assert_eq!(set("inputs", json!({"input": 3})), "inputs.input");
    }
}
