//! A softmax over very many classes, most of which are rare.

use limpid_derive::Parameters;
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use crate::class_rows::{check_classes, loss_of_classes};
use crate::settings::{setting, with_reduction};
use crate::values::check_positive;
use crate::{CrossEntropy, Loss, Reduction, uninformed};

const NAME: &str = "adaptive_softmax";

/// How an [`AdaptiveSoftmax`] is to be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdaptiveSoftmaxConfig {
    /// The width of the input.
    pub in_features: usize,
    /// The number of classes, the most frequent ones first.
    pub n_classes: usize,
    /// Where the clusters begin, increasing, each in 1..C: classes before the first one are in the head.
    pub cutoffs: Vec<usize>,
    /// By how much each cluster's inner width is smaller than that of the one before, above 0; default 4.
    pub div_value: f64,
    /// Whether the head has a bias; default no.
    pub head_bias: bool,
}

impl AdaptiveSoftmaxConfig {
    /// Over so many classes, in clusters that begin at `cutoffs`.
    pub fn new(in_features: usize, n_classes: usize, cutoffs: impl Into<Vec<usize>>) -> Self {
        Self {
            in_features,
            n_classes,
            cutoffs: cutoffs.into(),
            div_value: 4.0,
            head_bias: false,
        }
    }

    setting! {
        /// With inner widths that fall faster, or slower.
        with_div_value, div_value: f64
    }

    setting! {
        /// With a bias in the head, or without.
        with_head_bias, head_bias: bool
    }

    /// The criterion, its parameters drawn evenly from +-1 / sqrt(inputs) as PyTorch draws those of
    /// linear layers.
    ///
    /// # Errors
    /// An argument error when a size is 0, when cutoffs are missing, do not increase or lie outside 1..C,
    /// or when a cluster's inner width, in_features / div_value^i, would be less than 1.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<AdaptiveSoftmax<E>> {
        check_positive(NAME, "div_value", self.div_value)?;
        if self.in_features == 0 {
            return Err(Error::argument(NAME, "in_features", "at least 1", 0));
        }
        let mut ends = self.cutoffs.clone();
        ends.push(self.n_classes);
        let increasing = ends.is_sorted_by(|left, right| left < right);
        if ends.len() < 2 || ends[0] == 0 || !increasing {
            let expected = "one or more numbers that increase, between 0 and the number of classes";
            return Err(Error::argument(
                NAME,
                "cutoffs",
                expected,
                format!("{:?}", self.cutoffs),
            ));
        }
        let draw = |rows: usize, width: usize, label: &str| {
            let bound = 1.0 / (width as f64).sqrt();
            Parameter::new(Tensor::uniform(
                [rows, width],
                -bound,
                bound,
                stream.fork(label),
            ))
        };
        let mut tail = Vec::with_capacity(ends.len() - 1);
        for (place, pair) in ends.windows(2).enumerate() {
            let width = (self.in_features as f64 / self.div_value.powi(place as i32 + 1)).floor();
            if width < 1.0 {
                let expected = "so small that every cluster is at least 1 wide";
                return Err(Error::argument(NAME, "div_value", expected, self.div_value));
            }
            let (inner, outer) = (format!("tail.{place}.0"), format!("tail.{place}.1"));
            tail.push(Cluster(
                Projection {
                    weight: draw(width as usize, self.in_features, &inner),
                },
                Projection {
                    weight: draw(pair[1] - pair[0], width as usize, &outer),
                },
            ));
        }
        let outputs = ends[0] + tail.len();
        let bound = 1.0 / (self.in_features as f64).sqrt();
        let bias = || Tensor::uniform([outputs], -bound, bound, stream.fork("head.bias"));
        Ok(AdaptiveSoftmax {
            head: Head {
                weight: draw(outputs, self.in_features, "head.weight"),
                bias: self.head_bias.then(|| Parameter::new(bias())),
            },
            tail,
            ends,
            reduction: Reduction::Mean,
        })
    }
}

