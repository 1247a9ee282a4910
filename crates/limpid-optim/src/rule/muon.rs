//! Muon.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::{At, Rule, lerp, rule_state, settings, zeros};
use crate::{setting, sweep};

/// What [`Muon`] multiplies the rate by, for a matrix of `rows` and `columns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateAdjustment {
    /// sqrt(max(1, rows / columns)), as Jordan (2024) has it.
    #[default]
    Original,
    /// 0.2 sqrt(max(rows, columns)): the root mean square of the update is then that of
    /// [`AdamW`](crate::AdamW), whose rate and weight decay can be used; Liu et al. (2025), "Muon is
    /// scalable for LLM training".
    MatchRmsAdamW,
    /// sqrt(rows / columns); Bernstein (2025), "Deriving Muon".
    SpectralUnclamped,
}

impl RateAdjustment {
    fn factor(self, rows: usize, columns: usize) -> f64 {
        let (rows, columns) = (rows as f64, columns as f64);
        match self {
            Self::Original => (rows / columns).max(1.0).sqrt(),
            Self::MatchRmsAdamW => 0.2 * rows.max(columns).sqrt(),
            Self::SpectralUnclamped => (rows / columns).sqrt(),
        }
    }
}

/// Muon: steps along the momentum of a matrix whose singular values are all brought near to 1.
///
/// ```text
/// m = momentum * m + (1 - momentum) * g
/// u = (1 - momentum) * g + momentum * m: Nesterov;  m: without
/// x = u / max(norm(u), eps),  and `ns_steps` times:  x = a x + (b y + c y^2) x,  y = x x^T
/// p = p * (1 - rate * weight_decay) - rate * adjustment * x
/// ```
/// A matrix with more rows than columns is transposed before the iteration, and back after it. The
/// iteration of Newton and Schulz with these coefficients takes singular values into about 0.7 to
/// 1.2.
///
/// Only matrices have singular values: a parameter of another rank is refused at the first step.
/// [`Mixed::matrices`](crate::Mixed::matrices) gives all others to a second rule, as
/// [`AdamW`](crate::AdamW); embeddings and output layers, though matrices, are commonly given to it
/// as well. All of a matrix moves, whichever rows the gradient touches; under
/// [`RowUpdates::Lazy`](crate::RowUpdates::Lazy) the touched rows are taken for the matrix.
///
/// # Range
/// `momentum` in [0, 1), default 0.95; `nesterov` by default; `coefficients` a, b, c finite, default
/// 3.4445, -4.775, 2.0315; `eps` above 0, default 1e-7; `ns_steps` below 100, default 5;
/// `weight_decay` from 0, default 0.1. PyTorch's rate is 0.001.
///
/// # Differs from
/// torch.optim.Muon iterates in bfloat16, with about two digits; here the iteration has the
/// precision of the parameter. A momentum of 1 or more is refused.
///
/// # Source
/// Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; equals
/// torch.optim.Muon (2.15) but for the precision of the iteration.
///
/// # Example
/// ```
/// use limpid_optim::{Muon, Optimizer};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::eye(2));
/// let mut optimizer = Optimizer::new(Muon::new(), 0.1)?;
/// let gradients = weight.square().sum().backward()?;
/// optimizer.step(&mut weight, &gradients)?;
/// let first = weight.to_vec()[0];
/// // 1 - 0.01 by the decay, and about 0.1 by the step.
/// assert!((first - 0.89).abs() < 0.04, "{first}");
///
/// let mut bias = Parameter::new(Tensor::<f64>::ones([2]));
/// let gradients = bias.square().sum().backward()?;
/// assert!(optimizer.step(&mut bias, &gradients).is_err());
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Muon {
    /// The share of the momentum that is kept.
    pub momentum: f64,
    /// Whether to look ahead along the momentum.
    pub nesterov: bool,
    /// The coefficients of the iteration's polynomial.
    pub coefficients: [f64; 3],
    /// How many iterations there are.
    pub ns_steps: u32,
    /// The least norm that is divided by.
    pub eps: f64,
    /// What the rate is multiplied by for the shape of a matrix.
    pub adjustment: RateAdjustment,
    /// The share of the weights that a step of rate 1 takes away.
    pub weight_decay: f64,
}

