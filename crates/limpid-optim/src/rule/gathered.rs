//! A step for some rows of a table, by any rule.

use limpid_tensor::{Element, Rows};

use super::{At, Rule, RuleState, Slot, SlotMut};

/// Part of a state, taken out.
enum Taken<E> {
    Elements(Vec<E>),
    Number(f64),
}

/// Puts the touched rows of parameter and state together, lets the rule change them, and puts them
/// back.
pub(super) fn step_rows<E: Element, R: Rule<E> + ?Sized>(
    rule: &R,
    parameter: &mut [E],
    gradient: &Rows<E>,
    state: &mut R::State,
    at: &At,
) {
    let (touched, width) = (gradient.touched(), gradient.width());
    let coalesced = gradient.coalesced();
    let mut part = gather(parameter, touched, width);
    // As long as the part; what it holds is replaced.
    let mut part_state = rule.init(coalesced.values());
    let mut taken = Vec::new();
    state.visit(&mut |_, slot| {
        taken.push(match slot {
            Slot::Elements(elements) => Taken::Elements(gather(elements, touched, width)),
            Slot::Number(number) => Taken::Number(number),
        });
    });
    put(&mut part_state, taken, |elements, rows| {
        elements.copy_from_slice(rows);
    });

    rule.step(
        &mut part,
        &coalesced.values().elements(),
        &mut part_state,
        at,
    );

    scatter(parameter, &part, touched, width);
    let mut changed = Vec::new();
    part_state.visit_mut(&mut |_, slot| {
        changed.push(match slot {
            SlotMut::Elements(elements) => Taken::Elements(elements.to_vec()),
            SlotMut::Number(number) => Taken::Number(*number),
        });
    });
    put(state, changed, |elements, rows| {
        scatter(elements, rows, touched, width);
    });
}

/// Hands each part of `state` what was taken for it.
fn put<E: Element>(
    state: &mut impl RuleState<E>,
    taken: Vec<Taken<E>>,
    elements: impl Fn(&mut [E], &[E]),
) {
    let mut taken = taken.into_iter();
    state.visit_mut(&mut |_, slot| match (slot, taken.next()) {
        (SlotMut::Elements(own), Some(Taken::Elements(rows))) => elements(own, &rows),
        (SlotMut::Number(own), Some(Taken::Number(number))) => *own = number,
        _ => {}
    });
}

fn gather<E: Element>(table: &[E], touched: &[usize], width: usize) -> Vec<E> {
    let mut part = Vec::with_capacity(touched.len() * width);
    for &row in touched {
        part.extend_from_slice(&table[row * width..][..width]);
    }
    part
}

fn scatter<E: Element>(table: &mut [E], part: &[E], touched: &[usize], width: usize) {
    for (place, &row) in touched.iter().enumerate() {
        table[row * width..][..width].copy_from_slice(&part[place * width..][..width]);
    }
}
