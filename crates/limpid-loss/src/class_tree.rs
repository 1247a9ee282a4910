//! Binary trees with classes as leaves.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use limpid_tensor::{Error, Result};

const NAME: &str = "class_tree";

/// One turn on the way from the root to a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The internal node, 0 being the root of the trees that are built here.
    pub node: usize,
    /// Which child follows: false takes sigmoid(+score), true takes sigmoid(-score).
    pub code: bool,
}

/// A binary tree with classes as leaves, by the way from the root to each: what
/// [`HierarchicalSoftmax`](crate::HierarchicalSoftmax) walks along.
///
/// # Example
/// ```
/// use limpid_loss::ClassTree;
///
/// let balanced = ClassTree::balanced(8)?;
/// assert_eq!((balanced.nodes(), balanced.path(5).len()), (7, 3));
/// let huffman = ClassTree::huffman(&[8.0, 1.0, 1.0, 2.0])?;
/// assert_eq!((huffman.path(0).len(), huffman.path(1).len()), (1, 3));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassTree {
    paths: Vec<Vec<Turn>>,
    nodes: usize,
}

impl ClassTree {
    /// A tree in which all classes lie equally deep, or one step apart.
    ///
    /// # Errors
    /// An argument error without classes.
    pub fn balanced(classes: usize) -> Result<Self> {
        check_classes(classes)?;
        let mut paths = vec![Vec::new(); classes];
        let mut nodes = 0;
        let mut pending = VecDeque::from([(0..classes, Vec::new())]);
        while let Some((range, path)) = pending.pop_front() {
            if range.len() == 1 {
                paths[range.start] = path;
                continue;
            }
            let middle = range.start + range.len().div_ceil(2);
            for (half, code) in [(range.start..middle, false), (middle..range.end, true)] {
                let mut longer = path.clone();
                longer.push(Turn { node: nodes, code });
                pending.push_back((half, longer));
            }
            nodes += 1;
        }
        Ok(Self { paths, nodes })
    }

    /// The tree in which the mean way to a class, drawn as often as `counts` say, is shortest.
    ///
    /// # Errors
    /// An argument error without classes, or when a count is negative or not finite.
    ///
    /// # Source
    /// Huffman 1952.
    pub fn huffman(counts: &[f64]) -> Result<Self> {
        check_classes(counts.len())?;
        if let Some(found) = counts.iter().find(|it| !(it.is_finite() && **it >= 0.0)) {
            let expected = "finite and not negative everywhere";
            return Err(Error::argument(NAME, "counts", expected, found));
        }
        let classes = counts.len();
        let nodes = classes - 1;
        // Bits of floats that are not negative sort as the floats do (-0 becomes 0 by the addition).
        let leaves = counts.iter().enumerate();
        let mut heap: BinaryHeap<Reverse<(u64, usize)>> = leaves
            .map(|(id, count)| Reverse(((count + 0.0).to_bits(), id)))
            .collect();
        let mut parents = vec![(0, false); classes + nodes];
        for id in classes..classes + nodes {
            let mut weight = 0.0;
            for code in [false, true] {
                if let Some(Reverse((bits, child))) = heap.pop() {
                    weight += f64::from_bits(bits);
                    parents[child] = (id, code);
                }
            }
            heap.push(Reverse((weight.to_bits(), id)));
        }
        let root = classes + nodes - 1;
        let way = |class: usize| {
            let mut turns = Vec::new();
            let mut here = class;
            while here != root {
                let (parent, code) = parents[here];
                turns.push(Turn {
                    node: root - parent,
                    code,
                });
                here = parent;
            }
            turns.reverse();
            turns
        };
        let paths = (0..classes).map(way).collect();
        Ok(Self { paths, nodes })
    }

