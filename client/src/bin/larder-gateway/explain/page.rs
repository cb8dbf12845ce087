//! The text of an explanation: lines with their indentation.

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A line so many steps from the left.
    pub(super) fn line(&mut self, depth: usize, text: &str) {
        let blanks = if text.is_empty() { 0 } else { depth * STEP };
        self.text.extend(std::iter::repeat_n(' ', blanks));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A fact: what it is about, and what there is to say.
    pub(super) fn fact(&mut self, depth: usize, about: &str, text: &str) {
        self.line(depth, format!("{about:<ABOUT$}{text}").trim_end());
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

const STEP: usize = 4;
/// The width of what a fact is about.
const ABOUT: usize = 13;