impl Default for Muon {
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            coefficients: [3.4445, -4.775, 2.0315],
            ns_steps: 5,
            eps: 1e-7,
            adjustment: RateAdjustment::Original,
            weight_decay: 0.1,
        }
    }
}

settings!(Muon {
    /// Keeps this share of the momentum.
    with_momentum: momentum: f64,
    /// Looks ahead along the momentum, or does not.
    with_nesterov: nesterov: bool,
    /// Sets the coefficients of the iteration's polynomial.
    with_coefficients: coefficients: [f64; 3],
    /// Sets how many iterations there are.
    with_ns_steps: ns_steps: u32,
    /// Sets the least norm that is divided by.
    with_eps: eps: f64,
    /// Sets what the rate is multiplied by for the shape of a matrix.
    with_adjustment: adjustment: RateAdjustment,
    /// Sets the share of the weights that a step of rate 1 takes away.
    with_weight_decay: weight_decay: f64,
});

/// What [`Muon`] remembers.
#[derive(Clone, Debug)]
pub struct MuonState<E> {
    mean: Vec<E>,
    shape: [usize; 2],
}

rule_state!(MuonState { mean });

impl Muon {
    /// The matrix with its singular values brought near to 1.
    fn orthogonal<E: Element>(
        &self,
        update: Vec<E>,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<E>> {
        let [a, b, c] = self.coefficients.map(E::of);
        let norm = sweep::sum_of_squares(&update).sqrt();
        let scale = norm.max(self.eps).recip();
        let mut x = Tensor::from_vec(update, [rows, columns])?.mul_scalar(scale);
        if rows > columns {
            x = x.transpose(0, 1)?;
        }
        for _ in 0..self.ns_steps {
            let y = x.matmul(&x.transpose(0, 1)?)?;
            let polynomial = combined(&y.matmul(&y)?, c, &y, b)?;
            x = combined(&polynomial.matmul(&x)?, E::one(), &x, a)?;
        }
        if rows > columns {
            x = x.transpose(0, 1)?;
        }
        Ok(x.to_vec())
    }
}

/// `scale * own + other_scale * other`, of the same shape.
fn combined<E: Element>(
    own: &Tensor<E>,
    scale: E,
    other: &Tensor<E>,
    other_scale: E,
) -> Result<Tensor<E>> {
    let mut elements = own.elements().into_storage();
    sweep::plain(&mut elements, &other.elements(), move |own, other| {
        *own = scale * *own + other_scale * other;
    });
    Tensor::from_storage(elements, other.shape())
}

impl<E: Element> Rule<E> for Muon {
    type State = MuonState<E>;

    fn name(&self) -> &'static str {
        "muon"
    }