/// The frequent classes, and one entry for each cluster.
#[derive(Clone, Debug, Parameters)]
pub struct Head<E: Element> {
    /// `[cutoffs[0] + clusters, in_features]`.
    pub weight: Parameter<E>,
    /// `[cutoffs[0] + clusters]`, where there is one.
    pub bias: Option<Parameter<E>>,
}

/// A linear map without bias.
#[derive(Clone, Debug, Parameters)]
pub struct Projection<E: Element> {
    /// `[out, in]`.
    pub weight: Parameter<E>,
}

/// The two linear maps from the input to the classes of one cluster: to its inner width, and from there.
#[derive(Clone, Debug, Parameters)]
pub struct Cluster<E: Element>(pub Projection<E>, pub Projection<E>);

impl<E: Element> Cluster<E> {
    fn logits(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        let inner = input.linear(&self.0.weight, None)?;
        inner.linear(&self.1.weight, None)
    }
}

/// Adaptive softmax: the negative log-probability of a class in two steps. The frequent classes and one
/// entry for each cluster of rarer ones share a softmax, the head; a class of a cluster has the probability
/// of the cluster's entry times that within the cluster, whose scores pass through a narrower layer.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters, named and
/// laid out as PyTorch's: `head.weight`, `head.bias`, `tail.0.0.weight`, `tail.0.1.weight`. A step costs the
/// head, and each cluster for those items alone that lie in it. Classes must be numbered by falling
/// frequency.
///
/// # Shapes
/// Input `[N, D]`; one class for each row; one number per row, `[N]`.
///
/// # Gradient
/// Softmax minus target of the head, and of the clusters that occur. A cluster that does not occur has none.
///
/// # Uninformed
/// log(h + m) for a head of h classes and m clusters when all scores are 0, and log of the cluster's size on
/// top for a class of a cluster. The floor is 0. No kinks.
///
/// # Source
/// Grave et al. 2017; equals `torch.nn.AdaptiveLogSoftmaxWithLoss`, whose `output` is minus the loss of each
/// item.
///
/// # Example
/// ```
/// use limpid_loss::{AdaptiveSoftmaxConfig, Loss};
/// use limpid_tensor::{Stream, Tensor};
///
/// let config = AdaptiveSoftmaxConfig::new(16, 1000, [10, 100]);
/// let criterion = config.build::<f64>(Stream::new(1))?;
/// let loss = criterion.forward(&Tensor::zeros([2, 16]), &[3, 500])?;
/// let expected = 12.0_f64.ln() + 900.0_f64.ln() / 2.0;
/// assert!((loss.item()? - expected).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
#[non_exhaustive]
pub struct AdaptiveSoftmax<E: Element> {
    /// The frequent classes, and one entry for each cluster.
    pub head: Head<E>,
    /// The clusters of rarer classes.
    pub tail: Vec<Cluster<E>>,
    /// Where the head and each cluster end.
    #[parameters(skip)]
    ends: Vec<usize>,
    /// How items become one number; by default their mean.
    #[parameters(skip)]
    pub reduction: Reduction,
}

impl<E: Element> AdaptiveSoftmax<E> {
    with_reduction!();

    /// The number of classes.
    pub fn n_classes(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// In which cluster a class lies, and at which place of it; no cluster for a class of the head.
    fn place(&self, class: usize) -> (Option<usize>, usize) {
        let part = self.ends.partition_point(|&end| end <= class);
        match part.checked_sub(1) {
            Some(cluster) => (Some(cluster), class - self.ends[cluster]),
            None => (None, class),
        }
    }

    fn head_logits(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        if input.rank() != 2 {
            return Err(Error::shape(NAME, &[input.shape()], "must be [N, D]"));
        }
        let bias = self.head.bias.as_deref();
        input.linear(&self.head.weight, bias)
    }

    /// The logarithms of the probabilities of all classes: input `[N, D]` gives `[N, C]`.
    ///
    /// # Errors
    /// A shape error when the input does not fit.
    pub fn log_prob(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        let head = self.head_logits(input)?.log_softmax(1)?;
        let frequent = self.ends[0];
        let mut parts = vec![head.narrow(1, 0, frequent)?];
        for (place, cluster) in self.tail.iter().enumerate() {
            let within = cluster.logits(input)?.log_softmax(1)?;
            parts.push(within.add(&head.narrow(1, frequent + place, 1)?)?);
        }
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1)
    }

