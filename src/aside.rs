//! Work that comments go before, such as reading a model while others are judged.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// How much a thread gives way (`nice`): beside one that judges, it has a tenth
/// of a processor, and a free one whole.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Does the work on a thread of its own that gives way to others, and waits for
/// it. Where there can be no such thread, does it here.
pub(crate) fn aside<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let on_its_own = scope(|scope| {
        let worker = Builder::new().name("aside".into()).spawn_scoped(scope, || {
            give_way();
            work()
        });
        worker.ok().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    on_its_own.unwrap_or_else(work)
}

/// Only a thread of Linux has a priority of its own. That it may not be lowered
/// changes nothing but how long others wait.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        if getpriority_process(None).is_ok_and(|now| now < NICE) {
            let _ = setpriority_process(None, NICE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_work_gives_way() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(aside(nice), NICE.max(before));
        assert_eq!(nice(), before);
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_panic_of_the_work_is_the_callers() {
        aside(|| panic!("broken"));
    }
}