    fn check(&self) -> Result<()> {
        setting::share("muon", "momentum", self.momentum)?;
        let finite = self.coefficients.iter().all(|it| it.is_finite());
        let found = format!("{:?}", self.coefficients);
        setting::require(finite, "muon", "coefficients", "finite numbers", found)?;
        setting::positive("muon", "eps", self.eps)?;
        let few = self.ns_steps < 100;
        setting::require(few, "muon", "ns_steps", "below 100", self.ns_steps)?;
        setting::not_negative("muon", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn accepts(&self, _: &str, shape: &[usize]) -> Result<()> {
        if shape.len() == 2 {
            return Ok(());
        }
        let rule = "a parameter must be a matrix: `Mixed::matrices` gives others to a second rule";
        Err(Error::shape("muon", &[shape], rule))
    }

    fn init(&self, parameter: &Tensor<E>) -> MuonState<E> {
        let rows = parameter.shape().first().copied().unwrap_or(1);
        MuonState {
            mean: zeros(parameter, true),
            shape: [rows, parameter.len() / rows.max(1)],
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "the products are of matrices made here, of one shape"
    )]
    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut MuonState<E>, at: &At) {
        let [rows, columns] = state.shape;
        if rows * columns == 0 {
            return;
        }
        let (momentum, entering) = (E::of(self.momentum), E::of(1.0 - self.momentum));
        let mut update = vec![E::zero(); parameter.len()];
        let nesterov = self.nesterov;
        sweep::with_one(&mut update, gradient, &mut state.mean, move |u, g, m| {
            *m = lerp(*m, g, entering);
            *u = if nesterov { lerp(g, *m, momentum) } else { *m };
        });
        let update = self
            .orthogonal(update, state.shape)
            .expect("matrices that fit");
        let shrink = E::of(1.0 - at.rate * at.weight_decay);
        let size = E::of(at.rate * self.adjustment.factor(rows, columns));
        sweep::plain(parameter, &update, move |p, u| *p = *p * shrink - size * u);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::trajectory::{near, three_steps};

    // torch.optim.Muon of PyTorch 2.15, its iteration in double precision.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        let want = [
            0.956209858424582,
            0.585810285840231,
            0.192402666751271,
            -0.133922953193287,
            -0.566711036906191,
            -1.0239814029573,
        ];
        near(&three_steps(&Muon::new(), [3, 2], 0.1), &want);
        let plain = Muon::new()
            .with_nesterov(false)
            .with_weight_decay(0.0)
            .with_momentum(0.5);
        let want = [
            1.00071908986383,
            0.636596483008619,
            0.238827238448607,
            -0.159777534808245,
            -0.566028266943123,
            -1.00351245378182,
        ];
        near(&three_steps(&plain, [2, 3], 0.1), &want);
        let matched = Muon::new()
            .with_adjustment(RateAdjustment::MatchRmsAdamW)
            .with_ns_steps(3);
        let want = [
            0.963278888205358,
            0.583186388144803,
            0.196546454681358,
            -0.181010977129599,
            -0.577228915163823,
            -0.982166440861166,
        ];
        near(&three_steps(&matched, [3, 2], 0.1), &want);
        let spectral = Muon::new().with_adjustment(RateAdjustment::SpectralUnclamped);
        let want = [
            0.9628587367349,
            0.599707470273331,
            0.220440976837299,
            -0.17458651794638,
            -0.558514447255311,
            -0.964199824981188,
        ];
        near(&three_steps(&spectral, [2, 3], 0.1), &want);
    }

    #[test]
    fn singular_values_come_near_to_one() {
        // Orthogonal columns of lengths 10, 1 and 0.1.
        let matrix: Vec<f64> = vec![10.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0];
        let found = Muon::new().orthogonal(matrix, [4, 3]).unwrap();
        for place in [0, 4] {
            assert!((0.6..1.3).contains(&found[place]), "{found:?}");
        }
        // The least needs more than five iterations.
        assert!(
            found[8] > 0.3 && found[9..].iter().all(|it| *it == 0.0),
            "{found:?}"
        );
    }

    #[test]
    fn vectors_are_refused_by_name_before_anything_changes() {
        use limpid_tensor::{ErrorKind, Parameter};
        let mut model = vec![
            Parameter::new(Tensor::<f64>::ones([2, 2])),
            Parameter::new(Tensor::ones([2])),
        ];
        let sum = model[0].sum().add(&model[1].sum()).unwrap();
        let gradients = sum.backward().unwrap();
        let mut optimizer = crate::Optimizer::new(Muon::new(), 0.1).unwrap();
        let error = optimizer.step(&mut model, &gradients).unwrap_err();
        assert_eq!((error.operation(), error.path().as_str()), ("muon", "1"));
        assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error:?}");
        assert_eq!(model[0].to_vec(), [1.0; 4]);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Muon| Rule::<f32>::check(&rule).unwrap_err().to_string();
        assert!(refused(Muon::new().with_momentum(1.0)).contains("`momentum`"));
        assert!(refused(Muon::new().with_eps(0.0)).contains("`eps`"));
        assert!(refused(Muon::new().with_ns_steps(100)).contains("`ns_steps`"));
        let bad = Muon::new().with_coefficients([1.0, f64::NAN, 1.0]);
        assert!(refused(bad).contains("`coefficients`"));
    }
}
