//! A validator of JSON schema, as far as the schema of control files uses it: any other keyword ends the story.

use serde_json::{Map, Value};

/// What only describes.
const ANNOTATIONS: [&str; 6] =
    ["$schema", "$defs", "title", "description", "deprecated", "deprecationMessage"];

/// Whether `value` is what the part of the schema `root` says.
///
/// # Panics
/// When the schema has a keyword that is not known here.
#[must_use]
pub fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    match schema {
        Value::Bool(verdict) => *verdict,
        Value::Object(keywords) => {
            keywords.iter().all(|(word, argument)| keyword(root, (word, argument), keywords, value))
        }
        other => panic!("no schema: {other}"),
    }
}

fn keyword(
    root: &Value,
    (word, argument): (&str, &Value),
    keywords: &Map<String, Value>,
    value: &Value,
) -> bool {
    let all = |schema: &Value, value: &Value| accepts(root, schema, value);
    let schemas = || argument.as_array().into_iter().flatten();
    let names = || argument.as_array().into_iter().flatten().filter_map(Value::as_str);
    let object = value.as_object();
    match word {
        word if ANNOTATIONS.contains(&word) => true,
        "$ref" => {
            let pointer = argument.as_str().and_then(|place| place.strip_prefix('#')).expect("a place in it");
            all(root.pointer(pointer).expect("a place that is there"), value)
        }
        "type" => match argument {
            Value::String(name) => is(name, value),
            names => {
                names.as_array().into_iter().flatten().any(|name| is(name.as_str().expect("a type"), value))
            }
        },
        "enum" => schemas().any(|known| known == value),
        "anyOf" => schemas().any(|schema| all(schema, value)),
        "allOf" => schemas().all(|schema| all(schema, value)),
        "not" => !all(argument, value),
        "if" => {
            let then = if all(argument, value) { "then" } else { "else" };
            keywords.get(then).is_none_or(|schema| all(schema, value))
        }
        "then" | "else" => keywords.contains_key("if"),
        "pattern" => value.as_str().is_none_or(|text| matches(argument.as_str().expect("a pattern"), text)),
        "minimum" => value.as_f64().zip(argument.as_f64()).is_none_or(|(value, least)| value >= least),
        "maximum" => value.as_f64().zip(argument.as_f64()).is_none_or(|(value, most)| value <= most),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= count(argument)),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= count(argument)),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= count(argument)),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| all(argument, item))),
        "required" => object.is_none_or(|object| names().all(|name| object.contains_key(name))),
        "properties" => object.is_none_or(|object| {
            let known = argument.as_object().expect("schemas of members");
            known.iter().all(|(key, schema)| object.get(key).is_none_or(|value| all(schema, value)))
        }),
        "additionalProperties" => object.is_none_or(|object| {
            let known = keywords.get("properties").and_then(Value::as_object);
            let others = object.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
            others.into_iter().all(|(_, value)| all(argument, value))
        }),
        "propertyNames" => {
            object.is_none_or(|object| object.keys().all(|key| all(argument, &Value::String(key.clone()))))
        }
        "dependentRequired" => object.is_none_or(|object| {
            let wanted = argument.as_object().expect("names of members");
            wanted.iter().filter(|(key, _)| object.contains_key(*key)).all(|(_, names)| {
                names
                    .as_array()
                    .into_iter()
                    .flatten()
                    .all(|name| object.contains_key(name.as_str().expect("a name")))
            })
        }),
        other => panic!("the keyword {other} is not known here"),
    }
}

fn count(argument: &Value) -> u64 {
    argument.as_u64().expect("a count")
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

/// Whether the pattern is found in `text`: groups, `|`, sets, `. \s \S`, `^ $`, and `* + ? {n}` behind one thing.
///
/// # Panics
/// When the pattern is broken.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    (0..=text.len()).any(|start| !ends(&pattern, &text, start).is_empty())
}

