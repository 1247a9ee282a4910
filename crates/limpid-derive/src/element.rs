//! For which element type the walk is implemented, and under which bounds.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    GenericParam, Generics, Ident, Type, TypeParamBound, WherePredicate, parse_quote, parse2,
};

use crate::attributes::TypeAttributes;
use crate::walk::Branch;

/// The element type with the generics of the implementation.
pub(crate) struct ElementOf {
    pub(crate) element: TokenStream,
    pub(crate) generics: Generics,
}

/// The element that the attribute names, else the parameter bounded by `Element`, else a parameter
/// of the implementation's own, held to what the fields have implementations for.
pub(crate) fn choose(
    generics: &Generics,
    attributes: &TypeAttributes,
    branches: &[Branch],
    tensor: &TokenStream,
) -> syn::Result<ElementOf> {
    let mut bounded = bounded_by_element(generics);
    let element = match (&attributes.element, bounded.len()) {
        (Some(element), _) => element.to_token_stream(),
        (None, 0) => return over_every_element(generics, branches, tensor),
        (None, 1) => bounded.remove(0).into_token_stream(),
        (None, _) => {
            let message = "two parameters are bounded by `Element`: say which one the parameters \
                           have by `#[parameters(element = ...)]`";
            return Err(syn::Error::new(bounded[1].span(), message));
        }
    };

    let mut generics = generics.clone();
    let walked: Vec<Ident> = generics
        .type_params()
        .map(|it| it.ident.clone())
        .filter(|it| *it != element.to_string() && branches.iter().any(|branch| walks(branch, it)))
        .collect();
    let clause = generics.make_where_clause();
    for name in walked {
        clause
            .predicates
            .push(parse_quote!(#name: #tensor::Parameters<#element>));
    }
    Ok(ElementOf { element, generics })
}

fn over_every_element(
    generics: &Generics,
    branches: &[Branch],
    tensor: &TokenStream,
) -> syn::Result<ElementOf> {
    let element = quote!(__E);
    let mut generics = generics.clone();
    generics
        .params
        .push(parse2(quote!(#element: #tensor::Element))?);
    let clause = generics.make_where_clause();
    for r#type in branches.iter().flat_map(Branch::walked_types) {
        clause
            .predicates
            .push(parse_quote!(#r#type: #tensor::Parameters<#element>));
    }
    Ok(ElementOf { element, generics })
}

/// The type parameters with a bound whose last segment is `Element`, in the list or in the clause.
fn bounded_by_element(generics: &Generics) -> Vec<Ident> {
    let in_clause = |name: &Ident| {
        generics
            .where_clause
            .iter()
            .flat_map(|it| &it.predicates)
            .any(|it| match it {
                WherePredicate::Type(it) => {
                    is_parameter(&it.bounded_ty, name) && names_element(&it.bounds)
                }
                _ => false,
            })
    };
    let is_bounded = |parameter: &GenericParam| match parameter {
        GenericParam::Type(it) if names_element(&it.bounds) || in_clause(&it.ident) => {
            Some(it.ident.clone())
        }
        _ => None,
    };
    generics.params.iter().filter_map(is_bounded).collect()
}

fn is_parameter(r#type: &Type, name: &Ident) -> bool {
    matches!(r#type, Type::Path(it) if it.path.is_ident(name))
}

fn names_element<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    bounds.into_iter().any(|it| match it {
        TypeParamBound::Trait(it) => it
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Element"),
        _ => false,
    })
}

/// Whether a walked field of this branch has `name` in its type. A phantom holds no value, so what
/// it names needs no walk.
fn walks(branch: &Branch, name: &Ident) -> bool {
    branch
        .walked_types()
        .filter(|it| !is_phantom(it))
        .any(|it| occurs(it.to_token_stream(), name))
}

fn is_phantom(r#type: &Type) -> bool {
    match r#type {
        Type::Path(it) => it
            .path
            .segments
            .last()
            .is_some_and(|it| it.ident == "PhantomData"),
        _ => false,
    }
}

fn occurs(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(it) => it == *name,
        TokenTree::Group(it) => occurs(it.stream(), name),
        _ => false,
    })
}
