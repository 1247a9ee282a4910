//! One pass over a parameter, its gradient and its state, over all threads.
//!
//! Elements do not depend on each other, so that the bits do not depend on the number of threads.

use limpid_tensor::Element;

/// Below this many elements, handing work to another thread costs more than it gains.
const SPLIT: usize = 1 << 15;

macro_rules! sweep {
    ($(#[$doc:meta])* $name:ident $(, $state:ident: $number:ident)*) => {
        $(#[$doc])*
        pub(crate) fn $name<E: Element $(, $number: Element)*>(
            parameter: &mut [E],
            gradient: &[E],
            $($state: &mut [$number],)*
            change: &(impl Fn(&mut E, E $(, &mut $number)*) + Sync),
        ) {
            let length = parameter.len();
            if length > SPLIT {
                let middle = length / 2;
                let (parameter, right_parameter) = parameter.split_at_mut(middle);
                let (gradient, right_gradient) = gradient.split_at(middle);
                $(let $state = $state.split_at_mut(middle);)*
                rayon::join(
                    || $name(parameter, gradient, $($state.0,)* change),
                    || $name(right_parameter, right_gradient, $($state.1,)* change),
                );
                return;
            }
            let gradient = &gradient[..length];
            $(let $state = &mut $state[..length];)*
            for index in 0..length {
                change(&mut parameter[index], gradient[index] $(, &mut $state[index])*);
            }
        }
    };
}

sweep! {
    /// Changes every element of a parameter, given its gradient.
    plain
}
sweep! {
    /// Changes every element of a parameter and of one state.
    with_one, first: F
}
sweep! {
    /// Changes every element of a parameter and of two states.
    with_two, first: F, second: G
}
sweep! {
    /// Changes every element of a parameter and of three states.
    with_three, first: F, second: G, third: H
}

/// The sum of squares, added up in double precision in an order that does not depend on the number
/// of threads.
pub(crate) fn sum_of_squares<E: Element>(values: &[E]) -> f64 {
    if values.len() > SPLIT {
        let (left, right) = values.split_at(values.len() / 2);
        let (left, right) = rayon::join(|| sum_of_squares(left), || sum_of_squares(right));
        return left + right;
    }
    let mut lanes = [0.0_f64; 8];
    let blocks = values.chunks_exact(8);
    let rest: f64 = blocks
        .remainder()
        .iter()
        .map(|value| value.double().powi(2))
        .sum();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += value.double() * value.double();
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_met_once_beyond_the_split() {
        let length = 3 * SPLIT + 7;
        let mut parameter = vec![1.0_f32; length];
        let gradient: Vec<f32> = (0..length).map(|index| index as f32).collect();
        let mut state = vec![0.0_f32; length];
        with_one(&mut parameter, &gradient, &mut state, &|p, g, s| {
            *p += g;
            *s += 1.0;
        });
        assert!(parameter.iter().zip(&gradient).all(|(p, g)| *p == g + 1.0));
        assert!(state.iter().all(|s| *s == 1.0));
    }

    #[test]
    fn squares_add_up_over_lanes_and_rest() {
        let values: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_eq!(sum_of_squares(&values), 506.0);
        assert_eq!(
            sum_of_squares(&vec![2.0_f32; SPLIT * 2 + 3]),
            4.0 * (SPLIT * 2 + 3) as f64
        );
    }
}
