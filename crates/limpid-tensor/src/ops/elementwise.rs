//! Operations that treat every element alike.

use crate::kernel::elementwise as kernel;
use crate::{Backward, Element, InputGradients, Result, Tensor};

/// What an elementwise operation keeps for its backward half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The number that went in.
    Input,
    /// The number that came out.
    Output,
    /// None: the backward half does not depend on the numbers.
    Nothing,
}

/// A function of one number, with its derivative, to be applied to every element of a tensor.
///
/// The loop over the elements becomes vector instructions where `value` and `backward` are marked
/// `#[inline(always)]` and hold nothing but arithmetic, comparisons that select one of two numbers,
/// and functions of [`math`](crate::math). What is selected should be there before the comparison: a
/// field that is read on one side only is a branch.
///
/// # Example
/// ```
/// use limpid_tensor::{Element, Elementwise, Saved, Tensor};
///
/// /// x^3
/// struct Cube;
///
/// impl<E: Element> Elementwise<E> for Cube {
///     const NAME: &'static str = "cube";
///     const SAVED: Saved = Saved::Input;
///
///     #[inline(always)]
///     fn value(&self, x: E) -> E {
///         x * x * x
///     }
///
///     #[inline(always)]
///     fn backward(&self, saved: E, gradient: E) -> E {
///         gradient * E::of(3.0) * saved * saved
///     }
/// }
///
/// let x = Tensor::<f64>::scalar(2.0).requires_grad();
/// let gradients = x.apply(Cube).backward()?;
/// assert_eq!(gradients.tensor(&x).unwrap().item()?, 12.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Elementwise<E: Element>: Send + Sync + 'static {
    /// The operation's public name.
    const NAME: &'static str;

    /// Which number [`Elementwise::backward`] is shown.
    const SAVED: Saved;

    /// The function.
    fn value(&self, x: E) -> E;

    /// The gradient of the input: `gradient` of the output times the derivative at the place that
    /// `saved` tells of. `saved` is 0 under [`Saved::Nothing`].
    fn backward(&self, saved: E, gradient: E) -> E;

    /// Whether there are numbers where `value` or `backward` do not hold: those that would need
    /// calls or branches. For operations under [`Saved::Input`].
    const GUARDED: bool = false;

    /// Whether `value` and `backward` hold at x. To be marked `#[inline(always)]`.
    fn holds(&self, _x: E) -> bool {
        true
    }

    /// The function where [`holds`](Elementwise::holds) says no.
    fn value_anywhere(&self, x: E) -> E {
        self.value(x)
    }

    /// The gradient of the input where [`holds`](Elementwise::holds) says no.
    fn backward_anywhere(&self, saved: E, gradient: E) -> E {
        self.backward(saved, gradient)
    }
}

/// The forward half as a loop's function.
struct Value<'a, O>(&'a O);

impl<E: Element, O: Elementwise<E>> kernel::Map<E, E> for Value<'_, O> {
    const GUARDED: bool = O::GUARDED;

    #[inline(always)]
    fn of(&self, x: E) -> E {
        self.0.value(x)
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        self.0.holds(x)
    }

    fn anywhere(&self, x: E) -> E {
        self.0.value_anywhere(x)
    }
}

/// The backward half as a loop's function.
struct Slope<'a, O>(&'a O);

impl<E: Element, O: Elementwise<E>> kernel::Map<E, E> for Slope<'_, O> {
    #[inline(always)]
    fn of(&self, gradient: E) -> E {
        self.0.backward(E::zero(), gradient)
    }
}

impl<E: Element, O: Elementwise<E>> kernel::Zip<E, E, E> for Slope<'_, O> {
    const GUARDED: bool = O::GUARDED;

    #[inline(always)]
    fn of(&self, gradient: E, saved: E) -> E {
        self.0.backward(saved, gradient)
    }

    #[inline(always)]
    fn holds(&self, saved: E) -> bool {
        self.0.holds(saved)
    }

    fn anywhere(&self, gradient: E, saved: E) -> E {
        self.0.backward_anywhere(saved, gradient)
    }
}

/// The backward half of an operation that needs none of its numbers.
struct Alone<O>(O);

impl<E: Element, O: Elementwise<E>> Backward<E> for Alone<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn backward(&self, mut gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let slope = Slope(&self.0);
        // In the gradient's own memory where nobody else holds it.
        match gradient.own_elements_mut() {
            Some(own) => kernel::map_in_place_by(own, &slope),
            None => {
                let data = kernel::map_by(&gradient.elements(), &slope);
                gradient = gradient.like(data);
            }
        }
        inputs.add(0, gradient);
        Ok(())
    }
}

/// The backward half of an operation with what it keeps of its numbers.
struct Keeping<E: Element, O> {
    operation: O,
    saved: Tensor<E>,
}

impl<E: Element, O: Elementwise<E>> Backward<E> for Keeping<E, O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn backward(&self, mut gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (slope, saved) = (Slope(&self.operation), self.saved.elements());
        // In the gradient's own memory where nobody else holds it.
        match gradient.own_elements_mut() {
            Some(own) => kernel::zip_in_place_by(own, &saved, &slope),
            None => {
                let data = kernel::zip_by(&gradient.elements(), &saved, &slope);
                gradient = gradient.like(data);
            }
        }
        inputs.add(0, gradient);
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// `operation` of every element.
    #[must_use]
    pub fn apply<O: Elementwise<E>>(&self, operation: O) -> Self {
        let data = kernel::map_by(&self.elements(), &Value(&operation));
        let result = self.like(data);
        if !Self::records(&[self]) {
            return result;
        }
        let saved = match O::SAVED {
            Saved::Input => self.contiguous(),
            Saved::Output => result.clone(),
            Saved::Nothing => return result.recorded(&[self], || Alone(operation)),
        };
        result.recorded(&[self], || Keeping { operation, saved })
    }

    /// `function` of every element, without history: in this tensor's memory where nobody else
    /// holds it.
    pub(crate) fn map_into(mut self, function: impl Fn(E) -> E + Sync) -> Self {
        match self.own_elements_mut() {
            Some(own) => {
                kernel::map_in_place(own, function);
                self.node = None;
                self
            }
            None => {
                let data = kernel::map(&self.elements(), function);
                self.like(data)
            }
        }
    }
}

/// Defines a parameterless elementwise operation and the tensor's method for it.
macro_rules! elementwise {
    (
        $(#[$doc:meta])*
        $method:ident: $Operation:ident<$E:ident>, saves $saved:ident;
        value($x:ident) = $value:expr;
        backward($kept:ident, $gradient:ident) = $backward:expr;
    ) => {
        pub(crate) struct $Operation;

        impl<$E: $crate::Element> $crate::Elementwise<$E> for $Operation {
            const NAME: &'static str = stringify!($method);
            const SAVED: $crate::Saved = $crate::Saved::$saved;

            #[inline(always)]
            fn value(&self, $x: $E) -> $E {
                $value
            }

            #[inline(always)]
            fn backward(&self, $kept: $E, $gradient: $E) -> $E {
                $backward
            }
        }

        impl<$E: $crate::Element> $crate::Tensor<$E> {
            $(#[$doc])*
            #[must_use]
            pub fn $method(&self) -> Self {
                self.apply($Operation)
            }
        }
    };
}
pub(crate) use elementwise;
