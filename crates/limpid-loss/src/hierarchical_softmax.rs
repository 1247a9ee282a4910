//! A softmax over very many classes, as turns in a tree.

use limpid_derive::Parameters;
use limpid_tensor::{Element, Error, Parameter, Result, Tensor};

use crate::class_rows::{check_classes, loss_of_classes};
use crate::class_tree::ClassTree;
use crate::row_scores::{Logistic, Questions, check_table, row_scores};
use crate::settings::with_reduction;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "hierarchical_softmax";

/// The negative log-probability of a class as the product of the turns that lead to it in a binary
/// tree: sum over its path of -log sigmoid(s) where the code is 0 and -log sigmoid(-s) where it is 1,
/// with s the score of the node, its weight times the input plus its bias.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters. A step
/// costs as many rows as the path is long, about log2 C, instead of C.
///
/// # Shapes
/// Input `[N, D]`; node weights `[nodes, D]`; node biases `[nodes]`; one class for each row of the
/// input; one number per row, `[N]`.
///
/// # Gradient
/// For weights and biases only the rows of the nodes on the way.
///
/// # Uninformed
/// log 2 for each turn on the way to the targets when all scores are 0: log C in a tree of C = 2^k
/// equally deep classes. The floor is 0. No kinks.
///
/// # Source
/// Morin and Bengio 2005; Mikolov et al. 2013.
///
/// # Example
/// ```
/// use limpid_loss::{ClassTree, HierarchicalSoftmax, Loss};
/// use limpid_tensor::Tensor;
///
/// let tree = ClassTree::balanced(8)?;
/// let criterion = HierarchicalSoftmax::new(tree, Tensor::zeros([7, 4]), Tensor::zeros([7]))?;
/// let loss = criterion.forward(&Tensor::<f64>::ones([2, 4]), &[5, 1])?;
/// assert!((loss.item()? - 8.0_f64.ln()).abs() < 1e-14);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
#[non_exhaustive]
pub struct HierarchicalSoftmax<E: Element> {
    /// One row for each internal node, `[nodes, D]`.
    pub node_weight: Parameter<E>,
    /// One number for each internal node, `[nodes]`.
    pub node_bias: Parameter<E>,
    /// The way to each class.
    #[parameters(skip)]
    pub tree: ClassTree,
    /// How items become one number; by default their mean.
    #[parameters(skip)]
    pub reduction: Reduction,
}

impl<E: Element> HierarchicalSoftmax<E> {
    /// Over the classes of `tree`, starting from these weights and biases.
    ///
    /// # Errors
    /// A shape error unless there is a row of weights and a bias for each node of the tree.
    pub fn new(tree: ClassTree, node_weight: Tensor<E>, node_bias: Tensor<E>) -> Result<Self> {
        let (node_weight, node_bias) = (Parameter::new(node_weight), Parameter::new(node_bias));
        Self::with_parameters(tree, node_weight, node_bias)
    }

    /// As [`HierarchicalSoftmax::new`], with parameters that exist already.
    ///
    /// # Errors
    /// As there.
    pub fn with_parameters(
        tree: ClassTree,
        node_weight: Parameter<E>,
        node_bias: Parameter<E>,
    ) -> Result<Self> {
        let nodes = tree.nodes();
        if node_weight.rank() != 2 || node_weight.shape()[0] < nodes || node_bias.rank() != 1 {
            let rule = format!("must be [nodes, D] and [nodes] for {nodes} nodes");
            let shapes = [node_weight.shape(), node_bias.shape()];
            return Err(Error::shape(NAME, &shapes, rule));
        }
        Ok(Self {
            node_weight,
            node_bias,
            tree,
            reduction: Reduction::Mean,
        })
    }

    with_reduction!();
}

/// The turns on the way to each class.
fn questions<E: Element>(tree: &ClassTree, target: &[usize]) -> Questions<E> {
    let turns = target.iter().map(|&class| tree.path(class).len()).sum();
    let mut questions = Questions::new(turns, target.len());
    for &class in target {
        for turn in tree.path(class) {
            questions.ask(turn.node, !turn.code, 0.0);
        }
        questions.next_item();
    }
    questions
}