    /// The most probable class of each row. Clusters are looked into for those rows alone whose most
    /// probable entry of the head is a cluster.
    ///
    /// # Errors
    /// As [`AdaptiveSoftmax::log_prob`].
    pub fn predict(&self, input: &Tensor<E>) -> Result<Vec<usize>> {
        let input = input.detach();
        let best = self.head_logits(&input)?.argmax(1)?;
        let mut classes: Vec<usize> = best.into_iter().collect();
        let rare = |row: &usize| classes[*row] >= self.ends[0];
        let rows: Vec<usize> = (0..classes.len()).filter(rare).collect();
        let found = self.log_prob(&input.index_select(0, &rows)?)?.argmax(1)?;
        for (row, class) in rows.into_iter().zip(found) {
            classes[row] = class;
        }
        Ok(classes)
    }
}

impl<E: Element> Loss<E> for AdaptiveSoftmax<E> {
    loss_of_classes!(E, NAME, but_for_the_initial);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        check_classes(NAME, target, self.n_classes(), None)?;
        let entry = |&class: &usize| match self.place(class) {
            (Some(cluster), _) => self.ends[0] + cluster,
            (None, place) => place,
        };
        let entries: Vec<usize> = target.iter().map(entry).collect();
        let of_classes = CrossEntropy::new();
        let head = of_classes.per_item(&self.head_logits(prediction)?, &entries)?;
        // Place 0 stands for no cluster, which costs nothing.
        let mut parts = vec![Tensor::zeros([1])];
        let mut order = vec![0; target.len()];
        let mut next = 1;
        for (place, cluster) in self.tail.iter().enumerate() {
            let (mut rows, mut within) = (Vec::new(), Vec::new());
            for (row, &class) in target.iter().enumerate() {
                if let (Some(own), class) = self.place(class)
                    && own == place
                {
                    rows.push(row);
                    within.push(class);
                    order[row] = next;
                    next += 1;
                }
            }
            if !rows.is_empty() {
                let logits = cluster.logits(&prediction.index_select(0, &rows)?)?;
                parts.push(of_classes.per_item(&logits, &within)?);
            }
        }
        if parts.len() == 1 {
            return Ok(head);
        }
        let parts = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)?;
        head.add(&parts.index_select(0, &order)?)
    }

    fn expected_initial(&self, _outputs: usize, target: &[usize]) -> Option<f64> {
        check_classes(NAME, target, self.n_classes(), None).ok()?;
        let head = ((self.ends[0] + self.tail.len()) as f64).ln();
        let of = |&class: &usize| match self.place(class) {
            (Some(it), _) => head + ((self.ends[it + 1] - self.ends[it]) as f64).ln(),
            (None, _) => head,
        };
        let total = target.iter().map(of).sum();
        uninformed::reduced::<E, Self>(self, total, target.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::with_noise::testing::sines;
    use limpid_tensor::{for_each_parameter_mut, gradient_check, named_parameters};

    /// The parameters of the case that PyTorch was given.
    fn criterion() -> AdaptiveSoftmax<f64> {
        let config = AdaptiveSoftmaxConfig::new(8, 12, [4, 7]).with_div_value(2.0);
        let mut loss = config.with_head_bias(true).build(Stream::new(1)).unwrap();
        let mut first = 0;
        for_each_parameter_mut(&mut loss, |_, parameter| {
            let numbers = sines(parameter.shape(), first);
            parameter.set(numbers).unwrap();
            first += 10;
        });
        loss
    }

    const TARGET: [usize; 5] = [3, 11, 5, 0, 8];

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
        }
    }

    #[test]
    fn values_gradients_and_names_are_those_of_pytorch() {
        // torch 2.15.0, AdaptiveLogSoftmaxWithLoss(8, 12, [4, 7], div_value=2, head_bias=True).
        let loss = criterion();
        let x = sines::<f64>(&[5, 8], 100).requires_grad();
        let items = loss.per_item(&x, &TARGET).unwrap();
        let expected = [
            0.5357012833633572,
            6.368899376396628,
            8.168656027822653,
            5.485664419960514,
            12.723113528125875,
        ];
        near(&items.to_vec(), &expected);
        let gradients = items.mean().backward().unwrap();
        let expected = [
            0.09808896833312891,
            0.08649653929995192,
            -0.004620409066372522,
            -0.09148937464518218,
        ];
        near(&gradients.tensor(&x).unwrap().to_vec()[..4], &expected);
        let expected = [
            ("head.weight", 0.0, 1.7694262550747561),
            ("head.bias", 0.0, 0.11007240212249937),
            ("tail.0.0.weight", -0.12054653597296316, 0.6457328629125949),
            ("tail.0.1.weight", 0.0, 1.6927190736022095),
            ("tail.1.0.weight", -1.3064802651269816, 2.0844463663834825),
            ("tail.1.1.weight", 0.0, 3.1379439760604093),
        ];
        let parameters = named_parameters(&loss);
        assert_eq!(parameters.len(), expected.len());
        for ((found, parameter), (name, sum, square)) in parameters.iter().zip(expected) {
            assert_eq!(found, name);
            let gradient = gradients.tensor(parameter).unwrap();
            let found = [gradient.sum(), gradient.square().sum()].map(|it| it.item().unwrap());
            near(&found, &[sum, square]);
        }
    }

    #[test]
    fn all_probabilities_and_the_greatest_are_those_of_pytorch() {
        let (loss, x) = (criterion(), sines::<f64>(&[5, 8], 100));
        let expected = [
            -3.8853390945920303,
            -2.0635922325326472,
            -8.420683598657872,
            -7.756891121857061,
            -11.197670423390353,
            -0.28089839604495376,
            -8.871451742717367,
            -9.084339511199886,
            -5.331917924712064,
            -2.4111990647282413,
            -8.594516479267751,
            -6.368899376396628,
        ];
        near(&loss.log_prob(&x).unwrap().to_vec()[12..24], &expected);
        assert_eq!(loss.predict(&x).unwrap(), [3, 5, 11, 3, 4]);
        assert_eq!(loss.predict(&Tensor::zeros([0, 8])).unwrap(), []);
    }

    #[test]
    fn gradients_agree_with_differences_and_clusters_without_items_have_none() {
        let loss = criterion();
        let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &TARGET);
        let inputs = [sines(&[5, 8], 100)];
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
        let value = loss.forward(&inputs[0], &[0, 1, 2, 3, 5]).unwrap();
        let gradients = value.backward().unwrap();
        assert!(gradients.get(&loss.tail[0].1.weight).is_some());
        assert!(gradients.get(&loss.tail[1].1.weight).is_none());
    }

    #[test]
    fn scores_of_zero_cost_both_steps() {
        let found = criterion().expected_initial(12, &[3, 11]).unwrap();
        assert!((found - 6_f64.ln() - 5_f64.ln() / 2.0).abs() < 1e-15);
        assert!(
            criterion()
                .expected_given(&sines(&[2, 8], 0), &[3, 11])
                .is_some()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for cutoffs in [&[][..], &[0], &[4, 4], &[5, 4], &[12]] {
            let config = AdaptiveSoftmaxConfig::new(8, 12, cutoffs);
            assert!(config.build::<f64>(Stream::new(1)).is_err(), "{cutoffs:?}");
        }
        let narrow = AdaptiveSoftmaxConfig::new(8, 12, [4, 7]);
        assert!(narrow.clone().build::<f64>(Stream::new(1)).is_err());
        let config = narrow.with_div_value(f64::NAN);
        assert!(config.build::<f64>(Stream::new(1)).is_err());
        let loss = criterion();
        let x = sines::<f64>(&[2, 8], 0);
        assert!(loss.forward(&x, &[0]).is_err());
        assert!(loss.forward(&x, &[0, 12]).is_err());
        assert!(loss.forward(&sines(&[2, 7], 0), &[0, 1]).is_err());
        assert!(loss.log_prob(&sines(&[8], 0)).is_err());
    }
}
