//! A wish to stop that comes from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that asks runs to stop: the trainer finishes its step, writes a checkpoint and ends with
/// [`Ending::Interrupted`](crate::Ending::Interrupted). Clones are one flag, which any thread may set.
///
/// It stays set, so that runs that would follow do not start either.
///
/// # Example
/// ```
/// use limpid_train::Interrupt;
///
/// let interrupt = Interrupt::new();
/// let elsewhere = interrupt.clone();
/// std::thread::spawn(move || elsewhere.set()).join().unwrap();
/// assert!(interrupt.is_set());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    /// Whether a signal has come since the wish was taken back: the next one ends the process.
    signalled: Arc<AtomicBool>,
}

/// What the process' signals set, once somebody asked for it.
#[cfg(feature = "ctrl-c")]
static LISTENING: std::sync::Mutex<Option<Interrupt>> = std::sync::Mutex::new(None);

impl Interrupt {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that Ctrl-C sets, and whatever else asks the process to end (`SIGINT`, `SIGTERM`). The
    /// second time ends the process as if nobody had listened.
    ///
    /// The process has one such flag. It listens from the first call on to its end; each call clears
    /// the flag.
    ///
    /// # Errors
    /// [`TrainError::Signal`](crate::TrainError::Signal) when the system refuses.
    #[cfg(feature = "ctrl-c")]
    pub fn on_ctrl_c() -> Result<Self, crate::TrainError> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;

        let mut listening = LISTENING
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(interrupt) = &*listening {
            interrupt.clear();
            return Ok(interrupt.clone());
        }
        let interrupt = Self::new();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds none before it.
            flag::register_conditional_default(signal, Arc::clone(&interrupt.signalled))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupt.signalled)))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupt.flag)))
                .map_err(|source| crate::TrainError::Signal { source })?;
        }
        *listening = Some(interrupt.clone());
        Ok(interrupt)
    }

    /// Asks to stop.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Takes the wish back.
    pub fn clear(&self) {
        self.flag.store(false, Ordering::Relaxed);
        self.signalled.store(false, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}
