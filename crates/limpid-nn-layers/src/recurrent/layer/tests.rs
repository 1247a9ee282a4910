//! The recurrent layers by hand, by PyTorch's figures and under the contract of all modules.

use super::*;
use crate::testing::check_module;
use crate::testing::pattern::{assert_close, filled, pattern};
use crate::{
    GruConfig, GruKind, LstmConfig, LstmKind, LstmState, RnnConfig, RnnKind, RnnNonlinearity,
};
use limpid_tensor::{for_each_parameter_mut, gradient_check, named_parameters};

const LENGTHS: [usize; 3] = [2, 4, 1];

/// The first three elements, and a weighted sum of all.
fn signature(tensor: &Tensor<f64>) -> [f64; 4] {
    let all = tensor.to_vec();
    let weights = pattern(tensor.shape(), 1);
    let sum = tensor.mul(&weights).unwrap().sum().item().unwrap();
    [all[0], all[1], all[2], sum]
}

fn holds<K: RecurrentKind>(config: RecurrentConfig<K>) {
    let input = Tensor::standard_normal([3, 2, 4], Stream::new(1));
    let width = config.kind.projected().unwrap_or(config.hidden);
    let shape = [3, 2, width * (1 + usize::from(config.bidirectional))];
    check_module(|stream| config.build(stream), &input, &shape).unwrap();
}

#[test]
fn the_contract_holds() {
    holds(RnnConfig::new(4, 3));
    holds(RnnConfig::new(4, 3).with_nonlinearity(RnnNonlinearity::Relu));
    holds(GruConfig::new(4, 3).with_layers(2).with_bidirectional(true));
    holds(LstmConfig::new(4, 3).with_layers(2).with_dropout(0.4));
    holds(
        LstmConfig::new(4, 3)
            .with_bias(false)
            .with_bidirectional(true),
    );
    holds(LstmConfig::new(4, 3).with_proj_size(2).with_layers(2));
    let single = Tensor::standard_normal([3, 4], Stream::new(1));
    let build = |stream| Recurrent::<f64, GruKind>::new(4, 3, stream);
    check_module(build, &single, &[3, 3]).unwrap();
}

#[test]
fn parameters_are_named_as_pytorch_names_them() {
    let config = LstmConfig::new(4, 3)
        .with_layers(2)
        .with_bidirectional(true);
    let layer = config
        .with_proj_size(2)
        .build::<f32>(Stream::new(1))
        .unwrap();
    let named = named_parameters(&layer);
    let shapes = named.iter().map(|(name, p)| (name.as_str(), p.shape()));
    let want: [(&str, &[usize]); 10] = [
        ("weight_ih_l0", &[12, 4]),
        ("weight_hh_l0", &[12, 2]),
        ("bias_ih_l0", &[12]),
        ("bias_hh_l0", &[12]),
        ("weight_hr_l0", &[2, 3]),
        ("weight_ih_l0_reverse", &[12, 4]),
        ("weight_hh_l0_reverse", &[12, 2]),
        ("bias_ih_l0_reverse", &[12]),
        ("bias_hh_l0_reverse", &[12]),
        ("weight_hr_l0_reverse", &[2, 3]),
    ];
    assert_eq!(shapes.take(10).collect::<Vec<_>>(), want);
    assert_eq!(
        (named[10].0.as_str(), named[10].1.shape()),
        ("weight_ih_l1", &[12, 4][..])
    );
    assert_eq!(named.len(), 20);
    assert_eq!(Module::<f32>::kind(&layer), "Lstm");
}

/// The output and what it ends with, each by its signature, with and without a start, for all
/// lengths and for some.
fn assert_signatures<K: RecurrentKind>(
    config: RecurrentConfig<K>,
    start: &K::State<f64>,
    want: &[[f64; 4]],
) {
    let config = config.with_layers(2).with_bidirectional(true);
    let layer = filled(config.build::<f64>(Stream::new(1)).unwrap());
    let mut found = Vec::new();
    for start in [None, Some(start)] {
        for lengths in [None, Some(&LENGTHS[..])] {
            let (input, context) = (pattern([4, 3, 2], 5), &mut Context::eval());
            let (output, end) = layer.forward_with(&input, start, lengths, context).unwrap();
            let (h, c) = end.parts();
            found.extend([signature(&output), signature(h)]);
            found.extend(c.map(signature));
        }
    }
    assert_eq!(found.len(), want.len());
    let found = Tensor::from_vec(found.concat(), [want.len() * 4]).unwrap();
    assert_close(&found, &want.concat());
}

