//! Gradients that are not written out act as what they stand for.

use limpid_tensor::{Gradient, Gradients, Parameter, Product, Rows, Stream, Tensor, simd, threads};

use crate::{
    Adagrad, Adam, AdamW, Clip, Lamb, Lion, Mixed, Muon, Nadam, Optimizer, Reporting, RmsProp,
    RowUpdates, Rule, Sgd,
};

const SHAPE: [usize; 2] = [50, 3];

fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::standard_normal(shape, Stream::new(seed))
}

fn rows(step: u64) -> Gradient<f64> {
    let rows = vec![7, 2, 7, 40 + step as usize];
    Gradient::Rows(Rows::new(&SHAPE, rows, draw(&[4, 3], step)).unwrap())
}

fn product(step: u64) -> Gradient<f64> {
    let factors = Product::new(draw(&[4, SHAPE[0]], step), draw(&[4, SHAPE[1]], !step));
    Gradient::Product(factors.unwrap())
}

/// The weights after some steps, and the last report's norms.
fn train<R: Rule<f64>>(
    mut optimizer: Optimizer<f64, R>,
    gradient: impl Fn(u64) -> Gradient<f64>,
) -> (Vec<f64>, [Option<f64>; 2]) {
    let mut weight = Parameter::new(draw(&SHAPE, 99));
    let mut norms = [None; 2];
    for step in 0..5 {
        let mut gradients = Gradients::default();
        gradients.set(&weight, gradient(step)).unwrap();
        let report = optimizer.step(&mut weight, &gradients).unwrap();
        assert!(!report.skipped && report.without_gradient.is_empty());
        norms = [report.gradient_norm, report.clipped_gradient_norm];
    }
    (weight.to_vec(), norms)
}

fn dense(gradient: impl Fn(u64) -> Gradient<f64>) -> impl Fn(u64) -> Gradient<f64> {
    move |step| Gradient::Dense(gradient(step).to_dense())
}

fn near(left: &[f64], right: &[f64]) -> bool {
    left.iter()
        .zip(right)
        .all(|(left, right)| (left - right).abs() < 1e-12)
}

/// That rows and products give what the dense gradient gives; rows the same numbers.
fn check<R: Rule<f64> + Clone>(rule: R) {
    let clips = [Clip::Off, Clip::Norm(0.5), Clip::Value(0.3)];
    for clip in clips {
        for reporting in [Reporting::Plain, Reporting::Norms] {
            let optimizer = Optimizer::new(rule.clone(), 0.1).unwrap();
            let optimizer = optimizer.with_clip(clip).unwrap().with_reporting(reporting);
            let (want, norms) = train(optimizer.clone(), dense(rows));
            let (found, own_norms) = train(optimizer.clone(), rows);
            match clip {
                Clip::Norm(_) => assert!(near(&found, &want), "{optimizer:?}"),
                _ => assert_eq!(found, want, "{optimizer:?}"),
            }
            if reporting == Reporting::Norms {
                let norms = norms.map(Option::unwrap);
                assert!(
                    near(&own_norms.map(Option::unwrap), &norms),
                    "{optimizer:?}"
                );
            }
            let (want, _) = train(optimizer.clone(), dense(product));
            let (found, _) = train(optimizer.clone(), product);
            assert!(near(&found, &want), "{optimizer:?}");
        }
    }
}

#[test]
fn rows_and_products_act_as_what_they_stand_for() {
    check(Sgd::new());
    check(Sgd::new().with_maximize(true));
    check(Sgd::new().with_weight_decay(0.1));
    check(Sgd::new().with_momentum(0.9).with_nesterov(true));
    check(Adagrad::new());
    check(Adagrad::new().with_weight_decay(0.1));
    check(Adam::new());
    check(AdamW::new());
    check(Lion::new());
    check(Lamb::new());
    check(Muon::new());
    check(Mixed::matrices(Adagrad::new(), Sgd::new()));
}

