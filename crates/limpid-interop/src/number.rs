//! Numbers as they lie in files: little-endian, of any of the field's element types.

use limpid_tensor::Element;
use safetensors::Dtype;

/// The element type of `E` in a file.
pub(crate) fn dtype_of<E: Element>() -> Dtype {
    match E::NAME {
        "f32" => Dtype::F32,
        _ => Dtype::F64,
    }
}

/// Appends the elements' bytes to `bytes`.
pub(crate) fn encode<E: Element>(elements: &[E], bytes: &mut Vec<u8>) {
    match dtype_of::<E>() {
        Dtype::F32 => {
            for value in elements {
                bytes.extend_from_slice(&(value.double() as f32).to_le_bytes());
            }
        }
        _ => {
            for value in elements {
                bytes.extend_from_slice(&value.double().to_le_bytes());
            }
        }
    }
}

/// The numbers that `bytes` hold in elements of `dtype`; `None` for types that no weight has.
pub(crate) fn decode<E: Element>(dtype: Dtype, bytes: &[u8]) -> Option<Vec<E>> {
    Some(match dtype {
        Dtype::F64 => each(bytes, |it| E::of(f64::from_le_bytes(it))),
        Dtype::F32 => each(bytes, |it| E::of(f32::from_le_bytes(it).into())),
        Dtype::F16 => each(bytes, |it| E::of(half(u16::from_le_bytes(it)))),
        Dtype::BF16 => each(bytes, |it| E::of(brain(u16::from_le_bytes(it)))),
        Dtype::I64 => each(bytes, |it| E::of(i64::from_le_bytes(it) as f64)),
        Dtype::I32 => each(bytes, |it| E::of(i32::from_le_bytes(it).into())),
        _ => return None,
    })
}

fn each<const SIZE: usize, T>(bytes: &[u8], number: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<SIZE>();
    chunks.iter().map(|&chunk| number(chunk)).collect()
}

/// The number with these bits in IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match exponent {
        0 => sign * fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction) * 2_f64.powi(exponent - 15),
    }
}

/// The number with these bits in bfloat16: the upper half of a single-precision number.
fn brain(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_has_its_known_values() {
        // IEEE 754-2008, binary16: one, minus two, the largest, the smallest, infinity.
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2_f64.powi(-24)),
            (0xfc00, f64::NEG_INFINITY),
            (0x3555, 0.333_251_953_125),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn brain_floats_are_cut_singles() {
        assert_eq!(brain(0x3f80), 1.0);
        assert_eq!(brain(0xc0a0), -5.0);
    }

    #[test]
    fn singles_keep_every_bit() {
        let numbers = [f32::MIN_POSITIVE / 4.0, -0.0, 1.0 / 3.0, f32::INFINITY];
        let mut bytes = Vec::new();
        encode(&numbers, &mut bytes);
        let back = decode::<f32>(Dtype::F32, &bytes).unwrap();
        assert_eq!(
            back.map_bits(),
            numbers.to_vec().map_bits(),
            "signs and subnormals too"
        );
    }

    trait Bits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl Bits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|value| value.to_bits()).collect()
        }
    }
}