/// Where the alternatives of `pattern` can end when they begin at `start`.
fn ends(pattern: &[char], text: &[char], start: usize) -> Vec<usize> {
    let mut places: Vec<usize> = alternatives(pattern)
        .into_iter()
        .flat_map(|mut rest| {
            let mut places = vec![start];
            while !rest.is_empty() {
                let (thing, behind) = rest.split_at(length(rest));
                let (least, most, after) = repetition(behind);
                places = repeated(thing, text, &places, least, most);
                rest = after;
            }
            places
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn repeated(thing: &[char], text: &[char], from: &[usize], least: usize, most: usize) -> Vec<usize> {
    let mut found: Vec<usize> = if least == 0 { from.to_vec() } else { Vec::new() };
    let mut places = from.to_vec();
    for time in 1..=most.min(text.len() + 1) {
        let mut next: Vec<usize> = places.iter().flat_map(|place| once(thing, text, *place)).collect();
        next.sort_unstable();
        next.dedup();
        if next.is_empty() || next == places {
            // Nothing new comes any more; what needs no room may be there as often as wanted.
            if next == places {
                found.extend(next);
            }
            break;
        }
        if time >= least {
            found.extend(&next);
        }
        places = next;
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn once(thing: &[char], text: &[char], at: usize) -> Vec<usize> {
    let fits = |fits: bool| if fits { vec![at + 1] } else { Vec::new() };
    match (thing, text.get(at)) {
        (['^'], _) => {
            if at == 0 {
                vec![at]
            } else {
                Vec::new()
            }
        }
        (['$'], found) => {
            if found.is_none() {
                vec![at]
            } else {
                Vec::new()
            }
        }
        (['(', inner @ .., ')'], _) => ends(inner, text, at),
        (_, None) => Vec::new(),
        (['.'], Some(_)) => fits(true),
        (['\\', 's'], Some(c)) => fits(c.is_whitespace()),
        (['\\', 'S'], Some(c)) => fits(!c.is_whitespace()),
        (['\\', escaped], Some(c)) => fits(escaped == c),
        (['[', '^', set @ .., ']'], Some(c)) => fits(!in_set(set, *c)),
        (['[', set @ .., ']'], Some(c)) => fits(in_set(set, *c)),
        ([plain], Some(c)) => fits(plain == c),
        (other, _) => panic!("a pattern with {other:?}"),
    }
}

fn in_set(set: &[char], c: char) -> bool {
    let mut rest = set;
    loop {
        rest = match rest {
            [] => return false,
            ['\\', escaped, ..] if *escaped == c => return true,
            ['\\', _, after @ ..] => after,
            [first, '-', last, after @ ..] => {
                if (*first..=*last).contains(&c) {
                    return true;
                }
                after
            }
            [one, ..] if *one == c => return true,
            [_, after @ ..] => after,
        };
    }
}

/// The length of the first thing of a pattern.
fn length(pattern: &[char]) -> usize {
    match pattern {
        ['\\', ..] => 2,
        ['[', rest @ ..] => rest.iter().position(|c| *c == ']').expect("a set that ends") + 2,
        ['(', rest @ ..] => {
            let (mut depth, mut at) = (1, 0);
            while depth > 0 {
                match rest.get(at).expect("a group that ends") {
                    '\\' => at += 1,
                    '[' => at += length(&rest[at..]) - 1,
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            at + 1
        }
        _ => 1,
    }
}

fn repetition(behind: &[char]) -> (usize, usize, &[char]) {
    match behind {
        ['*', after @ ..] => (0, usize::MAX, after),
        ['+', after @ ..] => (1, usize::MAX, after),
        ['?', after @ ..] => (0, 1, after),
        ['{', rest @ ..] => {
            let end = rest.iter().position(|c| *c == '}').expect("a count that ends");
            let count: String = rest[..end].iter().collect();
            let count = count.parse().expect("a count");
            (count, count, &rest[end + 1..])
        }
        after => (1, 1, after),
    }
}

/// What stands between the `|` outside of groups.
fn alternatives(pattern: &[char]) -> Vec<&[char]> {
    let (mut found, mut begin, mut at) = (Vec::new(), 0, 0);
    while at < pattern.len() {
        if pattern[at] == '|' {
            found.push(&pattern[begin..at]);
            begin = at + 1;
            at += 1;
        } else {
            at += length(&pattern[at..]);
        }
    }
    found.push(&pattern[begin..]);
    found
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_as_javascript_has_them() {
        let hex = "^([sS]ha256[-:])?[0-9a-fA-F]{4}$";
        let vectors = [
            (hex, "12aF", true),
            (hex, "sha256:12aF", true),
            (hex, "12aG", false),
            (hex, "12aF0", false),
            ("[^/]$", "/a/b", true),
            ("[^/]$", "/a/", false),
            ("[^/]$", "", false),
            (r"(^|/)\.\.(/|$)", "/a/../b", true),
            (r"(^|/)\.\.(/|$)", "/a/..b", false),
            (r"^\s*$|^x", " ", true),
            (r"^\s*(yes|y|)\s*$", " y ", true),
            (r"^\s*(yes|y|)\s*$", "ye", false),
            (r"^0*[1-9][0-9]*(\.0+)?$", "0010.00", true),
            (r"^0*[1-9][0-9]*(\.0+)?$", "0.0", false),
            (r"^[^/\\]+$", "a\\b", false),
            ("^[-_]*(a[-_]*b)[-_]*$", "-a__b", true),
            ("^([^-]|$)", "", true),
            ("^([^-]|$)", "-a", false),
        ];
        for (pattern, text, expected) in vectors {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text:?}");
        }
    }
}