impl<E: Element> Loss<E> for HierarchicalSoftmax<E> {
    loss_of_classes!(E, NAME, but_for_the_initial);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        check_table(NAME, prediction, &self.node_weight, &self.node_bias)?;
        if target.len() != prediction.shape()[0] {
            let shapes = [prediction.shape(), &[target.len()]];
            return Err(Error::shape(
                NAME,
                &shapes,
                "one class per row must be given",
            ));
        }
        check_classes(NAME, target, self.tree.classes(), None)?;
        let questions = questions(&self.tree, target);
        // The fields are public: the tree may have been exchanged for a greater one.
        let rows = self.node_weight.shape()[0];
        if let Some(&row) = questions.rows().iter().find(|&&row| row >= rows) {
            return Err(Error::index(NAME, "node", row, rows));
        }
        row_scores(
            NAME,
            prediction,
            &self.node_weight,
            &self.node_bias,
            questions,
            Logistic,
        )
    }

    fn expected_initial(&self, _outputs: usize, target: &[usize]) -> Option<f64> {
        check_classes(NAME, target, self.tree.classes(), None).ok()?;
        let turns: usize = target
            .iter()
            .map(|&class| self.tree.path(class).len())
            .sum();
        let total = turns as f64 * std::f64::consts::LN_2;
        uninformed::reduced(self, total, target.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Gradient, Stream, gradient_check, named_parameters};

    fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    fn criterion(classes: usize) -> HierarchicalSoftmax<f64> {
        let tree = ClassTree::balanced(classes).unwrap();
        HierarchicalSoftmax::new(tree, draw(&[classes - 1, 3], 1), draw(&[classes - 1], 2)).unwrap()
    }

    #[test]
    fn probabilities_of_all_classes_sum_to_one() {
        let criterion = criterion(11).with_reduction(Reduction::None);
        let x = draw(&[1, 3], 3).broadcast_to([11, 3]).unwrap();
        let classes: Vec<usize> = (0..11).collect();
        let losses = criterion.forward(&x, &classes).unwrap().to_vec();
        let total: f64 = losses.iter().map(|loss| (-loss).exp()).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }

    #[test]
    fn gradients_agree_with_differences() {
        let tree = ClassTree::huffman(&[5.0, 1.0, 1.0, 2.0, 2.0]).unwrap();
        let function = |x: &[Tensor<f64>]| {
            let questions = questions(&tree, &[4, 0, 1]);
            Ok(row_scores(NAME, &x[0], &x[1], &x[2], questions, Logistic)?.mean())
        };
        let inputs = [draw(&[3, 3], 1), draw(&[4, 3], 2), draw(&[4], 3)];
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn only_the_rows_on_the_way_have_gradients() {
        let criterion = criterion(1024);
        let loss = criterion.forward(&draw(&[2, 3], 4), &[0, 1023]).unwrap();
        let gradients = loss.backward().unwrap();
        let Some(Gradient::Rows(rows)) = gradients.get(&criterion.node_weight) else {
            panic!("the gradient must be sparse");
        };
        assert_eq!(rows.rows().len(), 20);
        assert_eq!(named_parameters(&criterion).len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let tree = ClassTree::balanced(4).unwrap();
        let short =
            HierarchicalSoftmax::<f64>::new(tree, Tensor::zeros([2, 3]), Tensor::zeros([2]));
        assert!(short.is_err());
        let mut criterion = criterion(4);
        assert!(criterion.forward(&draw(&[1, 2], 1), &[0]).is_err());
        assert!(criterion.forward(&draw(&[1, 3], 1), &[4]).is_err());
        assert!(criterion.forward(&draw(&[1, 3], 1), &[0, 1]).is_err());
        criterion.tree = ClassTree::balanced(8).unwrap();
        assert!(criterion.forward(&draw(&[1, 3], 1), &[7]).is_err());
    }
}
