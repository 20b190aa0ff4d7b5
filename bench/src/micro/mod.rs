//! Times the decoders alone, in nanoseconds a record.
//!
//! Each case decodes a batch of records. The cases alternate; a sample decodes as many batches as fill some
//! milliseconds, so that the resolution of the clock does not matter. The least of the rounds is the figure: other
//! load on the machine only adds to it.

mod cases;
mod fixture;

use crate::results::Micro;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a sample takes at least.
const SAMPLE: Duration = Duration::from_millis(5);

/// A batch of records to decode.
struct Case {
    name: &'static str,
    /// The case of a peer that decodes the same records.
    peer: Option<&'static str>,
    records: u32,
    /// Decodes them all; the sum depends on each, so that the compiler removes none.
    decode: Box<dyn Fn() -> u64>,
}

impl Case {
    fn time(&self, batches: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..batches {
            black_box((self.decode)());
        }
        start.elapsed()
    }

    /// How many batches fill a sample.
    fn batches(&self) -> u32 {
        let mut batches: u32 = 1;
        while self.time(batches) < SAMPLE {
            batches = batches.saturating_mul(2);
        }
        batches
    }
}

/// Measures all of them.
pub(crate) fn run(rounds: usize) -> Vec<Micro> {
    let cases: Vec<(Case, u32)> = cases::all()
        .into_iter()
        .map(|case| {
            let batches = case.batches();
            (case, batches)
        })
        .collect();
    let mut results: Vec<Micro> = cases
        .iter()
        .map(|(case, _)| Micro {
            name: case.name.to_owned(),
            peer: case.peer.map(str::to_owned),
            nanoseconds: Vec::with_capacity(rounds),
        })
        .collect();
    for _ in 0..rounds {
        for (result, (case, batches)) in results.iter_mut().zip(&cases) {
            let records = f64::from(*batches) * f64::from(case.records);
            let time = case.time(*batches).as_secs_f64();
            result.nanoseconds.push(time * 1e9 / records);
        }
    }
    results
}