// The figures are those of PyTorch 2.15, of two layers in both directions: output, state and
// memory from zeros, the same for some lengths, both from a start.

#[test]
fn an_lstm_equals_pytorchs() {
    let start = |projected| LstmState {
        h: pattern([4, 3, projected], 2),
        c: pattern([4, 3, 3], 3),
    };
    let config = LstmConfig::new(2, 3);
    assert_signatures(config, &start(3), &LSTM);
    assert_signatures(config.with_proj_size(2), &start(2), &LSTM_PROJECTED);
}

#[rustfmt::skip]
const LSTM: [[f64; 4]; 12] = [
    [0.073244011998, -0.036884752195, -0.006743739081, -0.127315886494],
    [-0.027249589095, -0.153279222195, 0.274078180456, 0.248267018174],
    [-0.052134547734, -0.250668798112, 0.538878099538, 0.514575630078],
    [0.083066958184, -0.04301653142, -0.008596773439, 0.022767940826],
    [-0.000229855269, -0.200243357081, 0.279599261233, 0.118027923233],
    [-0.000499580055, -0.389001075851, 0.45142440849, 0.189877533678],
    [-0.05307433284, 0.048904800845, 0.014996698494, -0.132665305654],
    [-0.000938856456, -0.152725125565, 0.268972259126, 0.181394834982],
    [-0.001799633245, -0.250551221854, 0.528496815867, 0.378552044199],
    [-0.048088390739, 0.044401534893, 0.016688847307, 0.10335912779],
    [0.045368653371, -0.184569740597, 0.246987045492, -0.124467056118],
    [0.101054748647, -0.363428529714, 0.393421300955, -0.291570905016],
];

#[rustfmt::skip]
const LSTM_PROJECTED: [[f64; 4]; 12] = [
    [-0.044462805003, -0.03402163881, -0.131051005716, -0.034289255287],
    [-0.097487918716, -0.103813986211, -0.102050432733, -0.077079060778],
    [0.027228022736, -0.391090123059, 0.515774505773, -0.46545592987],
    [-0.042932196679, -0.032485836256, -0.100871848899, 0.053816127653],
    [-0.093785824036, -0.100192529024, -0.102050432733, -0.024331457515],
    [0.000820827619, -0.444291993714, 0.449538555085, -0.3114092909],
    [-0.097987463297, -0.107271317519, -0.12638754884, -0.077210453154],
    [-0.102799396352, -0.10947317049, -0.107789317661, -0.090692411606],
    [0.053453228104, -0.39695465824, 0.503734658951, -0.630222701429],
    [-0.095444783462, -0.104621448331, -0.077791648138, 0.033097237933],
    [-0.111144732752, -0.116950366153, -0.107789317661, -0.061854019485],
    [0.103949021321, -0.468786408496, 0.383287533236, -0.894224564556],
];

#[test]
fn a_gru_equals_pytorchs() {
    assert_signatures(GruConfig::new(2, 3), &pattern([4, 3, 3], 2), &GRU);
}

#[rustfmt::skip]
const GRU: [[f64; 4]; 8] = [
    [-0.016132863095, -0.141036016404, 0.207606560095, -0.338454538752],
    [-0.10048783911, -0.32292448489, 0.496648525445, 0.150938529623],
    [-0.004765598009, -0.137100750915, 0.178639789385, 0.139120470894],
    [-0.037884302765, -0.48344918957, 0.433091342353, 0.020763651215],
    [-0.428299699345, -0.019460329453, -0.004519785691, -0.378083285696],
    [-0.131445443023, -0.313572174399, 0.521188494087, 0.165573251645],
    [-0.40361603471, -0.031457675607, -0.048719483509, 0.302215507948],
    [-0.069411340941, -0.486181956101, 0.554250697973, -0.167979609498],
];