    /// A tree given as two tables with one row of `depth` turns per class: `path` lists the internal
    /// nodes from the root, -1 beyond the end, and `code` the turn at each, 0 or 1.
    ///
    /// # Errors
    /// A shape error when the tables differ in length or do not consist of rows; an argument error for
    /// a code that is neither 0 nor 1, a node below -1, or no classes.
    pub fn from_tables(path: &[i64], code: &[i64], depth: usize) -> Result<Self> {
        if depth == 0 || path.len() != code.len() || !path.len().is_multiple_of(depth) {
            let rule = format!("must be tables of the same number of rows of {depth} turns");
            return Err(Error::shape(NAME, &[&[path.len()], &[code.len()]], rule));
        }
        check_classes(path.len() / depth)?;
        let mut paths = Vec::with_capacity(path.len() / depth);
        let mut nodes = 0;
        for (path, code) in path.chunks_exact(depth).zip(code.chunks_exact(depth)) {
            let mut turns = Vec::new();
            for (&node, &code) in path.iter().zip(code).take_while(|(node, _)| **node != -1) {
                let expected = "a node from 0, or -1 beyond the end";
                let node = usize::try_from(node)
                    .map_err(|_| Error::argument(NAME, "path", expected, node))?;
                if code != 0 && code != 1 {
                    return Err(Error::argument(NAME, "code", "0 or 1", code));
                }
                nodes = nodes.max(node + 1);
                turns.push(Turn {
                    node,
                    code: code == 1,
                });
            }
            paths.push(turns);
        }
        Ok(Self { paths, nodes })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.paths.len()
    }

    /// The number of internal nodes: one less than there are classes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The turns from the root to `class`; none for a class that does not exist.
    pub fn path(&self, class: usize) -> &[Turn] {
        self.paths.get(class).map_or(&[], Vec::as_slice)
    }
}

fn check_classes(classes: usize) -> Result<()> {
    if classes > 0 {
        return Ok(());
    }
    Err(Error::argument(NAME, "classes", "at least 1", classes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The share of leaves' places that the classes take: 1 for a whole tree.
    fn fullness(tree: &ClassTree) -> f64 {
        (0..tree.classes())
            .map(|class| 0.5_f64.powi(tree.path(class).len() as i32))
            .sum()
    }

    proptest! {
        #[test]
        fn every_tree_is_whole_and_uses_every_node(
            counts in proptest::collection::vec(0.0..100.0_f64, 1..40)
        ) {
            for tree in [ClassTree::balanced(counts.len()).unwrap(), ClassTree::huffman(&counts).unwrap()] {
                prop_assert!((fullness(&tree) - 1.0).abs() < 1e-12);
                prop_assert_eq!(tree.nodes(), counts.len() - 1);
                let mut used: Vec<usize> = (0..counts.len())
                    .flat_map(|class| tree.path(class).iter().map(|turn| turn.node))
                    .collect();
                used.sort_unstable();
                used.dedup();
                prop_assert_eq!(used, (0..tree.nodes()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn balanced_trees_differ_by_one_step() {
        let tree = ClassTree::balanced(11).unwrap();
        let lengths: Vec<usize> = (0..11).map(|class| tree.path(class).len()).collect();
        assert!(
            lengths.iter().all(|length| [3, 4].contains(length)),
            "{lengths:?}"
        );
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        assert!(ClassTree::from_tables(&[0, 0], &[0, 1], 1).is_ok());
        assert!(ClassTree::from_tables(&[0, 0], &[0, 2], 1).is_err());
        assert!(ClassTree::from_tables(&[0, -2], &[0, 1], 1).is_err());
        assert!(ClassTree::from_tables(&[0], &[0, 1], 1).is_err());
        assert!(ClassTree::from_tables(&[0, 1, 2], &[0, 1, 1], 2).is_err());
        assert!(ClassTree::from_tables(&[], &[], 2).is_err());
        assert!(ClassTree::balanced(0).is_err());
        assert!(ClassTree::huffman(&[1.0, f64::NAN]).is_err());
    }
}
