//! What an operation is handed: the case's tensors in the element type that it computes in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use limpid_tensor::{Element, Parameter, Tensor};

use crate::attributes::Attributes;
use crate::case::Case;
use crate::error::{KeyError, OperationError};
use crate::values::{Data, Values};

/// The inputs and settings of one case. The inputs whose gradient is compared want one.
#[derive(Debug)]
pub struct Inputs<'a, E: Element> {
    case: &'a Case,
    floats: BTreeMap<&'a str, Parameter<E>>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a, E: Element> Inputs<'a, E> {
    /// The inputs of `case`.
    ///
    /// # Errors
    /// When a tensor can't be built.
    pub fn of(case: &'a Case) -> Result<Self, OperationError> {
        let mut floats = BTreeMap::new();
        for (name, values) in &case.inputs {
            if let Data::Float(_) = values.data {
                let mut parameter = Parameter::new(tensor(values)?);
                parameter.set_trainable(case.grads.contains_key(name));
                floats.insert(name.as_str(), parameter);
            }
        }
        Ok(Self {
            case,
            floats,
            asked: RefCell::default(),
        })
    }

    fn ask(&self, name: &str) {
        self.asked.borrow_mut().insert(name.to_owned());
    }

    /// That an operation has asked for every tensor and setting of the case: one that it does not
    /// know must not be passed over.
    ///
    /// # Errors
    /// When one was not asked for; the error names it.
    pub fn all_asked(&self) -> Result<(), KeyError> {
        self.attributes().all_asked()?;
        let asked = self.asked.borrow();
        match self.case.inputs.keys().find(|name| !asked.contains(*name)) {
            Some(name) => Err(KeyError::new(
                format!("inputs.{name}"),
                "is no input of the operation",
            )),
            None => Ok(()),
        }
    }

    /// The settings.
    pub fn attributes(&self) -> &'a Attributes {
        &self.case.attributes
    }

    /// The tensor of floats called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn tensor(&self, name: &str) -> Result<&Tensor<E>, KeyError> {
        self.optional(name).ok_or_else(|| missing(name, "floats"))
    }

    /// The tensor of floats called `name`, where there is one.
    pub fn optional(&self, name: &str) -> Option<&Tensor<E>> {
        self.ask(name);
        self.floats.get(name).map(Parameter::value)
    }

    /// The tensor of floats called `name` as a parameter, for a layer to own.
    ///
    /// # Errors
    /// When there is none.
    pub fn parameter(&self, name: &str) -> Result<Parameter<E>, KeyError> {
        self.optional_parameter(name)
            .ok_or_else(|| missing(name, "floats"))
    }

    /// The tensor of floats called `name` as a parameter, where there is one.
    pub fn optional_parameter(&self, name: &str) -> Option<Parameter<E>> {
        self.ask(name);
        self.floats.get(name).cloned()
    }

    /// The tensors called `prefix0`, `prefix1` and so on.
    pub fn numbered(&self, prefix: &str) -> Vec<&Tensor<E>> {
        (0..)
            .map_while(|index| self.optional(&format!("{prefix}{index}")))
            .collect()
    }

    /// The whole numbers called `name`, with their shape.
    ///
    /// # Errors
    /// When there are none.
    pub fn integers(&self, name: &str) -> Result<(&'a [usize], &'a [i64]), KeyError> {
        self.ask(name);
        match self.case.inputs.get(name) {
            Some(Values {
                shape,
                data: Data::Int(data),
            }) => Ok((shape, data)),
            _ => Err(missing(name, "ints")),
        }
    }

    /// The classes or indices called `name`, with their shape.
    ///
    /// # Errors
    /// When there are none, or one is below 0.
    pub fn indices(&self, name: &str) -> Result<(&'a [usize], Vec<usize>), KeyError> {
        let (shape, data) = self.integers(name)?;
        let indices = data
            .iter()
            .map(|&it| usize::try_from(it))
            .collect::<Result<_, _>>();
        let indices = indices
            .map_err(|_| KeyError::new(format!("inputs.{name}.data"), "must hold no negatives"))?;
        Ok((shape, indices))
    }

    /// The conditions called `name`, with their shape.
    ///
    /// # Errors
    /// When there are none.
    pub fn conditions(&self, name: &str) -> Result<(&'a [usize], &'a [bool]), KeyError> {
        self.ask(name);
        match self.case.inputs.get(name) {
            Some(Values {
                shape,
                data: Data::Bool(data),
            }) => Ok((shape, data)),
            _ => Err(missing(name, "bools")),
        }
    }
}

/// The values in the element type of the case.
///
/// # Errors
/// When data and shape don't fit.
pub(crate) fn tensor<E: Element>(values: &Values) -> Result<Tensor<E>, OperationError> {
    let data = values.numbers().into_iter().map(E::of).collect();
    Ok(Tensor::from_vec(data, &values.shape)?)
}

fn missing(name: &str, kind: &str) -> KeyError {
    KeyError::new(
        format!("inputs.{name}"),
        format!("must be a tensor of {kind}"),
    )
}
