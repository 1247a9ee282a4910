//! What the derived walk visits, under which names, and for which element types.

use std::marker::PhantomData;

use limpid_derive::Parameters;
use limpid_tensor::{
    Buffer, Element, Parameter, Parameters, Tensor, for_each_parameter_mut, named_buffers,
    named_parameters,
};

fn names<E: Element>(model: &impl Parameters<E>) -> Vec<String> {
    named_parameters(model)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn one<E: Element>() -> Parameter<E> {
    Parameter::new(Tensor::ones([1]))
}

#[derive(Parameters)]
struct Linear<E: Element> {
    weight: Parameter<E>,
    bias: Option<Parameter<E>>,
    features: usize,
}

fn linear<E: Element>(bias: bool) -> Linear<E> {
    Linear {
        weight: one(),
        bias: bias.then(one),
        features: 1,
    }
}

#[derive(Parameters)]
struct Norm<E: Element> {
    scale: Parameter<E>,
    running_mean: Buffer<E>,
}

#[test]
fn fields_are_walked_in_order_under_their_names() {
    #[derive(Parameters)]
    struct Net<E: Element> {
        second: Linear<E>,
        blocks: Vec<Linear<E>>,
        norm: Box<Norm<E>>,
        rate: f64,
    }

    let norm = Norm {
        scale: one(),
        running_mean: Buffer::new(Tensor::zeros([1])),
    };
    let net = Net::<f64> {
        second: linear(true),
        blocks: vec![linear(false), linear(true)],
        norm: Box::new(norm),
        rate: 0.1,
    };
    let want = [
        "second.weight",
        "second.bias",
        "blocks.0.weight",
        "blocks.1.weight",
        "blocks.1.bias",
    ];
    assert_eq!(names(&net)[..5], want);
    assert_eq!(names(&net)[5..], ["norm.scale"]);
    assert_eq!(named_buffers(&net)[0].0, "norm.running_mean");
    assert_eq!((net.rate, net.second.features), (0.1, 1));
}

#[test]
fn the_changing_walk_goes_the_same_way() {
    let mut layer = linear::<f64>(true);
    let mut walked = Vec::new();
    for_each_parameter_mut(&mut layer, |path, parameter| {
        walked.push(path.to_owned());
        parameter.update(|elements| elements.fill(7.0));
    });
    assert_eq!(walked, names(&layer));
    assert_eq!(layer.bias.unwrap().to_vec(), [7.0]);
}

#[test]
fn fields_of_tuple_structs_are_numbered() {
    #[derive(Parameters)]
    struct Pair<E: Element>(Linear<E>, f64, Parameter<E>);

    assert_eq!(
        names(&Pair::<f32>(linear(false), 0.5, one())),
        ["0.weight", "2"]
    );
}

#[test]
fn skipped_fields_are_not_walked_and_flattened_ones_add_no_segment() {
    struct Opaque;

    #[derive(Parameters)]
    struct Net<E: Element> {
        #[parameters(flatten)]
        inner: Linear<E>,
        #[parameters(skip)]
        frozen: Parameter<E>,
        #[parameters(skip)]
        cache: Opaque,
        r#type: Parameter<E>,
    }

    let net = Net::<f64> {
        inner: linear(true),
        frozen: one(),
        cache: Opaque,
        r#type: one(),
    };
    assert_eq!(names(&net), ["weight", "bias", "type"]);
    let Opaque = net.cache;
    assert_eq!(net.frozen.len(), 1);
}

#[test]
fn variants_of_enums_add_no_segment() {
    #[derive(Parameters)]
    enum Layer<E: Element> {
        Linear(Linear<E>),
        Norm { inner: Norm<E> },
        Identity,
    }

    let norm = Norm {
        scale: one(),
        running_mean: Buffer::new(Tensor::zeros([1])),
    };
    assert_eq!(names(&Layer::<f64>::Linear(linear(false))), ["0.weight"]);
    assert_eq!(names(&Layer::<f64>::Norm { inner: norm }), ["inner.scale"]);
    assert!(names(&Layer::<f64>::Identity).is_empty());
}

#[test]
fn other_type_parameters_are_walked_where_values_have_them() {
    #[derive(Parameters)]
    struct Residual<E, M, F, const N: usize>
    where
        E: Element,
    {
        body: Option<Box<M>>,
        scale: Parameter<E>,
        #[parameters(skip)]
        activation: F,
        marker: PhantomData<F>,
    }

    let residual = Residual::<f32, _, _, 3> {
        body: Some(Box::new(linear(false))),
        scale: one(),
        activation: |x: f64| x + 1.0,
        marker: PhantomData,
    };
    assert_eq!(names(&residual), ["body.weight", "scale"]);
    assert_eq!((residual.activation)(1.0), 2.0);
}

#[test]
fn a_struct_without_an_element_parameter_takes_that_of_its_fields() {
    #[derive(Parameters)]
    struct Net {
        first: Linear<f32>,
        second: Linear<f32>,
    }

    #[derive(Parameters)]
    struct Wrapper<M> {
        inner: M,
    }

    let net = Wrapper {
        inner: Net {
            first: linear(false),
            second: linear(true),
        },
    };
    assert_eq!(
        names(&net),
        [
            "inner.first.weight",
            "inner.second.weight",
            "inner.second.bias"
        ]
    );
}

#[test]
fn a_struct_of_settings_is_walked_for_every_element_type() {
    #[derive(Parameters)]
    struct Dropout {
        p: f64,
    }

    #[derive(Parameters)]
    struct Identity;

    let dropout = Dropout { p: 0.5 };
    assert!(names::<f32>(&dropout).is_empty() && names::<f64>(&dropout).is_empty());
    assert!(names::<f32>(&Identity).is_empty() && dropout.p == 0.5);
}

#[test]
fn an_element_that_is_named_serves_types_that_hold_themselves() {
    #[derive(Parameters)]
    #[parameters(element = f64)]
    struct Tree {
        weight: Parameter<f64>,
        children: Vec<Tree>,
    }

    let leaf = || Tree {
        weight: one(),
        children: Vec::new(),
    };
    let tree = Tree {
        weight: one(),
        children: vec![leaf(), leaf()],
    };
    assert_eq!(
        names(&tree),
        ["weight", "children.0.weight", "children.1.weight"]
    );

    #[derive(Parameters)]
    #[parameters(element = A)]
    struct Cast<A: Element, B: Element> {
        weight: Parameter<A>,
        to: PhantomData<B>,
    }

    assert_eq!(
        names(&Cast::<f32, f64> {
            weight: one(),
            to: PhantomData
        }),
        ["weight"]
    );
}
