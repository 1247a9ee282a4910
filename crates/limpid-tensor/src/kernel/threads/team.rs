//! The team: threads that wait for work, spinning for a moment before they sleep.
//!
//! Waking a sleeping thread costs some tens of microseconds, as much as a small product takes. The
//! operations of a training step follow each other closely, so a thread that has just worked looks
//! out for more for a moment before it goes to sleep.

#![expect(
    unsafe_code,
    reason = "work on the caller's stack is lent to other threads"
)]

use std::any::Any;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};
use std::thread::{self, Thread};

/// How often a thread looks for work before it sleeps: some tens of microseconds.
const LOOKS: u32 = if cfg!(miri) { 50 } else { 4_000 };
/// How often the leader looks whether all are done before it offers the processor to others.
const PATIENCE: u32 = if cfg!(miri) { 50 } else { 2_000 };

type Work<'a> = &'a (dyn Fn(usize) + Sync);

/// Into how many shares the tasks are cut at most.
const SHARES: usize = 16;

/// A counter that has a line of the cache, and the one that comes along with it, for itself.
#[repr(align(128))]
struct Apart(AtomicUsize);

/// One piece of work, on its leader's stack.
///
/// Whoever takes part begins with a share of his own, neighbouring tasks that are the same ones each
/// time that work of this kind is done, and helps the others after that. So what one operation
/// leaves in the cache of a core is mostly what the next one needs there: between cores that do not
/// share a cache, a line takes longer than from memory.
struct Job<'a> {
    work: Work<'a>,
    tasks: usize,
    /// Members with a lower number take part.
    members: usize,
    /// The next task of each share.
    next: [Apart; SHARES],
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'a> Job<'a> {
    fn new(work: Work<'a>, tasks: usize, members: usize) -> Self {
        let shares = SHARES.min(members + 1);
        Self {
            work,
            tasks,
            members,
            next: std::array::from_fn(|share| {
                Apart(AtomicUsize::new(tasks * share.min(shares) / shares))
            }),
            panic: Mutex::new(None),
        }
    }

    /// Takes tasks until none is left, those of share `own` first.
    fn work_off(&self, own: usize) {
        let shares = SHARES.min(self.members + 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for share in (own..own + shares).map(|share| share % shares) {
                let end = self.tasks * (share + 1) / shares;
                loop {
                    let task = self.next[share].0.fetch_add(1, Ordering::Relaxed);
                    if task >= end {
                        break;
                    }
                    (self.work)(task);
                }
            }
        }));
        if let Err(panic) = outcome {
            for next in &self.next {
                next.0.store(self.tasks, Ordering::Relaxed);
            }
            self.panic
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(panic);
        }
    }
}

struct Member {
    thread: Thread,
    asleep: Arc<AtomicBool>,
}

struct Team {
    /// Held by the leader for as long as its work lasts.
    members: Mutex<Vec<Member>>,
    /// The work at hand, or null.
    job: AtomicPtr<Job<'static>>,
    /// Counts the pieces of work, so that members notice a new one.
    round: AtomicU64,
    /// How many members may hold a reference to the job.
    inside: AtomicUsize,
}

fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(|| Team {
        members: Mutex::new(Vec::new()),
        job: AtomicPtr::new(ptr::null_mut()),
        round: AtomicU64::new(0),
        inside: AtomicUsize::new(0),
    })
}

/// Has `tasks` tasks done by `threads` threads, the caller among them; false when the team is busy,
/// and nothing has been done.
pub(super) fn share(threads: usize, tasks: usize, work: Work<'_>) -> bool {
    let team = team();
    let mut members = match team.members.try_lock() {
        Ok(members) => members,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return false,
    };
    grow(&mut members, threads - 1);
    let job = Job::new(work, tasks, threads - 1);
    // Published before `round`, so that whoever sees the new round finds the job.
    team.job.store(
        ptr::from_ref(&job).cast_mut().cast::<Job<'static>>(),
        Ordering::SeqCst,
    );
    team.round.fetch_add(1, Ordering::SeqCst);
    for member in members.iter().take(threads - 1) {
        if member.asleep.swap(false, Ordering::SeqCst) {
            member.thread.unpark();
        }
    }
    job.work_off(0);
    // A member enters (`inside`) before it looks for the job; here the job is withdrawn before
    // looking who is inside. In the one order that all these see, a member that is not counted here
    // looks after the withdrawal. So nobody holds `job` once the count has been zero.
    team.job.store(ptr::null_mut(), Ordering::SeqCst);
    let mut looks = 0;
    while team.inside.load(Ordering::SeqCst) != 0 {
        looks += 1;
        if looks < PATIENCE {
            spin_loop();
        } else {
            thread::yield_now();
        }
    }
    drop(members);
    if let Some(panic) = job
        .panic
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        resume_unwind(panic);
    }
    true
}

/// Starts threads until there are `wanted`. Where the system refuses one, fewer do the work.
fn grow(members: &mut Vec<Member>, wanted: usize) {
    while members.len() < wanted {
        let asleep = Arc::new(AtomicBool::new(false));
        let (number, own) = (members.len(), Arc::clone(&asleep));
        let started = thread::Builder::new()
            .name(format!("limpid-{}", number + 1))
            .spawn(move || serve(number, &own));
        let Ok(handle) = started else { break };
        members.push(Member {
            thread: handle.thread().clone(),
            asleep,
        });
    }
}

/// What a member does all its life.
fn serve(number: usize, asleep: &AtomicBool) {
    let team = team();
    let mut seen = 0;
    let mut looks = 0;
    loop {
        let round = team.round.load(Ordering::SeqCst);
        if round == seen {
            looks += 1;
            if looks < LOOKS {
                spin_loop();
                continue;
            }
            asleep.store(true, Ordering::SeqCst);
            // The leader counts the round up before it looks who sleeps: either it sees this
            // member asleep, or this member sees the new round.
            if team.round.load(Ordering::SeqCst) == seen {
                thread::park();
            }
            asleep.store(false, Ordering::SeqCst);
            continue;
        }
        seen = round;
        team.inside.fetch_add(1, Ordering::SeqCst);
        let job = team.job.load(Ordering::SeqCst);
        // SAFETY: a job that is found while counted as inside stays alive until this member is no
        // longer counted: its leader waits for that in `share`, also when a task panics. The job is
        // only read, and what it holds may be shared (`Sync`).
        if let Some(job) = unsafe { job.as_ref() }
            && number < job.members
        {
            job.work_off(number + 1);
            looks = 0;
        }
        team.inside.fetch_sub(1, Ordering::SeqCst);
    }
}
