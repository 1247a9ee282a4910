//! The body of the walk: one arm for a struct, one for each variant of an enum.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, Field, Fields, Index, Member, Type};

use crate::attributes::FieldWalk;

/// A struct, or a variant of an enum.
pub(crate) struct Branch {
    variant: Option<Ident>,
    fields: Vec<WalkedField>,
}

/// A field with its place in the walk.
struct WalkedField {
    member: Member,
    r#type: Type,
    walk: FieldWalk,
}

/// The branches of a type in the order in which they are declared.
pub(crate) fn branches(data: &Data) -> syn::Result<Vec<Branch>> {
    match data {
        Data::Struct(it) => Ok(vec![Branch {
            variant: None,
            fields: fields(&it.fields)?,
        }]),
        Data::Enum(it) => it
            .variants
            .iter()
            .map(|it| {
                Ok(Branch {
                    variant: Some(it.ident.clone()),
                    fields: fields(&it.fields)?,
                })
            })
            .collect(),
        Data::Union(_) => Ok(Vec::new()),
    }
}

impl Branch {
    /// The types of the fields that are walked.
    pub(crate) fn walked_types(&self) -> impl Iterator<Item = &Type> {
        self.fields
            .iter()
            .filter(|it| it.walk != FieldWalk::Skipped)
            .map(|it| &it.r#type)
    }
}

fn fields(fields: &Fields) -> syn::Result<Vec<WalkedField>> {
    let field = |(index, field): (usize, &Field)| {
        let member = match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index::from(index)),
        };
        Ok(WalkedField {
            member,
            r#type: field.ty.clone(),
            walk: FieldWalk::of(&field.attrs)?,
        })
    };
    fields.iter().enumerate().map(field).collect()
}

/// The arms of `match self`, each of which calls `method` on the fields of its branch.
///
/// The patterns name every field, so a walk can't miss one that is added later.
pub(crate) fn arms(
    branches: &[Branch],
    method: &TokenStream,
    element: &TokenStream,
    tensor: &TokenStream,
) -> TokenStream {
    if branches.is_empty() {
        // An enum without variants: there is no value, so there is nothing to walk.
        return quote!(_ => {});
    }
    branches
        .iter()
        .map(|it| arm(it, method, element, tensor))
        .collect()
}

fn arm(
    Branch { variant, fields }: &Branch,
    method: &TokenStream,
    element: &TokenStream,
    tensor: &TokenStream,
) -> TokenStream {
    let variant = variant.iter();
    let mut patterns = TokenStream::new();
    let mut calls = TokenStream::new();
    for (
        index,
        WalkedField {
            member,
            r#type,
            walk,
        },
    ) in fields.iter().enumerate()
    {
        let binding = format!("field_{index}");
        // With the field's span throughout, so that the compiler points at a field that can't be
        // walked rather than at the macro.
        let span = r#type.span();
        let (tensor, binding) = (respanned(tensor, span), Ident::new(&binding, span));
        let call = quote_spanned! { span =>
            #tensor::Parameters::<#element>::#method(#binding, path, visitor);
        };
        let segment = segment(member);
        match walk {
            FieldWalk::Skipped => patterns.extend(quote!(#member: _,)),
            FieldWalk::Flattened => {
                patterns.extend(quote!(#member: #binding,));
                calls.extend(call);
            }
            FieldWalk::Named => {
                patterns.extend(quote!(#member: #binding,));
                calls.extend(quote! { path.push(#segment); #call path.pop(); });
            }
        }
    }
    quote! { Self #(:: #variant)* { #patterns } => { #calls } }
}

fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(respan).collect()
}

fn segment(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
