//! The text of a filter: what is read is printed as text that reads as the same filter, and what is not is told with
//! its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat::Filter;

fuzz_target!(|text: &str| {
    match text.parse::<Filter>() {
        Ok(filter) => {
            let printed = filter.to_string();
            match printed.parse::<Filter>() {
                Ok(again) => assert_eq!(again, filter, "printed as {printed:?}"),
                Err(error) => panic!("printed as {printed:?}: {error}"),
            }
        }
        Err(error) => {
            let range = error.range();
            assert_eq!(text.get(range.clone()), Some(error.found()));
            assert_eq!(error.found().is_empty(), range.start == text.len());
            // One line that says it, the text, and the mark below: nothing in them for the terminal to obey.
            let said = format!("{error:#}");
            assert_eq!(said.lines().count(), 3, "{said:?}");
            assert!(!said.chars().any(|c| c != '\n' && c.is_control()), "{said:?}");
        }
    }
});
