//! Text that fits into so many columns of a terminal.

use super::Screen;
use unicode_width::UnicodeWidthChar;

/// The most columns that escaped text takes on a terminal. Terminals do not agree on sequences such as emoji: each
/// character counts by itself, and the selector of the wide form as the column that it may add.
pub(crate) fn width_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char_width).sum() }
}

pub(super) fn char_width(c: char) -> usize {
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

/// The first characters that fit.
pub(super) fn start_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += char_width(*c);
        used > width
    });
    text.get(..end.map_or(text.len(), |(at, _)| at)).unwrap_or_default()
}

/// The last characters that fit.
fn end_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, c)| {
        used += char_width(*c);
        used > width
    });
    text.get(start.map_or(0, |(at, c)| at + c.len_utf8())..).unwrap_or_default()
}

/// Cuts text at its end.
pub(crate) fn cut_end(screen: &Screen, text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    match width {
        0 => String::new(),
        _ => format!("{}{}", start_of(text, width - 1).trim_end(), screen.ellipsis()),
    }
}

/// Cuts text at its start.
pub(crate) fn cut_start(screen: &Screen, text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    width
        .checked_sub(1)
        .map_or_else(String::new, |kept| format!("{}{}", screen.ellipsis(), end_of(text, kept)))
}

/// Cuts the middle out of text.
pub(crate) fn cut_middle(screen: &Screen, text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let Some(kept) = width.checked_sub(1) else { return String::new() };
    let end = kept / 2;
    format!("{}{}{}", start_of(text, kept - end), screen.ellipsis(), end_of(text, end))
}

/// Parts on as few lines as they need, with a separator between those of one line. A part that is longer than a line is
/// broken between words, and a word that is longer where the line ends.
pub(crate) fn wrapped(parts: &[String], separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let mut is_first_word = true;
        for mut word in part.split(' ') {
            let between = if is_first_word { separator } else { " " };
            // A part that fits on a line of its own begins one, rather than being broken.
            let needed = if is_first_word && width_of(part) <= width { part } else { word };
            is_first_word = false;
            if let Some(line) = lines.last_mut()
                && width_of(line) + width_of(between) + width_of(needed) <= width
            {
                line.push_str(between);
                line.push_str(word);
                continue;
            }
            while width_of(word) > width {
                let start = start_of(word, width);
                if start.is_empty() {
                    break;
                }
                lines.push(start.to_owned());
                word = word.get(start.len()..).unwrap_or_default();
            }
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen { unicode: true, ..Screen::new(|_| None, None) }
    }

    #[test]
    fn cut_text_is_never_wider_than_allowed_and_short_text_is_unchanged() {
        for text in
            ["", "a", "nginx", "日本語", "a日b本c語", "🦀🦀", "❤\u{fe0f}❤\u{fe0f}x", "e\u{301}e\u{301}"]
        {
            for width in 0..12 {
                let cuts = [cut_end, cut_start, cut_middle].map(|cut| cut(&screen(), text, width));
                for cut in cuts {
                    assert!(width_of(&cut) <= width, "{text} {width} {cut}");
                    assert_eq!(cut == text, width_of(text) <= width, "{text} {width} {cut}");
                }
            }
        }
    }

    #[test]
    fn text_is_cut_at_the_end_the_start_or_in_the_middle() {
        assert_eq!(cut_start(&screen(), "4026532177", 5), "…2177");
        assert_eq!(cut_end(&screen(), "redis-server", 6), "redis…");
        assert_eq!(cut_end(&screen(), "a b", 3), "a b");
        assert_eq!(cut_end(&screen(), "a bcd", 3), "a…");
        assert_eq!(cut_middle(&screen(), "redis-server", 6), "red…er");
        let ascii = Screen { unicode: false, ..screen() };
        assert_eq!(cut_end(&ascii, "redis-server", 6), "redis~");
    }

    #[test]
    fn parts_are_wrapped_between_parts_then_words_then_characters() {
        let parts = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        assert_eq!(wrapped(&parts(&["a b", "c d"]), " · ", 20), ["a b · c d"]);
        assert_eq!(wrapped(&parts(&["a b", "c d"]), " · ", 8), ["a b", "c d"]);
        assert_eq!(wrapped(&parts(&["a b c d", "e"]), " · ", 5), ["a b c", "d · e"]);
        assert_eq!(wrapped(&parts(&["abcdefgh i"]), " · ", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrapped(&[], " · ", 3), [""; 0]);
    }
}
