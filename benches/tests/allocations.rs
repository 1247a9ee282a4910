//! Once a workload has made its first steps, no step allocates memory for arrays any more.

#![expect(
    unsafe_code,
    reason = "a global allocator, which counts and passes on, cannot be written without"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use limpid_benches::workloads::{BATCHES, Sizes, Workload};
use limpid_tensor::{buffers, threads};

/// What a step may still allocate: nodes of the graph, handles, shapes, and lists with an entry for
/// every layer, input or task. Weights, activations and their gradients are larger, but for biases
/// and logits.
const LISTS: usize = 16 << 10;

static WATCHING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static PLACES: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    static NOTING: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

fn note(size: usize) {
    if size < LISTS || !WATCHING.load(Ordering::Relaxed) || NOTING.get() {
        return;
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    NOTING.set(true);
    if let Ok(mut places) = PLACES.lock()
        && places.len() < 20
    {
        let frames = Backtrace::force_capture().to_string();
        let lines = frames.lines().map(str::trim);
        let own = lines.filter(|line| line.starts_with("at ") && line.contains("limpid"));
        let own: Vec<&str> = own.take(4).collect();
        let place = format!("{size} bytes {}", own.join("\n    "));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    NOTING.set(false);
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Alone in its process, as it watches all threads.
#[test]
fn no_step_allocates_arrays_once_the_first_are_made() {
    threads::set(2);
    for (workload, convolution) in Workload::WAYS {
        let small = Sizes {
            batch: Some(8),
            convolution,
            ..Sizes::default()
        };
        let mut steps = workload.build::<f32>(small).unwrap();
        for _ in 0..BATCHES {
            steps.step().unwrap();
        }
        let made = buffers::statistics().made;
        COUNT.store(0, Ordering::Relaxed);
        WATCHING.store(true, Ordering::Relaxed);
        for _ in 0..BATCHES {
            steps.step().unwrap();
        }
        WATCHING.store(false, Ordering::Relaxed);
        let (count, places) = (COUNT.load(Ordering::Relaxed), PLACES.lock().unwrap());
        let (name, places) = (workload.name(), places.join("\n"));
        // Two threads that work on different tasks at once than they did in the first steps may
        // need a buffer more each: these are in the pool from then on.
        let made = buffers::statistics().made - made;
        assert!(
            count <= made && made <= 2,
            "{name}, {convolution:?}: {made} buffers made, {count} allocations in {BATCHES} steps:\n{places}"
        );
    }
}
