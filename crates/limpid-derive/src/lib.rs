#![doc = include_str!("../README.md")]

mod attributes;
mod crate_path;
mod element;
mod walk;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, parse_macro_input};

use crate::attributes::TypeAttributes;
use crate::element::ElementOf;

/// Implements `limpid_tensor::Parameters`: the walk over parameters and buffers, in the order of
/// the fields, each under its path.
///
/// A field adds a segment to the path: its name, or its number in a tuple struct. Each field's type
/// must be `Parameters` itself; a layer, a parameter, a plain number, an `Option` or a `Vec` of
/// those is. A variant of an enum adds no segment.
///
/// # Attributes
/// | where | attribute | meaning |
/// | --- | --- | --- |
/// | field | `#[parameters(skip)]` | nothing in this field is walked |
/// | field | `#[parameters(flatten)]` | the field adds no segment: what lies in it is named as if it lay here |
/// | type | `#[parameters(element = f32)]` | the element type, where it can't be seen |
///
/// # The element type
/// It is the type parameter that is bounded by `Element`. Without one the type is implemented for
/// every element that all its fields have an implementation for: a struct around `Linear<f32>` for
/// `f32`, one around plain numbers for both. `element = ...` decides in the cases that are left: a
/// type with two such parameters, or one that contains itself.
///
/// # Errors
/// A union, an unknown attribute, and a field whose type is not `Parameters` don't compile. Where
/// the type has no element parameter, such a field is told where the type is used as `Parameters`.
#[proc_macro_derive(Parameters, attributes(parameters))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    if let Data::Union(union) = &input.data {
        return Err(syn::Error::new(
            union.union_token.span,
            "a union has no fields that can be walked: `Parameters` is derived for structs and enums",
        ));
    }
    let tensor = crate_path::tensor()?;
    let branches = walk::branches(&input.data)?;
    let attributes = TypeAttributes::of(&input.attrs)?;
    let ElementOf { element, generics } =
        element::choose(&input.generics, &attributes, &branches, &tensor)?;

    let name = &input.ident;
    let (_, arguments, _) = input.generics.split_for_impl();
    let (parameters, _, bounds) = generics.split_for_impl();
    let visit = walk::arms(&branches, &quote!(visit), &element, &tensor);
    let visit_mut = walk::arms(&branches, &quote!(visit_mut), &element, &tensor);
    Ok(quote! {
        #[automatically_derived]
        impl #parameters #tensor::Parameters<#element> for #name #arguments #bounds {
            fn visit<'__visit>(
                &'__visit self,
                path: &mut #tensor::Path,
                visitor: &mut dyn #tensor::Visitor<'__visit, #element>,
            ) {
                match self { #visit }
            }

            fn visit_mut(
                &mut self,
                path: &mut #tensor::Path,
                visitor: &mut dyn #tensor::VisitorMut<#element>,
            ) {
                match self { #visit_mut }
            }
        }
    })
}
