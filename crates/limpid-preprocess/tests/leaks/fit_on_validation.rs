use limpid_data::{Fractions, Split, classics};
use limpid_preprocess::{Fit, Standardize};
use limpid_tensor::Stream;

fn main() {
    let iris = classics::iris().unwrap();
    let split = Split::stratified(&iris, Fractions::default(), &Stream::new(7)).unwrap();
    let _ = Standardize::default().fit(&split.validation);
}
