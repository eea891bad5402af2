//! Measuring, as C/measure.h: a function is called over and over, every call is timed by the time-stamp counter, and a
//! line says how many there were and the least, median and 99th percentile of their ticks (docs/benchmarks.md).

use std::arch::x86_64::{_mm_lfence, _rdtsc};

/// Most repetitions of a measurement.
pub const REPETITIONS_MAX: usize = 1000;
/// A repetition that makes more calls is done once, without warm-up, and makes up for no others.
const CALLS_MAX: usize = 20_000;
/// Part of the repetitions that come before those that count.
const WARM_UP: usize = 10;

/// Read when everything before is done, and nothing behind begins earlier (Intel SDM vol. 2B, RDTSC).
fn read_counter() -> u64 {
    // SAFETY: both instructions are part of x86-64, with SSE2.
    unsafe {
        _mm_lfence();
        let ticks = _rdtsc();
        _mm_lfence();
        ticks
    }
}

// Functions with these names, so that the host can count instructions between them.

#[no_mangle]
#[inline(never)]
pub extern "C" fn measure_begin() -> u64 {
    read_counter()
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn measure_end() -> u64 {
    read_counter()
}

pub struct Measuring {
    samples: Vec<u64>,
    /// What reading the counter costs, in ticks; subtracted from every sample.
    overhead: u64,
    most_repetitions: usize,
    most_calls: usize,
}

impl Measuring {
    /// With the most repetitions of a measurement and the most calls in one repetition, 0 where there is no limit;
    /// measures what measuring costs: the line about it, `timer.overhead`, is the first to be printed.
    pub fn new(repetitions: usize, calls: usize) -> Self {
        let mut measuring = Measuring {
            samples: Vec::with_capacity(REPETITIONS_MAX),
            overhead: 0,
            most_repetitions: match repetitions {
                0 => REPETITIONS_MAX,
                some => some.min(REPETITIONS_MAX),
            },
            most_calls: if calls == 0 { usize::MAX } else { calls },
        };
        measuring.take(measuring.most_repetitions, &mut || {}, &mut || {});
        measuring.summarize("timer.overhead");
        measuring.overhead = measuring.percentile(50);
        measuring
    }

    /// The sample that `percent` of the sorted ones do not exceed: nearest rank.
    fn percentile(&self, percent: usize) -> u64 {
        self.samples[(self.samples.len() * percent + 99) / 100 - 1]
    }

    fn take(&mut self, count: usize, before: &mut dyn FnMut(), work: &mut dyn FnMut()) {
        self.samples.clear();
        for _ in 0..count {
            before();
            let start = measure_begin();
            work();
            let ticks = measure_end() - start;
            self.samples.push(ticks.saturating_sub(self.overhead));
        }
    }

    fn summarize(&mut self, name: &str) {
        self.samples.sort_unstable();
        println!(
            "BENCH {} n={} min={} median={} p99={}",
            name,
            self.samples.len(),
            self.samples[0],
            self.percentile(50),
            self.percentile(99)
        );
    }

    /// Measures `work`, which makes `calls` calls, at most `repetitions` times, and prints the line; `before` is called
    /// in front of each repetition and not timed. False where a repetition needs more calls than there may be.
    pub fn measure_with(
        &mut self,
        name: &str,
        repetitions: usize,
        calls: usize,
        before: &mut dyn FnMut(),
        work: &mut dyn FnMut(),
    ) -> bool {
        if calls > self.most_calls {
            return false;
        }
        let count = repetitions.min(self.most_repetitions).min(CALLS_MAX / calls).max(1);
        let warm_up = if calls > CALLS_MAX {
            0
        } else {
            (count + WARM_UP - 1) / WARM_UP
        };
        self.take(warm_up, before, work);
        self.take(count, before, work);
        self.summarize(name);
        true
    }

    /// Measures `work`, a single call.
    pub fn measure(&mut self, name: &str, work: &mut dyn FnMut()) {
        self.measure_with(name, REPETITIONS_MAX, 1, &mut || {}, work);
    }
}