#[test]
fn lazy_rows_leave_the_others_alone_and_are_a_table_of_their_own() {
    fn check<R: Rule<f64> + Clone>(rule: R) {
        let lazy = Optimizer::new(rule.clone(), 0.1)
            .unwrap()
            .with_row_updates(RowUpdates::Lazy);
        let touched = [2, 7, 30];
        let gradient = |step| {
            let values = draw(&[touched.len(), 3], step);
            Gradient::Rows(Rows::new(&SHAPE, touched.to_vec(), values).unwrap())
        };
        let (found, _) = train(lazy, gradient);
        let before = draw(&SHAPE, 99).to_vec();
        // The same rows as a small table whose every row is touched.
        let mut small: Vec<f64> = Vec::new();
        for row in touched {
            small.extend(&before[row * 3..][..3]);
        }
        let mut weight = Parameter::new(Tensor::from_vec(small, [touched.len(), 3]).unwrap());
        let mut optimizer = Optimizer::new(rule, 0.1).unwrap();
        for step in 0..5 {
            let mut gradients = Gradients::default();
            gradients
                .set(&weight, draw(&[touched.len(), 3], step))
                .unwrap();
            optimizer.step(&mut weight, &gradients).unwrap();
        }
        let mut want = before;
        for (place, row) in touched.into_iter().enumerate() {
            want[row * 3..][..3].copy_from_slice(&weight.to_vec()[place * 3..][..3]);
        }
        assert_eq!(found, want);
    }
    check(Sgd::new().with_momentum(0.9).with_weight_decay(0.1));
    check(Sgd::new().with_weight_decay(0.1));
    check(Adam::new().with_amsgrad(true));
    check(AdamW::new());
    check(RmsProp::new().with_centered(true));
    check(Nadam::new());
    check(Lion::new());
    check(Lamb::new());
    check(Muon::new());
}

#[test]
fn factored_gradients_that_are_not_finite_skip_the_step() {
    let mut weight = Parameter::new(draw(&SHAPE, 1));
    let before = weight.to_vec();
    let mut optimizer = Optimizer::new(Sgd::new(), 0.1).unwrap();
    let factors = Product::new(Tensor::full([1, SHAPE[0]], f64::NAN), Tensor::ones([1, 3]));
    let values = Tensor::full([1, 3], f64::INFINITY);
    for bad in [
        Gradient::Product(factors.unwrap()),
        Gradient::Rows(Rows::new(&SHAPE, vec![3], values).unwrap()),
    ] {
        let mut gradients = Gradients::default();
        gradients.set(&weight, bad).unwrap();
        assert!(optimizer.step(&mut weight, &gradients).unwrap().skipped);
    }
    assert_eq!(weight.to_vec(), before);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    fn run(count: usize, level: simd::Level) -> Vec<Vec<f32>> {
        let gradient = Tensor::<f32>::standard_normal([700, 300], Stream::new(1));
        let one = |rule: &dyn Fn(&mut Parameter<f32>, &Gradients<f32>)| {
            let mut weight = Parameter::new(Tensor::standard_normal([700, 300], Stream::new(2)));
            for _ in 0..2 {
                let mut gradients = Gradients::default();
                gradients.set(&weight, gradient.clone()).unwrap();
                rule(&mut weight, &gradients);
            }
            weight.to_vec()
        };
        fn step<R: Rule<f32>>(rule: R) -> impl Fn(&mut Parameter<f32>, &Gradients<f32>) {
            let clip = Clip::Norm(0.5);
            let optimizer = Optimizer::new(rule, 0.1).unwrap().with_clip(clip).unwrap();
            let optimizer = std::cell::RefCell::new(optimizer);
            move |weight, gradients| {
                optimizer.borrow_mut().step(weight, gradients).unwrap();
            }
        }
        threads::with(count, || {
            simd::with(level, || {
                vec![
                    one(&step(Sgd::new().with_momentum(0.9).with_nesterov(true))),
                    one(&step(AdamW::new())),
                    one(&step(RmsProp::new().with_centered(true).with_momentum(0.5))),
                ]
            })
        })
    }
    let want = run(1, simd::Level::PORTABLE);
    for count in [1, 2, 3, 4, 8] {
        for &level in simd::Level::available() {
            assert!(run(count, level) == want, "{count} threads, {level:?}");
        }
    }
}
