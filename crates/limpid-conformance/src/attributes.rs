//! The settings of a case, read as the operation needs them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::KeyError;

/// The settings of a case. A setting that is absent, or `null`, has the reference's default; one of
/// the wrong kind is an error that names it.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    map: Map<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

impl Attributes {
    /// The settings in `map`.
    pub fn new(map: Map<String, Value>) -> Self {
        Self {
            map,
            asked: RefCell::default(),
        }
    }

    fn get<'a, T>(
        &'a self,
        key: &str,
        must: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, KeyError> {
        self.asked.borrow_mut().insert(key.to_owned());
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => {
                    let problem = format!("must be {must}, found {value}");
                    Err(KeyError::new(format!("attrs.{key}"), problem))
                }
            },
        }
    }

    /// That an operation has asked for every setting there is: one that it does not know must not
    /// be passed over.
    ///
    /// # Errors
    /// When a setting was not asked for; the error names it.
    pub fn all_asked(&self) -> Result<(), KeyError> {
        let asked = self.asked.borrow();
        let known = |(key, value): &(&String, &Value)| value.is_null() || asked.contains(*key);
        match self.map.iter().find(|it| !known(it)) {
            Some((key, _)) => Err(KeyError::new(
                format!("attrs.{key}"),
                "is no setting of the operation",
            )),
            None => Ok(()),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn number(&self, key: &str) -> Result<Option<f64>, KeyError> {
        self.get(key, "a number", Value::as_f64)
    }

    /// A whole number.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn integer(&self, key: &str) -> Result<Option<isize>, KeyError> {
        self.get(key, "an integer", integer)
    }

    /// A whole number from 0.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn count(&self, key: &str) -> Result<Option<usize>, KeyError> {
        self.get(key, "an integer from 0", count)
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, KeyError> {
        self.get(key, "true or false", Value::as_bool)
    }

    /// A word.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn word(&self, key: &str) -> Result<Option<&str>, KeyError> {
        self.get(key, "a string", Value::as_str)
    }

    /// A list of whole numbers; a single one counts as a list.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<isize>>, KeyError> {
        self.get(key, "a list of integers", |value| list(value, integer))
    }

    /// A list of whole numbers from 0; a single one counts as a list.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn counts(&self, key: &str) -> Result<Option<Vec<usize>>, KeyError> {
        self.get(key, "a list of integers from 0", |value| list(value, count))
    }

    /// Whether the setting is there and `null`.
    pub fn is_null(&self, key: &str) -> bool {
        self.asked.borrow_mut().insert(key.to_owned());
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// A list of whole numbers from 0, each of which may be `null`; a single one counts as a list.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn counts_or_null(&self, key: &str) -> Result<Option<Vec<Option<usize>>>, KeyError> {
        let one = |value: &Value| match value {
            Value::Null => Some(None),
            value => count(value).map(Some),
        };
        self.get(key, "a list of integers from 0, or null", |value| {
            list(value, one)
        })
    }

    /// Pairs of whole numbers from 0: a list of lists, or, as ONNX has them, all first ones and then
    /// all second ones.
    pub fn pairs<const D: usize>(&self, key: &str) -> Option<[[usize; 2]; D]> {
        self.asked.borrow_mut().insert(key.to_owned());
        let parts = self.map.get(key)?.as_array()?;
        let nested = |part: &Value| <[usize; 2]>::try_from(list(part, count)?).ok();
        let pairs: Option<Vec<_>> = match parts.first()? {
            Value::Array(_) => parts.iter().map(nested).collect(),
            _ if parts.len() == 2 * D => {
                let flat: Option<Vec<usize>> = parts.iter().map(count).collect();
                let flat = flat?;
                Some((0..D).map(|axis| [flat[axis], flat[axis + D]]).collect())
            }
            _ => None,
        };
        pairs?.try_into().ok()
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// When the setting is something else.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, KeyError> {
        self.get(key, "a list of numbers", |value| list(value, Value::as_f64))
    }
}

/// The setting, or an error that says that there must be one.
///
/// # Errors
/// When it is absent.
pub fn required<T>(setting: Option<T>, key: &str) -> Result<T, KeyError> {
    setting.ok_or_else(|| KeyError::new(format!("attrs.{key}"), "is missing"))
}

fn integer(value: &Value) -> Option<isize> {
    value.as_i64().and_then(|it| isize::try_from(it).ok())
}

fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|it| usize::try_from(it).ok())
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Array(list) => list.iter().map(read).collect(),
        single => Some(vec![read(single)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(value: Value) -> Attributes {
        Attributes::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn absent_and_null_are_the_default() {
        let it = attributes(json!({"min": null}));
        assert_eq!((it.number("min"), it.number("max")), (Ok(None), Ok(None)));
        assert_eq!(
            required(it.number("max").unwrap(), "max").unwrap_err().key,
            "attrs.max"
        );
    }

    #[test]
    fn single_numbers_count_as_lists() {
        let it = attributes(json!({"dim": -1, "dims": [0, 2]}));
        assert_eq!(it.integers("dim"), Ok(Some(vec![-1])));
        assert_eq!(it.integers("dims"), Ok(Some(vec![0, 2])));
        assert!(it.counts("dim").is_err());
    }

    #[test]
    fn settings_that_nobody_asks_for_are_named() {
        let it = attributes(json!({"dim": 1, "keepdim": true, "min": null}));
        assert_eq!(it.integer("dim"), Ok(Some(1)));
        assert_eq!(it.all_asked().unwrap_err().key, "attrs.keepdim");
        assert_eq!(it.flag("keepdim"), Ok(Some(true)));
        assert_eq!(it.all_asked(), Ok(()));
    }

    #[test]
    fn the_wrong_kind_is_named() {
        let it = attributes(json!({"keepdim": 1, "dim": 1.5}));
        assert_eq!(it.flag("keepdim").unwrap_err().key, "attrs.keepdim");
        assert!(
            it.integers("dim")
                .unwrap_err()
                .problem
                .contains("found 1.5")
        );
    }
}
