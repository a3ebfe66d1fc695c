//! What to tell an admin whose file is not JSON: the parser's complaint in plain words, and the usual causes.

use super::place::{Place, Places};

/// Why a document cannot be read.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) problem: String,
    pub(super) hint: Option<String>,
}

impl Broken {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The text of a file in UTF-8, without a byte order mark (R4).
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (Place, Broken)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"bplist") {
        let broken = Broken::new("this is a binary property list, not JSON");
        return Err((Place::START, broken.hint("convert it: plutil -convert json -o bootstrap.json FILE")));
    }
    let wide = matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]);
    if wide {
        let broken = Broken::new("the file is not UTF-8: it looks like UTF-16");
        return Err((Place::START, broken.hint("save it as UTF-8")));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
        let place = valid.map_or(Place::START, |valid| Places::of(valid).at(valid.len()));
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let broken = Broken::new(format!("the file is not UTF-8: byte 0x{byte:02x} does not belong here"));
        (place, broken.hint("save it as UTF-8"))
    })
}

/// The parser's complaint about the character at `offset`, with the usual cause.
pub(super) fn explain(error: &serde_json::Error, text: &str, offset: usize) -> Broken {
    if text.trim().is_empty() {
        return Broken::new("the file is empty").hint("the smallest control file is {}");
    }
    let complaint = error.to_string();
    let complaint = complaint.rsplit_once(" at line ").map_or(complaint.as_str(), |(what, _)| what);
    let broken = Broken::new(if error.is_data() {
        complaint.to_owned()
    } else {
        format!("not JSON: {}", plainly(complaint))
    });
    match cause(complaint, text, offset) {
        Some(hint) => broken.hint(hint),
        None => broken,
    }
}

fn plainly(complaint: &str) -> &str {
    match complaint {
        "expected value" => "a value is missing or cannot be read here",
        "expected `,` or `}`" => "expected `,` or `}` here",
        "expected `,` or `]`" => "expected `,` or `]` here",
        "key must be a string" => "a key must be in double quotes",
        "trailing comma" => "there is a comma before this closing bracket, and nothing after it",
        "trailing characters" => "something follows after the end of the document",
        "EOF while parsing an object" => "the file ends inside an object",
        "EOF while parsing a list" => "the file ends inside an array",
        "EOF while parsing a string" => "the file ends inside a text",
        "EOF while parsing a value" => "the file ends where a value should be",
        other => other,
    }
}

fn cause(complaint: &str, text: &str, offset: usize) -> Option<&'static str> {
    let here = text.get(offset..).unwrap_or_default();
    if text.trim_start().starts_with('<') {
        return Some("this looks like HTML or XML: perhaps a server's error page or login form was saved");
    }
    match here.chars().next() {
        Some('“' | '”' | '„' | '‘' | '’') => {
            return Some("these are typographic quotes: use plain \" instead, and a plain-text editor");
        }
        Some('\'') => return Some("JSON knows only double quotes: use \" instead"),
        Some('#' | '/') => return Some("JSON has no comments: remove it"),
        _ => {}
    }
    if ["True", "False", "None"].iter().any(|word| here.starts_with(word)) {
        return Some("that is Python: JSON writes true, false and null");
    }
    if complaint == "expected `,` or `]`" && begins_with_key(here) {
        return Some("this looks like a key: the array before it must be closed with ], followed by a comma");
    }
    match complaint {
        "trailing comma" => Some("remove the comma before it"),
        "expected `,` or `}`" | "expected `,` or `]`" => Some(
            "usually a comma is missing after the value before this place, or a quote inside a text needs a \\",
        ),
        "trailing characters" => Some("usually there is one closing bracket too many before it"),
        "EOF while parsing an object" | "EOF while parsing a list" | "EOF while parsing a value" => {
            Some("a closing bracket is missing, or the file was cut off")
        }
        "EOF while parsing a string" => Some("a closing \" is missing, or the file was cut off"),
        "invalid number" => {
            Some("is there a stray character before this place? numbers look like 3, -3 or 0.5")
        }
        "invalid escape" => Some("in JSON a backslash is written \\\\"),
        _ if complaint.starts_with("control character") && here.starts_with('\t') => {
            Some("a tab inside a text is written \\t")
        }
        _ if complaint.starts_with("control character") => {
            Some("a text must not run over a line's end: is a closing \" missing?")
        }
        _ => None,
    }
}

/// Whether `text` begins with `"…":`.
fn begins_with_key(text: &str) -> bool {
    let after = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    after.is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use crate::control::raw::Document;

    fn refusal(bytes: &[u8]) -> String {
        let (place, broken) = Document::parse(bytes).err().unwrap();
        format!("{}:{}: {} / {}", place.line, place.column, broken.problem, broken.hint.unwrap_or_default())
    }

    #[test]
    fn r4_the_usual_mistakes_are_named_with_their_place() {
        let vectors: [(&[u8], &str, &str); 17] = [
            (b"", "1:1: ", "the file is empty"),
            (b"{\"a\": [1,]}", "1:10: ", "remove the comma"),
            (b"{\"a\": 1,\n}", "2:1: ", "remove the comma"),
            (b"{\"a\": 1\n\"b\": 2}", "2:1: ", "comma is missing"),
            (b"{\"a\": 1", "1:", "the file ends inside an object"),
            (b"{}\n}", "2:1: ", "one closing bracket too many"),
            ("{\"č\": “a”}".as_bytes(), "1:7: ", "typographic quotes"),
            (b"{'a': 1}", "1:2: ", "double quotes"),
            (b"{\"a\": True}", "1:7: ", "Python"),
            (b"{\n# no\n}", "2:1: ", "no comments"),
            (b"<html>", "1:1: ", "error page"),
            (b"{\n\"a\": \"\xE9\"}", "2:7: ", "0xe9"),
            (b"\xFF\xFE{\0}\0", "1:1: ", "UTF-16"),
            (b"{\"a\": [1\n\"b\": 2}", "2:1: ", "closed with ]"),
            (b"-{}", "1:2: ", "stray character"),
            (b"bplist00", "1:1: ", "plutil"),
            (b"{\"a\": \"b\tc\"}", "1:9: ", "a tab"),
        ];
        for (bytes, place, words) in vectors {
            let told = refusal(bytes);
            assert!(told.starts_with(place) && told.contains(words), "{told} should be {place}… {words}");
        }
    }

    #[test]
    fn r4_a_byte_order_mark_is_skipped() {
        assert!(Document::parse(b"\xEF\xBB\xBF{}").is_ok());
        assert!(refusal(b"\xEF\xBB\xBF{").starts_with("1:"));
    }
}
