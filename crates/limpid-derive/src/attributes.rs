//! What `#[parameters(...)]` may say, on a type and on a field.

use syn::{Attribute, Type};

const NAME: &str = "parameters";

/// The attributes of the type.
#[derive(Default)]
pub(crate) struct TypeAttributes {
    /// `element = f32`
    pub(crate) element: Option<Type>,
}

impl TypeAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident(NAME)) {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("element") {
                    return Err(meta.error("a type knows `#[parameters(element = f32)]` only"));
                }
                found.element = Some(meta.value()?.parse()?);
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// How a field takes part in the walk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldWalk {
    /// Walked under a segment of its own.
    Named,
    /// Walked under the path of the whole.
    Flattened,
    /// Not walked.
    Skipped,
}

impl FieldWalk {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = Self::Named;
        for attribute in attributes.iter().filter(|it| it.path().is_ident(NAME)) {
            attribute.parse_nested_meta(|meta| {
                let walk = if meta.path.is_ident("skip") {
                    Self::Skipped
                } else if meta.path.is_ident("flatten") {
                    Self::Flattened
                } else {
                    let known = "a field knows `#[parameters(skip)]` and `#[parameters(flatten)]`";
                    return Err(meta.error(known));
                };
                if found != Self::Named {
                    return Err(meta.error("one of `skip` and `flatten` is enough"));
                }
                found = walk;
                Ok(())
            })?;
        }
        Ok(found)
    }
}
