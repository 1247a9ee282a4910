//! A way past a block.

use std::fmt;

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::{Context, Module, Parameters};

/// shortcut(x) + body(x); the shortcut is x itself unless another is given.
///
/// # Source
/// He et al. 2016, "Deep residual learning for image recognition", equations 1 and 2.
#[derive(Parameters)]
pub struct Residual<E: Element> {
    body: Box<dyn Module<E>>,
    shortcut: Option<Box<dyn Module<E>>>,
}

impl<E: Element> Residual<E> {
    /// x + body(x).
    pub fn new(body: impl Module<E> + 'static) -> Self {
        Self {
            body: Box::new(body),
            shortcut: None,
        }
    }

    /// The same with a shortcut that brings x into the shape of the body's output.
    #[must_use]
    pub fn with_shortcut(self, shortcut: impl Module<E> + 'static) -> Self {
        Self {
            shortcut: Some(Box::new(shortcut)),
            ..self
        }
    }
}

impl<E: Element> Residual<E> {
    /// What is added up: the shortcut's output and the body's.
    fn terms(
        &self,
        input: &Tensor<E>,
        context: &mut Context<'_, E>,
    ) -> Result<(Tensor<E>, Tensor<E>)> {
        let body = context.call("body", self.body.as_ref(), input)?;
        let past = match &self.shortcut {
            Some(shortcut) => context.call("shortcut", shortcut.as_ref(), input)?,
            None => input.clone(),
        };
        // Broadcasting would hide a body of the wrong shape.
        if past.shape() != body.shape() {
            let rule = "the shortcut's output must have the shape of the body's";
            return Err(Error::shape(
                "residual",
                &[past.shape(), body.shape()],
                rule,
            ));
        }
        Ok((past, body))
    }
}

impl<E: Element> Module<E> for Residual<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let (past, body) = self.terms(input, context)?;
        past.add(&body)
    }

    fn differs_in_training(&self) -> bool {
        let branches = self.shortcut.iter().chain([&self.body]);
        branches.into_iter().any(|it| it.differs_in_training())
    }

    fn forward_relu(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let (past, body) = self.terms(input, context)?;
        past.add_relu(&body)
    }

    fn fold_batch_norms(&mut self) -> Result<()> {
        let body = self.body.fold_batch_norms();
        body.map_err(|error| error.at("body"))?;
        match &mut self.shortcut {
            Some(shortcut) => shortcut
                .fold_batch_norms()
                .map_err(|error| error.at("shortcut")),
            None => Ok(()),
        }
    }
}

impl<E: Element> fmt::Debug for Residual<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortcut = self.shortcut.as_ref().map(|shortcut| shortcut.kind());
        formatter
            .debug_struct("Residual")
            .field("body", &self.body.kind())
            .field("shortcut", &shortcut)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::{Linear, Relu};
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_with_and_without_a_shortcut() {
        let input = Tensor::standard_normal([5, 3], Stream::new(1));
        let plain = |stream| Ok(Residual::new(Linear::new(3, 3, stream)?));
        check_module(plain, &input, &[5, 3]).unwrap();
        let widened = |stream: Stream| {
            let body = Linear::new(3, 4, stream.fork("body"))?;
            Ok(Residual::new(body).with_shortcut(Linear::new(3, 4, stream.fork("shortcut"))?))
        };
        check_module(widened, &input, &[5, 4]).unwrap();
    }

    #[test]
    fn the_input_is_added() {
        let input = Tensor::<f64>::from_vec(vec![-1.0, 2.0], [2]).unwrap();
        assert_eq!(
            Residual::new(Relu).predict(&input).unwrap().to_vec(),
            [-1.0, 4.0]
        );
    }

    #[test]
    fn a_body_of_another_shape_is_named() {
        let body = Linear::<f64>::new(3, 1, Stream::new(1)).unwrap();
        let error = Residual::new(body)
            .predict(&Tensor::zeros([5, 3]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "residual: shapes [5, 3] and [5, 1]: \
             the shortcut's output must have the shape of the body's"
        );
    }
}
