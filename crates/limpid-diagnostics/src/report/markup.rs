//! The few pieces of HTML that every section shares.

use std::fmt::Write;

/// Text that may stand between tags and inside quoted attributes.
///
/// Control characters other than line break and tab become U+FFFD: they are not allowed in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Adds formatted markup; writing to a `String` cannot fail, so there is nothing to return.
macro_rules! put {
    ($page:expr, $($argument:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($page, $($argument)*);
    }};
}
pub(super) use put;

/// A section with a heading that the table of contents leads to.
#[derive(Debug)]
pub(super) struct Section {
    /// The anchor.
    pub(super) id: &'static str,
    /// The heading; our own text, not the user's.
    pub(super) title: &'static str,
    /// Finished markup.
    pub(super) body: String,
}

impl Section {
    /// The section; `None` when it has nothing to show, so that it leaves no empty heading.
    pub(super) fn unless_empty(
        id: &'static str,
        title: &'static str,
        body: String,
    ) -> Option<Self> {
        (!body.is_empty()).then_some(Self { id, title, body })
    }

    /// Appends the section to a page.
    pub(super) fn write_to(&self, page: &mut String) {
        let Self { id, title, body } = self;
        put!(
            page,
            "<section id=\"{id}\">\n<h2>{title}</h2>\n{body}</section>\n"
        );
    }
}

/// Charts side by side where there is room, one below the other where there is none.
pub(super) fn grid(figures: &[String]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    format!("<div class=\"grid\">\n{}</div>\n", figures.concat())
}

/// A paragraph that tells the reader what to see; `text` is finished markup.
pub(super) fn reading(text: &str) -> String {
    format!("<p class=\"reading\">{text}</p>\n")
}

/// Pairs as a two-column table of names and values.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut rows = String::new();
    for (name, value) in pairs {
        let (name, value) = (escape(name), escape(&value));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!("<div class=\"scroll\"><table class=\"pairs\"><tbody>\n{rows}</tbody></table></div>\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Tags that HTML does not close.
    const VOID: [&str; 4] = ["meta", "img", "br", "!doctype"];

    /// Says which tag is left open or closed without having been opened.
    pub(crate) fn unbalanced(page: &str) -> Option<String> {
        let mut open: Vec<String> = Vec::new();
        let mut rest = page;
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>')?;
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            let name: String = tag
                .trim_start_matches('/')
                .chars()
                .take_while(|c| !" /\n".contains(*c))
                .collect();
            if tag.matches('"').count() % 2 == 1 {
                return Some(format!("<{tag}>: a quote is left open"));
            }
            if tag.starts_with('/') {
                match open.pop() {
                    Some(last) if last == name => {}
                    last => return Some(format!("</{name}> after <{last:?}>")),
                }
            } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
                open.push(name);
            }
        }
        open.pop().map(|name| format!("<{name}> is never closed"))
    }

    #[test]
    fn escape_leaves_no_markup() {
        assert_eq!(
            escape("<script>\"a\" & 'b'</script>\u{0}"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;\u{fffd}"
        );
    }

    #[test]
    fn the_balance_check_bites() {
        assert_eq!(unbalanced("<p>a<br>b</p><i/>"), None);
        assert!(unbalanced("<p><b></p></b>").is_some());
        assert!(unbalanced("<p>").is_some());
        assert!(unbalanced("<p class=\"a></p>").is_some());
    }

    #[test]
    fn nothing_makes_no_markup() {
        assert_eq!(pairs([]), "");
        assert_eq!(grid(&[]), "");
        assert!(Section::unless_empty("a", "A", String::new()).is_none());
    }
}