#[test]
fn a_plain_layer_equals_pytorchs() {
    let (config, start) = (RnnConfig::new(2, 3), pattern([4, 3, 3], 2));
    assert_signatures(config, &start, &RNN_TANH);
    let relu = config.with_nonlinearity(RnnNonlinearity::Relu);
    assert_signatures(relu.with_bias(false), &start, &RNN_RELU);
}

#[rustfmt::skip]
const RNN_TANH: [[f64; 4]; 8] = [
    [-0.682697531779, 0.091387481009, -0.289179555487, 0.280792263173],
    [0.005868464909, -0.574387351394, -0.210754100071, -0.883332360333],
    [-0.653428558195, 0.055927358545, -0.361910398975, 0.367764467387],
    [0.394264037158, -0.345849954178, -0.4448676088, -1.140388027542],
    [-0.745620353464, 0.053711408722, -0.128213416332, 0.12608126124],
    [0.009916010168, -0.573279434692, -0.211465051039, -0.923227596618],
    [-0.697838269856, -0.020983640287, -0.281254146474, 0.389794059303],
    [0.353414122826, -0.353519144904, -0.420467251331, -1.126012539412],
];

#[rustfmt::skip]
const RNN_RELU: [[f64; 4]; 8] = [
    [0.0, 0.0, 0.0, -0.0775810128],
    [0.0, 0.0, 0.0, 0.0277768456],
    [0.0, 0.0, 0.0, -0.1127799144],
    [0.244, 0.26, 0.0, 0.058262464],
    [0.0, 0.15, 0.2675, 0.022353],
    [0.0, 0.0, 0.0, 0.01490695],
    [0.0, 0.212, 0.246, 0.1371537],
    [0.23, 0.26, 0.0, 0.0049511],
];

