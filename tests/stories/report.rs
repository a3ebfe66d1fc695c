//! A run told again: the real `iasctl report` on what real runs recorded, and its page in a real browser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use support::{World, chromium::Chromium, program};

/// What would end a script element, an attribute or a line, if it were taken for more than a name.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)> \"'&\u{202e}gnp";

fn report(arguments: &[&str]) -> Output {
    Command::new(program("iasctl")).arg("report").args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = report(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An enrolment in which one script takes longest, and one fails; the record of it.
fn recorded(world: World) -> (support::Outcome, PathBuf) {
    let outcome = world
        .script("setupassistant", "Quick", "exit 0", json!({}))
        .package("setupassistant", "Acme Tools", "com.example.tools", "exit 0", json!({}))
        .script("setupassistant", "Long one", "sleep 1.2", json!({}))
        .script("userland", HOSTILE, "echo out of paper; exit 3", json!({ "fail_policy": "failable" }))
        .run(&[]);
    let record = outcome.on_disk("/Library/Application Support/ias/last-run.ndjson");
    (outcome, record)
}

#[test]
fn what_cost_most_is_told_first_and_the_whole_time_is_accounted_for() {
    let (outcome, record) = recorded(World::new());
    outcome.exits(0);
    let told = json(&[record.to_str().unwrap()]);
    let took = told["took"].as_u64().unwrap();
    let dearest =
        told["items"].as_array().unwrap().iter().max_by_key(|item| item["cost_ms"].as_u64()).unwrap();
    assert_eq!(dearest["name"], "Long one");
    assert!((1200..took).contains(&dearest["cost_ms"].as_u64().unwrap()), "{dearest}");
    let sum: u64 = told["costs"].as_array().unwrap().iter().map(|cost| cost["ms"].as_u64().unwrap()).sum();
    assert_eq!(sum, took);
    assert_eq!(told["counts"], json!({ "done": 3, "current": 0, "skipped": 0, "failed": 1, "open": 0 }));

    let text = String::from_utf8(report(&[outcome.on_disk("/").to_str().unwrap()]).stdout).unwrap();
    let costs: Vec<&str> = text.lines().skip_while(|line| *line != "what cost most").skip(1).collect();
    assert!(costs[0].contains("Long one"), "{text}");
    assert!(text.contains("failed: exit status 3"), "{text}");
}

#[test]
fn a_record_that_is_cut_off_anywhere_is_told_as_far_as_it_goes() {
    let (_outcome, record) = recorded(World::new());
    let whole = fs::read(&record).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("last-run.ndjson");
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let second = first + whole[first..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in (second..whole.len()).step_by(whole.len() / 60 + 1) {
        fs::write(&cut, &whole[..length]).unwrap();
        let page = folder.path().join("page.html");
        let output = report(&[cut.to_str().unwrap(), "--html", page.to_str().unwrap()]);
        assert!(output.status.success(), "{length}: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::write(&cut, "nothing\n").unwrap();
    let output = report(&[cut.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no run is recorded there"));
}

#[test]
fn a_power_cut_in_the_middle_is_part_of_the_story() {
    let outcome = World::new()
        .script("setupassistant", "First", "exit 0", json!({}))
        .script("setupassistant", "Second", "sleep 0.3", json!({}))
        .run(&["--power-cut", "after item_running setupassistant[1]"]);
    outcome.exits(0);
    let record = outcome.on_disk("/Library/Application Support/ias/last-run.ndjson");
    let told = json(&[record.to_str().unwrap()]);
    assert_eq!((&told["starts"], &told["over"]), (&json!(2), &json!(true)));
    let spans = told["spans"].as_array().unwrap();
    let off = spans.iter().find(|span| span["doing"] == "not_running").unwrap();
    let cut = spans.iter().find(|span| span["doing"] == "runs" && span["cut_off"] == true).unwrap();
    assert_eq!((&cut["item"], &cut["to"]), (&json!(1), &off["from"]), "what ran then ended with the power");
    assert_eq!(told["counts"]["done"], 2);
}

#[test]
fn two_runs_are_compared_item_by_item() {
    let (_one, slow) = recorded(World::new());
    let other = World::new().script("setupassistant", "Quick", "exit 0", json!({})).run(&[]);
    let quick = other.on_disk("/Library/Application Support/ias/last-run.ndjson");
    let told = json(&[slow.to_str().unwrap(), "--compare", quick.to_str().unwrap()]);
    let comparison = &told["comparison"];
    let items = comparison["items"].as_array().unwrap();
    let long = items.iter().find(|item| item["name"] == "Long one").unwrap();
    assert_eq!(long["notes"], json!(["not in the other run"]));
    let text =
        String::from_utf8(report(&[slow.to_str().unwrap(), "--compare", quick.to_str().unwrap()]).stdout)
            .unwrap();
    assert!(text.contains("Long one: not in the other run"), "{text}");
    // Which of them was faster is the computer's business; that the words say what the numbers do is ours.
    let (took, other) = (comparison["took"].as_i64().unwrap(), comparison["other_took"].as_i64().unwrap());
    let words = match took - other {
        -99..=99 => "as long",
        ..=-100 => "shorter",
        _ => "longer",
    };
    let line = text.lines().find(|line| line.starts_with("compared with ")).unwrap();
    assert!(line.contains(words), "{line}");
}

/// Writes the page of a run.
fn page(record: &Path, to: &Path) -> String {
    let output = report(&[record.to_str().unwrap(), "--html", to.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(to).unwrap()
}

#[test]
fn the_page_can_be_read_used_with_the_keyboard_and_shown_anywhere() {
    let (_outcome, record) = recorded(World::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.html");
    let html = page(&record, &file);
    assert_eq!(html, page(&record, &file), "the same record gives the same page");
    assert!(!html.contains("<img") && !html.contains('\u{202e}'), "a name is text, whatever it holds");

    let Some(mut browser) = Chromium::start() else { return eprintln!("skipped: no Chromium is installed") };
    browser.size(1280, 900);
    browser.media("screen", "light");
    browser.open(&file);
    assert!(
        browser
            .eval("document.querySelector('h1').textContent")
            .as_str()
            .unwrap()
            .contains("3 of 4 items in place")
    );
    let slowest = "document.querySelector('.slowest').getBoundingClientRect()";
    assert!(
        browser.eval(&format!("{slowest}.bottom < 400")).as_bool().unwrap(),
        "the slowest item is at the top"
    );
    assert_eq!(browser.eval("document.querySelector('.slowest a').textContent"), "Long one");

    // Everything has a name, and no bar lies outside of its lane.
    let nameless = "[...document.querySelectorAll('a, summary')].filter(e => !(e.getAttribute('aria-label') || e.textContent).trim()).length";
    assert_eq!(browser.eval(nameless), 0);
    let outside = "[...document.querySelectorAll('.bar')].filter(bar => { const b = bar.getBoundingClientRect(), t = bar.parentElement.getBoundingClientRect(); \
                   return b.left < t.left - 1 || b.right > t.right + 4 || b.bottom > t.bottom + 1; }).length";
    assert_eq!(browser.eval(outside), 0);

    can_be_used_with_the_keyboard(&mut browser);
    can_be_shown_anywhere(&mut browser);
    assert_eq!(browser.noise, [""; 0], "nothing was logged, thrown or asked of any network");
}

/// From bar to bar, into an item, and back.
fn can_be_used_with_the_keyboard(browser: &mut Chromium) {
    browser.eval("document.querySelector('.bar').focus()");
    let focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.tagName";
    let first = browser.eval(focused);
    browser.press("ArrowRight");
    let second = browser.eval(focused);
    assert_ne!(first, second);
    browser.press("ArrowLeft");
    assert_eq!(browser.eval(focused), first);
    browser.press("End");
    let target = browser.eval("document.activeElement.getAttribute('href')").as_str().unwrap().to_owned();
    browser.press("Enter");
    let opened = format!("document.querySelector('{target}').open");
    assert_eq!(browser.eval(&format!("new Promise(done => setTimeout(() => done({opened}), 50))")), true);
    assert_eq!(browser.eval("document.activeElement.tagName"), "SUMMARY");
    browser.press("Escape");
    assert_eq!(browser.eval("document.activeElement.className.includes('bar')"), true);
}

/// The colours of both worlds, their contrast, and paper.
fn can_be_shown_anywhere(browser: &mut Chromium) {
    let contrast = "(() => { const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };\
                    const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };\
                    const page = getComputedStyle(document.body).backgroundColor;\
                    const texts = [...document.querySelectorAll('h1, p, .quiet, .mark, .slowest a, dt, .name')].map(e => ratio(getComputedStyle(e).color, page));\
                    const bars = [...document.querySelectorAll('.bar.runs, .bar.downloading')].map(e => ratio(getComputedStyle(e).color, getComputedStyle(e).backgroundColor));\
                    return Math.min(...texts, ...bars); })()";
    for scheme in ["light", "dark"] {
        browser.media("screen", scheme);
        let least = browser.eval(contrast).as_f64().unwrap();
        assert!(least >= 4.5, "{scheme}: {least}");
        let before = browser.picture();
        assert_eq!(before, browser.picture(), "nothing moves by itself");
    }
    browser.media("print", "dark");
    assert_eq!(browser.eval("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    browser.media("screen", "light");
    for width in [1280, 800, 375] {
        browser.size(width, 900);
        let fits = browser.eval("document.documentElement.scrollWidth <= innerWidth");
        assert_eq!(fits, true, "at {width} pixels");
    }
}
