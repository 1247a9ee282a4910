use limpid_data::{Fractions, OpeningRecord, Split, classics};
use limpid_tensor::Stream;

fn main() {
    let iris = classics::iris().unwrap();
    let split = Split::stratified(&iris, Fractions::default(), &Stream::new(7)).unwrap();
    let mut record = OpeningRecord::new();
    let _ = split.test.open("first", &mut record);
    let _ = split.test.open("second", &mut record);
}
