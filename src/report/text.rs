//! Hostile text: what operators, subjects and commands wrote, made fit for a document.

use std::fmt::Write as _;

/// Makes text printable: terminal colours and cursor movements are removed, other control characters
/// and the invisible ones that reorder or hide text become visible. Line feeds and tabs stay.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\u{1b}' if chars.peek() == Some(&'[') => {
                let rest: String = chars.clone().skip(1).take(32).collect();
                match rest.find(|c: char| !matches!(c, '\u{20}'..='\u{3f}')) {
                    // A complete control sequence (ECMA-48, 5.4): parameters, then a final byte.
                    Some(end) if rest[end..].starts_with(|c| matches!(c, '@'..='~')) => {
                        for _ in 0..=rest[..=end].chars().count() {
                            chars.next();
                        }
                    }
                    _ => out.push('␛'),
                }
            }
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('␦')),
            '\u{7f}' => out.push('␡'),
            _ if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "⟨U+{:04X}⟩", c as u32);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Characters that change how others are shown, or that cannot be seen, and that XML forbids.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Text for HTML and SVG, between tags or in quoted attributes.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// Text for a paragraph or a table cell of Markdown: one line, nothing in it has a meaning.
/// Addresses do not become links, nor do names and numbers become mentions.
pub fn markdown(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            '\n' | '\t' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            ':' if next == '/' => out.push_str("&#58;"),
            '.' if ends_with_www(&out) => out.push_str("&#46;"),
            '_' if before.is_alphanumeric() && next.is_alphanumeric() => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' | '@' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = c;
    }
    out
}

fn ends_with_www(text: &str) -> bool {
    text.as_bytes().last_chunk::<3>().is_some_and(|tail| tail.eq_ignore_ascii_case(b"www"))
}

/// A fenced block of Markdown; the fence is longer than any run of backticks inside.
pub fn fenced(text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// At most about `limit` bytes of a text, its middle left out, and the number of bytes left out.
pub fn shortened(text: &str, limit: usize) -> (String, usize) {
    if text.len() <= limit {
        return (text.to_owned(), 0);
    }
    let head = text.floor_char_boundary(limit * 2 / 3);
    let tail = text.ceil_char_boundary(text.len() - limit / 3);
    let cut = tail - head;
    (format!("{}\n[… {cut} bytes left out here …]\n{}", &text[..head], &text[tail..]), cut)
}

/// The first line of a text, at most `limit` characters.
pub fn one_line(text: &str, limit: usize) -> String {
    let line = visible(text.lines().next().unwrap_or_default()).replace('\t', " ");
    let more = text.lines().nth(1).is_some();
    if line.chars().count() <= limit && !more {
        return line;
    }
    let cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(visible("a\u{1b}[1;31mred\u{1b}[0m b\r\nc\td"), "ared b\nc\td");
        assert_eq!(visible("\u{1b}]0;x\u{7}\0\u{7f}\r"), "␛]0;x␇␀␡␍");
        assert_eq!(visible("\u{1b}["), "␛[");
        assert_eq!(visible("\u{202e}\u{200b}é\u{85}"), "⟨U+202E⟩⟨U+200B⟩é⟨U+0085⟩");
        let long = format!("\u{1b}[{}m", "1;".repeat(50));
        assert!(visible(&long).starts_with('␛'), "not one that a terminal would take either");
    }

    #[test]
    fn markdown_has_no_meaning() {
        assert_eq!(
            markdown("[a](https://b) www.c.d *e* _f_ g_h | #1 @i <b>&amp;\n`j`"),
            "\\[a\\](https&#58;//b) www&#46;c.d \\*e\\* \\_f\\_ g_h \\| \\#1 \\@i &lt;b&gt;&amp;amp; \\`j\\`"
        );
        assert!(fenced("a\n`````\nb").starts_with("``````text\n"));
        assert_eq!(fenced("a"), "```text\na\n```\n");
    }

    #[test]
    fn long_text_loses_its_middle() {
        let (short, cut) = shortened(&"é".repeat(1000), 100);
        assert!(short.len() < 180 && cut > 1800, "{short}");
        assert_eq!(shortened("short", 100), ("short".to_owned(), 0));
        assert_eq!(one_line("first\nsecond", 80), "first…");
        assert_eq!(one_line("0123456789", 5), "0123…");
    }
}
