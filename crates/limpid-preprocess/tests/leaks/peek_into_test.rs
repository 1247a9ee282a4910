use limpid_data::{Fractions, Split, classics};
use limpid_tensor::Stream;

fn main() {
    let iris = classics::iris().unwrap();
    let split = Split::stratified(&iris, Fractions::default(), &Stream::new(7)).unwrap();
    let _ = split.test.features();
    let _ = split.test.data;
}
