use super::*;
use limpid_tensor::Parameter;
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};

fn state<E: Element>() -> State<E> {
    let entries = vec![
        ("fc1.weight", Tensor::from_fn([2, 3], |it| it as f64 / 3.0)),
        ("fc1.bias", Tensor::from_fn([2], |it| -(it as f64))),
        ("scale", Tensor::scalar(7.5)),
        ("empty", Tensor::zeros([0, 4])),
    ];
    let named = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    State::from_entries(named.collect())
}

fn metadata() -> BTreeMap<String, String> {
    let pairs = [
        ("format", "pt"),
        ("note", "\"quoted\", ünïcode"),
        ("a", "1"),
        ("b", ""),
    ];
    pairs
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .into()
}

fn bytes() -> Vec<u8> {
    let attachments = BTreeMap::from([("log".to_owned(), b"\0three\xff".to_vec())]);
    to_bytes(Path::new("m"), &state::<f32>(), &metadata(), &attachments).unwrap()
}

fn read<E: Element>(bytes: &[u8], precision: Precision) -> Result<Loaded<E>, InteropError> {
    from_bytes(Path::new("weights/m.safetensors"), bytes, precision)
}

fn round_trip<E: Element>() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.safetensors");
    save(&file, &state::<E>(), &metadata()).unwrap();
    let loaded = load::<E>(&file, Precision::Exact).unwrap();
    assert_eq!(
        loaded,
        Loaded {
            state: state(),
            metadata: metadata(),
            attachments: BTreeMap::new(),
            checked: true,
        }
    );
}

#[test]
fn what_is_saved_is_loaded() {
    round_trip::<f32>();
    round_trip::<f64>();
}

#[test]
fn attachments_come_back_and_others_see_bytes() {
    let bytes = bytes();
    let loaded = read::<f32>(&bytes, Precision::Exact).unwrap();
    assert_eq!(loaded.attachments["log"], b"\0three\xff");
    assert_eq!(loaded.state, state());
    let others = SafeTensors::deserialize(&bytes).unwrap();
    let log = others.tensor("limpid/log").unwrap();
    assert_eq!((log.dtype(), log.shape()), (Dtype::U8, &[7][..]));
}

/// A flip in the checksum's own key makes the file one without a checksum, and whole.
#[test]
fn every_flipped_bit_is_noticed() {
    let whole = bytes();
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << bit;
            let read = read::<f32>(&flipped, Precision::Exact);
            assert!(
                read.is_err() || read.is_ok_and(|it| !it.checked),
                "bit {bit} of byte {place}"
            );
        }
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let error = read::<f32>(&damaged, Precision::Exact).unwrap_err();
    assert!(matches!(error, InteropError::Damaged { .. }), "{error}");
}

#[test]
fn files_without_a_checksum_are_read() {
    let views = [("w", TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap())];
    let loaded = read::<f32>(&serialize(views, None).unwrap(), Precision::Exact).unwrap();
    assert!(!loaded.checked);
}

#[test]
fn tensors_start_at_a_multiple_of_eight_bytes() {
    let header = u64::from_le_bytes(bytes()[..8].try_into().unwrap());
    assert_eq!(header % 8, 0);
}

#[test]
fn every_prefix_is_refused_as_truncated() {
    let bytes = bytes();
    for length in 0..bytes.len() {
        match read::<f32>(&bytes[..length], Precision::Exact) {
            Err(InteropError::Truncated {
                file,
                expected,
                found,
            }) => {
                assert_eq!(file, Path::new("weights/m.safetensors"));
                assert_eq!(found, length as u64);
                assert!(expected > found && expected <= bytes.len() as u64);
            }
            other => panic!("{length} of {} bytes: {other:?}", bytes.len()),
        }
    }
}

#[test]
fn files_of_other_kinds_are_foreign() {
    let mut longer = bytes();
    longer.extend([0; 3]);
    let mut other_header = bytes();
    other_header[9] = b'!';
    let others: [&[u8]; 6] = [
        b"PK\x03\x04 a zip archive",
        b"\x80\x02}q\x00(X\x06\x00\x00\x00weight",
        b"a text of some length, which is no header",
        &[0; 64],
        &longer,
        &other_header,
    ];
    for other in others {
        let error = read::<f32>(other, Precision::Exact).unwrap_err();
        assert!(matches!(error, InteropError::Foreign { .. }), "{error}");
        assert!(
            error.to_string().starts_with("weights/m.safetensors: "),
            "{error}"
        );
    }
}

#[test]
fn another_element_type_is_refused_or_converted() {
    let error = read::<f64>(&bytes(), Precision::Exact).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weights/m.safetensors: tensor `fc1.weight`: expected elements of F64, found F32"
    );
    let loaded = read::<f64>(&bytes(), Precision::Convert).unwrap();
    assert_eq!(loaded.state.get("scale").unwrap().to_vec(), [7.5]);
}

#[test]
fn files_of_the_reference_writer_are_read() {
    let half = [0x00, 0x3c, 0x00, 0xc0];
    let count = 9_i64.to_le_bytes();
    let flags = [1_u8, 0];
    let views = [
        (
            "bn.weight",
            TensorView::new(Dtype::F16, vec![2], &half).unwrap(),
        ),
        (
            "bn.num_batches_tracked",
            TensorView::new(Dtype::I64, vec![], &count).unwrap(),
        ),
    ];
    let bytes = serialize(views, None).unwrap();
    let loaded = read::<f32>(&bytes, Precision::Convert).unwrap();
    assert_eq!(loaded.state.get("bn.weight").unwrap().to_vec(), [1.0, -2.0]);
    assert_eq!(
        loaded.state.get("bn.num_batches_tracked").unwrap().to_vec(),
        [9.0]
    );
    assert!(read::<f32>(&bytes, Precision::Exact).is_err());
    let flags = [(
        "mask",
        TensorView::new(Dtype::BOOL, vec![2], &flags).unwrap(),
    )];
    let bytes = serialize(flags, None).unwrap();
    let error = read::<f32>(&bytes, Precision::Convert).unwrap_err();
    assert!(matches!(error, InteropError::ElementType { .. }), "{error}");
}

#[test]
fn a_file_of_another_model_leaves_the_model_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.safetensors");
    save(&file, &state::<f32>(), &BTreeMap::new()).unwrap();
    let mut model = Parameter::new(Tensor::<f32>::ones([2]));
    let error = load_into(&file, Precision::Exact, &mut model).unwrap_err();
    assert!(matches!(error, InteropError::Mismatch { .. }), "{error}");
    assert_eq!(model.to_vec(), [1.0, 1.0]);
}

#[test]
fn names_that_stand_twice_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.safetensors");
    for name in ["w", "__metadata__"] {
        let twice = vec![
            (name.to_owned(), Tensor::<f32>::ones([1])),
            ("w".to_owned(), Tensor::ones([1])),
        ];
        let error = save(&file, &State::from_entries(twice), &BTreeMap::new()).unwrap_err();
        assert!(matches!(error, InteropError::Unwritable { .. }), "{error}");
    }
    assert!(!file.exists());
}

#[test]
fn a_missing_file_is_named() {
    let error = load::<f32>(Path::new("nowhere/m.safetensors"), Precision::Exact).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("nowhere/m.safetensors: cannot read: "),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read::<f32>(&noise, Precision::Convert).is_err());
    }

    #[test]
    fn no_flipped_byte_makes_the_reader_panic(place in 0_usize..400, flip in 1_u8..) {
        let mut bytes = bytes();
        let place = place % bytes.len();
        bytes[place] ^= flip;
        let _ = read::<f32>(&bytes, Precision::Convert);
    }
}
