//! The first layer's weights as pictures.

use limpid_tensor::{Element, Tensor};

use crate::record::{Filter, FilterGrid};

/// The weights of a layer that sees images of `height` x `width`, one picture a unit. Nothing where
/// the weights are of another shape than `[units, height * width]`, or `[units, 1, height, width]`.
pub fn first_layer_filters<E: Element>(
    path: &str,
    weight: &Tensor<E>,
    height: usize,
    width: usize,
) -> Option<FilterGrid> {
    let fits = match weight.shape() {
        [_, inputs] => *inputs == height * width,
        [_, 1, rows, columns] => (*rows, *columns) == (height, width),
        _ => false,
    };
    if !fits || height * width == 0 {
        return None;
    }
    let filters = weight
        .elements()
        .chunks_exact(height * width)
        .map(|unit| Filter {
            weights: unit.iter().map(|weight| weight.double()).collect(),
        })
        .collect();
    Some(FilterGrid {
        path: path.to_owned(),
        height,
        width,
        filters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_become_pictures_only_where_they_fit() {
        let weight = Tensor::<f32>::from_fn([3, 4], |place| place as f64);
        let grid = first_layer_filters("fc1.weight", &weight, 2, 2).unwrap();
        assert_eq!(grid.filters[1].weights, [4.0, 5.0, 6.0, 7.0]);
        assert!(first_layer_filters("fc1.weight", &weight, 2, 3).is_none());
        assert!(
            first_layer_filters("conv.weight", &Tensor::<f32>::ones([5, 1, 3, 3]), 3, 3).is_some()
        );
    }
}