fn halves<K: RecurrentKind>() -> Recurrent<f64, K> {
    let mut layer = Recurrent::new(1, 1, Stream::new(1)).unwrap();
    for_each_parameter_mut(&mut layer, |_, parameter| {
        parameter.update(|elements| elements.fill(0.5));
    });
    layer
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn one_step_is_that_by_hand() {
    let (input, h0) = (Tensor::full([1, 1, 1], 2.0), Tensor::full([1, 1, 1], -1.0));
    let mut context = Context::eval();
    let found = |tensor: Tensor<f64>, want: f64| {
        assert!((tensor.item().unwrap() - want).abs() < 1e-15);
    };
    let run = halves::<RnnKind>().forward_with(&input, Some(&h0), None, &mut context);
    let (output, last) = run.unwrap();
    assert_eq!(last.item().unwrap(), output.item().unwrap());
    found(output, 1.5_f64.tanh());
    let run = halves::<GruKind>().forward_with(&input, Some(&h0), None, &mut context);
    // The input's part of each gate is 1.5, the state's 0.
    let z = sigmoid(1.5);
    found(run.unwrap().0, (1.0 - z) * 1.5_f64.tanh() - z);
    let start = LstmState {
        h: h0,
        c: Tensor::full([1, 1, 1], 0.25),
    };
    let run = halves::<LstmKind>().forward_with(&input, Some(&start), None, &mut context);
    let (output, last) = run.unwrap();
    let c = z * 0.25 + z * 1.5_f64.tanh();
    found(last.c, c);
    found(output, z * c.tanh());
}

#[test]
fn starts_ends_and_inputs_have_gradients_under_lengths() {
    for config in [
        LstmConfig::new(2, 3),
        LstmConfig::new(2, 3).with_proj_size(2),
    ] {
        let config = config.with_layers(2).with_bidirectional(true);
        let layer = config.build::<f64>(Stream::new(1)).unwrap();
        let function = |x: &[Tensor<f64>]| {
            let start = LstmState {
                h: x[1].clone(),
                c: x[2].clone(),
            };
            let mut context = Context::eval();
            let (output, end) =
                layer.forward_with(&x[0], Some(&start), Some(&LENGTHS), &mut context)?;
            let ends = end.c.square().sum().add(&end.h.square().sum())?;
            output.square().sum().add(&ends)
        };
        let width = config.kind.proj_size.unwrap_or(3);
        let shapes = [[4, 3, 2], [4, 3, width], [4, 3, 3]];
        let inputs = shapes.map(|shape| Tensor::standard_normal(shape, Stream::new(3)));
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
    }
}

#[test]
fn dropout_lies_between_layers_in_training_only() {
    let config = GruConfig::new(2, 3).with_dropout(0.5);
    let input = Tensor::standard_normal([4, 3, 2], Stream::new(1));
    for (layers, differs) in [(1, false), (2, true)] {
        let layer = config
            .with_layers(layers)
            .build::<f64>(Stream::new(1))
            .unwrap();
        let train = layer
            .forward(&input, &mut Context::train(Stream::new(2)))
            .unwrap();
        assert_eq!(train != layer.predict(&input).unwrap(), differs);
    }
}

#[test]
fn an_item_alone_has_no_batch() {
    let config = LstmConfig::new(2, 3).with_bidirectional(true);
    let layer = config.build::<f64>(Stream::new(1)).unwrap();
    let single = pattern([4, 2], 5);
    let start = LstmState {
        h: pattern([2, 3], 1),
        c: pattern([2, 3], 2),
    };
    let mut context = Context::eval();
    let (output, end) = layer
        .forward_with(&single, Some(&start), Some(&[3]), &mut context)
        .unwrap();
    assert_eq!((output.shape(), end.h.shape()), (&[4, 6][..], &[2, 3][..]));
    let batch = single.unsqueeze(1).unwrap();
    let start = LstmState {
        h: start.h.unsqueeze(1).unwrap(),
        c: start.c.unsqueeze(1).unwrap(),
    };
    let (outputs, ends) = layer
        .forward_with(&batch, Some(&start), Some(&[3]), &mut context)
        .unwrap();
    assert_eq!(outputs.squeeze(1).unwrap(), output);
    assert_eq!(ends.c.squeeze(1).unwrap(), end.c);
    assert_eq!(
        layer.predict(&Tensor::zeros([4, 0, 2])).unwrap().shape(),
        [4, 0, 6]
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let layer = RnnConfig::new(4, 3).build::<f32>(Stream::new(1)).unwrap();
    let refused = |input: &[usize], start: Option<&[usize]>, lengths: Option<&[usize]>| {
        let start = start.map(Tensor::zeros);
        let (input, context) = (Tensor::zeros(input), &mut Context::eval());
        let run = layer.forward_with(&input, start.as_ref(), lengths, context);
        run.unwrap_err().to_string()
    };
    let want = "rnn_tanh: shape [4]: must be [time, batch, in]";
    assert_eq!(refused(&[4], None, None), want);
    let want = "rnn_tanh: shapes [5, 2, 7] and [3, 4]: the input's weight must be [3, 7]";
    assert_eq!(refused(&[5, 2, 7], None, None), want);
    let want = "Rnn: shapes [5, 2, 4] and [2, 3]: the state must be [1, 2, 3]";
    assert_eq!(refused(&[5, 2, 4], Some(&[2, 3]), None), want);
    let want = "rnn_tanh: `lengths` must be from 1 to 5 for each of the 2 items, found [5]";
    assert_eq!(refused(&[5, 2, 4], None, Some(&[5])), want);
    assert!(refused(&[0, 2, 4], None, None).contains("at least one step"));
    for config in [
        LstmConfig::new(0, 3),
        LstmConfig::new(4, 0),
        LstmConfig::new(4, 3).with_layers(0),
        LstmConfig::new(4, 3).with_proj_size(3),
        LstmConfig::new(4, 3).with_proj_size(0),
        LstmConfig::new(4, 3).with_dropout(1.0),
    ] {
        assert!(config.build::<f32>(Stream::new(1)).is_err(), "{config:?}");
    }
    let both = LstmConfig::new(4, 3).with_bidirectional(true);
    let layer = both.build::<f32>(Stream::new(1)).unwrap();
    let error = layer
        .forward_with(
            &Tensor::zeros([5, 2, 4]),
            None,
            Some(&[2, 6]),
            &mut Context::eval(),
        )
        .unwrap_err();
    assert!(
        error.to_string().contains("`lengths` must be from 1 to 5"),
        "{error}"
    );
}
