use limpid_data::{Train, classics};

fn main() {
    let iris = classics::iris().unwrap();
    let _ = Train { data: iris };
}
