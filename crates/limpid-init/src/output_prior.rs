//! The bias of an output layer that knows how the targets are spread, and nothing else.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::Initializer;

/// The output that a model should have before it has learned anything: what it would say about
/// every example if it knew the targets' shares, or their means, alone. As an output layer's bias
/// it saves the first steps, in which a model learns nothing but that.
///
/// With it the first loss is the entropy of the shares (or the variance of the targets), where a
/// bias of 0 gives log C: for shares 0.9 and 0.1 it is 0.325 and not 0.693.
///
/// # Example
/// ```
/// use limpid_init::{Initializer, OutputPrior};
/// use limpid_tensor::Stream;
///
/// // Of 100 examples 90 are of the first class.
/// let prior = OutputPrior::softmax(&[90.0, 10.0])?;
/// let bias = prior.draw(&[2], Stream::new(0))?;
/// assert!((bias.softmax(-1)?.to_vec()[0] - 0.9).abs() < 1e-15);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
///
/// # Source
/// Karpathy 2019, "A recipe for training neural networks"; for the sigmoid Lin et al. 2017, "Focal
/// loss for dense object detection", 3.3.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputPrior {
    values: Vec<f64>,
}

impl OutputPrior {
    /// Before a softmax: log p for each class. `shares` may have any sum, counts for example.
    ///
    /// # Errors
    /// An argument error when a share is not finite and above 0: a class without examples has no
    /// finite logit, so add something to each count. An argument error for no classes.
    pub fn softmax(shares: &[f64]) -> Result<Self> {
        let fits = |share: f64| share > 0.0 && share.is_finite();
        require(shares, "shares", "finite and above 0", fits)?;
        let sum: f64 = shares.iter().sum();
        let values = shares.iter().map(|share| (share / sum).ln()).collect();
        Ok(Self { values })
    }

    /// Before sigmoids: log(p / (1 - p)) for each label, p being the share of the examples that
    /// have it.
    ///
    /// # Errors
    /// An argument error when a share does not lie between 0 and 1, both excluded, or there is none.
    pub fn sigmoid(shares: &[f64]) -> Result<Self> {
        let fits = |share: f64| share > 0.0 && share < 1.0;
        require(shares, "shares", "above 0 and below 1", fits)?;
        let logit = |share: &f64| share.ln() - (-share).ln_1p();
        let values = shares.iter().map(logit).collect();
        Ok(Self { values })
    }

    /// Before none, as in regression: the mean of each target.
    ///
    /// # Errors
    /// An argument error when a mean is not finite, or there is none.
    pub fn mean(means: &[f64]) -> Result<Self> {
        require(means, "means", "finite", f64::is_finite)?;
        let values = means.to_vec();
        Ok(Self { values })
    }

    /// One value for each output.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

fn require(
    values: &[f64],
    name: &'static str,
    expected: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<()> {
    if values.is_empty() {
        return Err(Error::argument(
            "output prior",
            name,
            "at least one",
            "none",
        ));
    }
    match values.iter().find(|&&value| !fits(value)) {
        Some(value) => Err(Error::argument("output prior", name, expected, value)),
        None => Ok(()),
    }
}

impl Initializer for OutputPrior {
    /// The values, for a bias with as many; the stream is not used.
    fn draw(&self, shape: &[usize], _stream: Stream) -> Result<Tensor<f64>> {
        let own = [self.values.len()];
        if shape != own {
            let reason = "the bias must have as many elements as the prior";
            return Err(Error::shape("output prior", &[shape, &own], reason));
        }
        Tensor::from_vec(self.values.clone(), own)
    }

    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bias(prior: &OutputPrior) -> Tensor<f64> {
        prior.draw(&[prior.values().len()], Stream::new(0)).unwrap()
    }

    #[test]
    fn the_activation_gives_the_shares_back() {
        let shares = [1e-12, 0.25, 0.5, 1.0 - 1e-12];
        let close = |found: Tensor<f64>, sum: f64| {
            for (found, share) in found.to_vec().into_iter().zip(shares) {
                assert!((found - share / sum).abs() < 1e-15, "{found} {share}");
            }
        };
        let softmax = OutputPrior::softmax(&shares).unwrap();
        close(bias(&softmax).softmax(-1).unwrap(), shares.iter().sum());
        let sigmoid = OutputPrior::sigmoid(&shares).unwrap();
        close(bias(&sigmoid).sigmoid(), 1.0);
    }

    #[test]
    fn the_first_loss_is_the_entropy_of_the_shares() {
        let shares = [0.9, 0.1];
        let logits = bias(&OutputPrior::softmax(&shares).unwrap())
            .log_softmax(-1)
            .unwrap();
        let scores = logits.to_vec().into_iter().zip(shares);
        let loss: f64 = scores.map(|(log, share)| -share * log).sum();
        assert!((loss - 0.325_082_973_391_448).abs() < 1e-14, "{loss}");
    }

    #[test]
    fn a_target_mean_is_the_bias_itself() {
        let prior = OutputPrior::mean(&[22.5, -3.0]).unwrap();
        assert_eq!(bias(&prior).to_vec(), [22.5, -3.0]);
    }

    #[test]
    fn what_has_no_finite_logit_is_refused() {
        let error = OutputPrior::softmax(&[3.0, 0.0]).unwrap_err();
        assert!(error.to_string().contains("finite and above 0"), "{error}");
        for shares in [&[][..], &[1.0], &[0.0], &[f64::NAN]] {
            assert!(OutputPrior::sigmoid(shares).is_err());
        }
        assert!(OutputPrior::softmax(&[]).is_err());
        assert!(OutputPrior::softmax(&[f64::INFINITY]).is_err());
        assert!(OutputPrior::mean(&[f64::NAN]).is_err());
    }

    #[test]
    fn another_number_of_outputs_is_refused() {
        let prior = OutputPrior::mean(&[1.0, 2.0]).unwrap();
        let error = prior.draw(&[3], Stream::new(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "output prior: shapes [3] and [2]: the bias must have as many elements as the prior"
        );
    }
}
