use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Ini {
    Ini::parse(text).expect("it is well formed")
}

fn refused(text: &str) -> (usize, String) {
    match Ini::parse(text) {
        Err(ImportError::Malformed { line, reason }) => (line, reason),
        other => panic!("it should be malformed: {other:?}"),
    }
}

fn value<'i>(ini: &'i Ini, section: &str, option: &str) -> &'i str {
    ini.value(section, option).expect("it is there").value()
}

#[test]
fn options_are_read_in_any_case_and_sections_in_theirs() {
    let ini = parsed("[A@b.c]\nToken_URL = https://x/y=z\nscope: a b\n  c\n\n  d\n\n");
    assert_eq!(value(&ini, "A@b.c", "token_url"), "https://x/y=z");
    assert_eq!(value(&ini, "A@b.c", "scope"), "a b\nc\n\nd");
    assert!(ini.section("a@b.c").is_none());
}

#[test]
fn comments_are_lines_of_their_own() {
    let ini = parsed("# a\n[s]\n; b\nkey = value # no comment\n  # c\n  more\n");
    assert_eq!(value(&ini, "s", "key"), "value # no comment\nmore");
}

#[test]
fn defaults_are_inherited() {
    let ini = parsed("[DEFAULT]\na = 1\nb = 2\n[s]\nb = 3\n[DEFAULT]\nc = 4\n");
    assert_eq!(value(&ini, "s", "a"), "1");
    assert_eq!(value(&ini, "s", "b"), "3");
    assert_eq!(value(&ini, "s", "c"), "4");
    let section = ini.section("s").expect("it is there");
    assert_eq!(ini.options(section), BTreeSet::from(["a", "b", "c"]));
    assert_eq!(ini.sections().count(), 1);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_without_a_value() {
    assert_eq!(refused("[a]\nb = 1\n[a]\n").0, 3);
    assert_eq!(refused("[a]\nb = 1\nB : 2\n").0, 3);
    assert_eq!(refused("\nkey = canary\n").0, 2);
    assert_eq!(refused("[a]\n= canary\n").0, 2);
    let (line, reason) = refused("[a]\ncanary\n");
    assert_eq!(line, 2);
    assert!(!reason.contains("canary"), "{reason}");
}

#[test]
fn no_value_is_shown() {
    let shown = format!("{:?}", parsed("[a]\nclient_secret = canary\n"));
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Ini::parse(&text);
    }

    #[test]
    fn what_was_written_plainly_is_read_again(
        values in prop::collection::btree_map("[a-z_]{1,12}", "[!-~]([ -~]{0,30}[!-~])?", 0..8)
    ) {
        let mut text = String::from("[s]\n");
        for (name, value) in &values {
            let _ = writeln!(text, "{name} = {value}");
        }
        let ini = parsed(&text);
        let section = ini.section("s").expect("it is there");
        prop_assert_eq!(ini.options(section).len(), values.len());
        for (name, value) in &values {
            prop_assert_eq!(ini.value("s", name).map(Entry::value), Some(value.as_str()));
        }
    }
}
