//! The text form of a filter: a valid text is printed as text that parses to the same filter, and an error names
//! its position.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat::Filter;

fuzz_target!(|text: &str| {
    match text.parse::<Filter>() {
        Ok(filter) => {
            let printed = filter.to_string();
            match printed.parse::<Filter>() {
                Ok(reparsed) => assert_eq!(reparsed, filter, "printed as {printed:?}"),
                Err(error) => panic!("printed as {printed:?}: {error}"),
            }
        }
        Err(error) => {
            let range = error.range();
            assert_eq!(text.get(range.clone()), Some(error.found()));
            assert_eq!(error.found().is_empty(), range.start == text.len());
            // An error has one line of explanation, the text, and the mark below it, without control characters.
            let message = format!("{error:#}");
            assert_eq!(message.lines().count(), 3, "{message:?}");
            assert!(!message.chars().any(|c| c != '\n' && c.is_control()), "{message:?}");
        }
    }
});
