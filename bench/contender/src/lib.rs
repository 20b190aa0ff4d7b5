//! The calls of netstat that are measured, and the clock that times them.
//!
//! The bench links this crate and runs itself once for each call. For `bench --base` the program of this crate is
//! built twice, with the netstat of this checkout and with that of another one. So [`calls`] uses only what the
//! public interface has in both: a call that is new belongs into the bench itself, where it has no base.

mod account;
pub mod calls;
mod clock;

pub use account::{Account, Answer, Bound, Count, Unavailable, count, count_owners};
pub use clock::Clock;

use std::error::Error;
use std::io::{self, Write};

/// The result of a call.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Lists, timed by the given clock, and counts the rows.
pub type Call = fn(&mut Clock) -> Result<Count>;

/// Makes one call and writes its account as a line to standard output. `port` is the port of the query.
///
/// # Errors
/// The listing fails; standard output cannot be written.
pub fn run(call: Call, port: u16) -> Result<()> {
    let mut clock = Clock::new(port);
    let answer = match call(&mut clock) {
        Ok(count) => Answer::Account(clock.account(count)),
        Err(error) if error.is::<Unavailable>() => Answer::Unavailable(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(writeln!(io::stdout(), "{answer}")?)
}
