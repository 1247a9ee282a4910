//! Where the user's crate finds `limpid_tensor`.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};

/// `::limpid_tensor` where the user depends on it, `::limpid::tensor` where only on the facade;
/// under the names that the user's `Cargo.toml` gives them.
pub(crate) fn tensor() -> syn::Result<TokenStream> {
    match (crate_name("limpid-tensor"), crate_name("limpid")) {
        (Ok(FoundCrate::Itself), _) => Ok(quote!(crate)),
        (Ok(FoundCrate::Name(name)), _) => {
            let name = format_ident!("{name}");
            Ok(quote!(::#name))
        }
        (Err(_), Ok(FoundCrate::Itself)) => Ok(quote!(crate::tensor)),
        (Err(_), Ok(FoundCrate::Name(name))) => {
            let name = format_ident!("{name}");
            Ok(quote!(::#name::tensor))
        }
        (Err(_), Err(_)) => Err(syn::Error::new(
            Span::call_site(),
            "`Parameters` is in `limpid`: add `limpid`, or `limpid-tensor`, to the dependencies",
        )),
    }
}
