//! The filter, which applies while it is typed.

use crate::filter_args::FilterArgs;
use netstat::Filter;

/// The line in which a filter is typed.
#[derive(Clone, Debug, Default)]
pub(super) struct FilterLine {
    pub(super) text: String,
    /// Why the text is no filter; what applies is then the last text that was one.
    pub(super) error: Option<String>,
    /// What applied before it was edited, while it is edited.
    before: Option<String>,
}

impl FilterLine {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    pub(super) fn is_edited(&self) -> bool {
        self.before.is_some()
    }

    pub(super) fn edit(&mut self) {
        self.before = Some(self.text.clone());
    }

    /// Types a character, or deletes the last. Returns the filter if there is another one now.
    pub(super) fn type_in(&mut self, typed: Option<char>) -> Option<Filter> {
        match typed {
            Some(c) => self.text.push(c),
            None => drop(self.text.pop()),
        }
        self.parse()
    }

    /// Ends editing with what is typed, or what applied before.
    pub(super) fn end(&mut self, keep: bool) -> Option<Filter> {
        let before = self.before.take()?;
        if !keep || self.error.is_some() {
            self.text = before;
            return self.parse();
        }
        None
    }

    pub(super) fn clear(&mut self) -> Option<Filter> {
        self.text.clear();
        self.parse()
    }

    fn parse(&mut self) -> Option<Filter> {
        let parsed = parse(&self.text);
        self.error = parsed.as_ref().err().cloned();
        parsed.ok()
    }
}

/// The filter of a text, with the meaning that it has on the command line.
fn parse(text: &str) -> Result<Filter, String> {
    if text.trim().is_empty() {
        return Ok(Filter::all());
    }
    let words = FilterArgs { filter: vec![text.trim().to_owned()], ..FilterArgs::default() };
    words.filter(false).map_err(|usage| usage.to_string().lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_applies_as_soon_as_it_is_a_filter_and_escape_restores_the_last() {
        let mut line = FilterLine::new("tcp");
        line.edit();
        let typed: Vec<_> = " and :80".chars().map(|c| line.type_in(Some(c))).collect();
        assert_eq!(typed.last().unwrap().as_ref(), Some(&"tcp and :80".parse().unwrap()));
        assert!(typed[..5].iter().any(Option::is_none), "\"tcp an\" is none");
        line.type_in(Some('('));
        assert!(line.error.is_some());
        assert_eq!(line.end(true), Some(Filter::tcp()), "an error is not kept");
        assert_eq!((line.text.as_str(), line.is_edited()), ("tcp", false));
        line.edit();
        line.type_in(None);
        assert_eq!(line.text, "tc");
        line.end(false);
        assert_eq!(line.text, "tcp");
        assert_eq!(line.clear(), Some(Filter::all()));
        assert_eq!(parse("8080"), Ok(Filter::port(8080)));
    }
}
