//! The pool as a whole. One test alone in its process: the pool belongs to all threads.

use limpid_tensor::{Tensor, buffers};

#[test]
fn the_pool_keeps_what_the_bound_allows_and_frees_what_was_idle_longest() {
    assert_eq!(buffers::statistics().idle_bytes, 0);
    let made = buffers::statistics().made;

    let first = Tensor::<f32>::zeros([1 << 16]);
    let address = first.view().as_ptr();
    drop(first);
    assert_eq!(buffers::statistics().idle_bytes, 1 << 18);
    let second = Tensor::<f32>::ones([1 << 8, 1 << 8]);
    assert_eq!(second.view().as_ptr(), address);
    assert_eq!(buffers::statistics().idle_bytes, 0);
    assert_eq!(buffers::statistics().made, made + 1);

    // What came from outside does not enter the pool.
    drop(Tensor::from_vec(vec![0.0_f32; 1 << 16], [1 << 16]));
    assert_eq!(buffers::statistics().idle_bytes, 0);

    buffers::set_bound(1 << 20);
    let large = Tensor::<f64>::ones([1 << 17]);
    let small = Tensor::<f64>::ones([1 << 10]);
    drop(second);
    drop(small);
    assert_eq!(buffers::statistics().idle_bytes, (1 << 18) + (1 << 13));
    drop(large);
    assert!(buffers::statistics().idle_bytes <= 1 << 20);
    let again = buffers::statistics().made;
    drop(Tensor::<f64>::zeros([1 << 17]));
    assert_eq!(buffers::statistics().made, again);

    drop(Tensor::<f64>::zeros([(1 << 17) + 1]));
    assert!(buffers::statistics().idle_bytes <= 1 << 20);
    buffers::release();
    assert_eq!(buffers::statistics().idle_bytes, 0);

    buffers::set_bound(0);
    drop(Tensor::<f64>::zeros([100]));
    assert_eq!(buffers::statistics().idle_bytes, 0);

    // Many threads, many lengths: nothing is lost, nothing is kept beyond the bound.
    buffers::set_bound(1 << 16);
    std::thread::scope(|scope| {
        for thread in 0_u32..8 {
            scope.spawn(move || {
                for length in 0..2000 {
                    let x = buffers::filled(length * 7 % 1999, thread);
                    assert!(x.iter().all(|&number| number == thread));
                }
            });
        }
    });
    assert!(buffers::statistics().idle_bytes <= 1 << 16);
    buffers::release();
    assert_eq!(buffers::statistics().idle_bytes, 0);
}
