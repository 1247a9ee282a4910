//! The search along a line for a point that fulfils the strong Wolfe conditions.

use limpid_tensor::{Element, Result};

/// How much of what the slope promises the loss must fall.
const SUFFICIENT: f64 = 1e-4;
/// How much of its size the slope may keep.
const CURVATURE: f64 = 0.9;

/// A point on the line.
#[derive(Clone, Debug)]
pub(super) struct Point<E> {
    /// How far along the direction it lies.
    pub(super) length: f64,
    pub(super) loss: f64,
    /// The derivative of the loss along the direction.
    pub(super) slope: f64,
    pub(super) gradient: Vec<E>,
}

impl<E: Element> Point<E> {
    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.gradient.iter().all(|it| it.is_finite())
    }

    /// The loss, infinite where it or the slope is no number: nobody wants to be there.
    fn height(&self) -> f64 {
        if self.loss.is_finite() && self.slope.is_finite() {
            self.loss
        } else {
            f64::INFINITY
        }
    }
}

/// Searches from `start`, first at `length`. Gives the point and how many were evaluated: one, and
/// at most `most` more. `longest` is the direction's greatest element, by which the bracket's length
/// is held against `tolerance`.
///
/// The point is the lowest one where the conditions cannot be met, which may be the start.
pub(super) fn strong_wolfe<E: Element>(
    at: &mut impl FnMut(f64) -> Result<Point<E>>,
    length: f64,
    start: Point<E>,
    longest: f64,
    tolerance: f64,
    most: u64,
) -> Result<(Point<E>, u64)> {
    let (loss, slope) = (start.loss, start.slope);
    let too_high = |point: &Point<E>| point.height() > loss + SUFFICIENT * point.length * slope;
    let flat = |point: &Point<E>| point.slope.abs() <= -CURVATURE * slope;
    let mut point = at(length)?;
    let mut count = 0;
    let mut previous = start.clone();
    // Go further until there is a bracket.
    let mut bracket = loop {
        if count >= most {
            break [start, point];
        }
        if too_high(&point) || (count > 1 && point.height() >= previous.height()) {
            break [previous, point];
        }
        if flat(&point) {
            return Ok((point, count + 1));
        }
        if point.slope >= 0.0 {
            break [previous, point];
        }
        let least = point.length + 0.01 * (point.length - previous.length);
        let next = minimum(&previous, &point, [least, point.length * 10.0]);
        previous = std::mem::replace(&mut point, at(next)?);
        count += 1;
    };
    // Which end is the lower one.
    let mut low = usize::from(bracket[0].height() > bracket[1].height());
    let mut stuck = false;
    while count < most {
        let ends = [bracket[0].length, bracket[1].length];
        let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        if (to - from) * longest < tolerance {
            break;
        }
        let mut length = minimum(&bracket[0], &bracket[1], [from, to]);
        // Close to an end twice running, or at it: a tenth of the bracket away from it instead.
        let margin = 0.1 * (to - from);
        if (to - length).min(length - from) < margin {
            if stuck || length >= to || length <= from {
                length = if (length - to).abs() < (length - from).abs() {
                    to - margin
                } else {
                    from + margin
                };
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        let point = at(length)?;
        count += 1;
        if too_high(&point) || point.height() >= bracket[low].height() {
            bracket[1 - low] = point;
            low = usize::from(bracket[0].height() > bracket[1].height());
            continue;
        }
        let done = flat(&point);
        let across = bracket[1 - low].length - bracket[low].length;
        let rises = point.slope * across >= 0.0;
        let lower = std::mem::replace(&mut bracket[low], point);
        if !done && rises {
            bracket[1 - low] = lower;
        }
        if done {
            break;
        }
    }
    let [first, second] = bracket;
    Ok((if low == 0 { first } else { second }, count + 1))
}

/// Where the cubic through both points, with their slopes, is lowest, within bounds; their middle
/// where there is no such place.
fn minimum<E: Element>(first: &Point<E>, second: &Point<E>, [least, most]: [f64; 2]) -> f64 {
    let (left, right) = if first.length <= second.length {
        (first, second)
    } else {
        (second, first)
    };
    let width = right.length - left.length;
    let chord = left.slope + right.slope - 3.0 * (right.loss - left.loss) / width;
    let root = (chord * chord - left.slope * right.slope).sqrt();
    let share = (right.slope + root - chord) / (right.slope - left.slope + 2.0 * root);
    let found = right.length - width * share;
    if found.is_finite() {
        found.max(least).min(most)
    } else {
        (least + most) / 2.0
    }
}
