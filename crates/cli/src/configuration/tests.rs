use std::{collections::BTreeSet, ffi::OsString, fs};

use serde::{Deserialize, Serialize};

use super::*;
use crate::settings::{Secret, Span};

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Sample {
    name: String,
    listen_on: Option<u16>,
    password: Option<Secret>,
    windows: Windows,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Windows {
    max_age: Option<Span>,
    origins: Vec<String>,
}

impl Settings for Sample {
    const SERVER: &'static str = "sample";
    const DEFAULTS: &'static str = "name = 'default'\nlisten-on = 1\n[windows]\nmax-age = '1day'\norigins = []\n";

    fn misfits(&self) -> Vec<Misfit> {
        let odd = self.listen_on.is_some_and(|port| port % 2 == 1 && port > 1);
        let long = self.windows.max_age.is_some_and(|age| age.0.as_secs() > 100 * 86_400);
        let odd = odd.then(|| Misfit::new("listen-on", "choose an even one"));
        odd.into_iter().chain(long.then(|| Misfit::new("windows", "choose shorter ones"))).collect()
    }
}

struct Source {
    file: &'static str,
    variables: &'static [(&'static str, &'static str)],
    set: &'static [&'static str],
    flags: &'static str,
}

const NONE: Source = Source { file: "", variables: &[], set: &[], flags: "" };

fn read(source: &Source) -> Loaded<Sample> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.toml");
    fs::write(&path, source.file).unwrap();
    let set = source.set.iter().map(|&set| set.to_owned()).collect();
    let args = ConfigArgs { config: Some(path), set, ..ConfigArgs::default() };
    let variables = source.variables.iter().map(|&(name, value)| (name.to_owned(), OsString::from(value)));
    load_from(&args, source.flags.parse().unwrap(), variables).unwrap()
}

fn problems(source: &Source) -> Vec<String> {
    // Without the folder of the file.
    let named = |problem: &String| {
        problem.split_once("/sample.toml").map_or(problem.clone(), |(_, end)| format!("sample.toml{end}"))
    };
    read(source).problems.iter().map(named).collect()
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let file = "name = 'file'\nlisten-on = 2\n[windows]\nmax-age = '2days'\norigins = ['file']\n";
    let variables = &[
        ("TACITA_SAMPLE__NAME", "variable"),
        ("TACITA_SAMPLE__LISTEN_ON", "4"),
        ("TACITA_SAMPLE__WINDOWS__MAX_AGE", "3days"),
        ("TACITA_OTHER__NAME", "another's"),
    ];
    let all = Source { file, variables, set: &["windows.max-age=4days"], flags: "listen-on = '6'" };
    let loaded = read(&all);
    let from: Vec<_> = loaded.rows().unwrap().into_iter().map(|[_, _, from]| from).collect();
    let settings = loaded.checked().unwrap().0;
    assert_eq!((settings.name.as_str(), settings.listen_on), ("variable", Some(6)));
    assert_eq!(settings.windows.max_age.unwrap().to_string(), "4days");
    assert_eq!(settings.windows.origins, ["file"]);
    assert_eq!(from[..3], ["--listen-on", "TACITA_SAMPLE__NAME", "not set"]);
    assert_eq!(from[3], "--set windows.max-age");
    assert!(from[4].ends_with("sample.toml:5:1"), "{}", from[4]);

    let settings = read(&NONE).checked().unwrap().0;
    assert_eq!((settings.name.as_str(), settings.listen_on), ("default", Some(1)));
}

#[test]
fn every_setting_has_a_variable_of_its_own() {
    for (known, server) in [
        (Known::of::<crate::collector::File>().unwrap(), "collector"),
        (Known::of::<crate::relay::File>().unwrap(), "relay"),
    ] {
        let variables: BTreeSet<_> = known.names().map(known::variable).collect();
        assert_eq!(variables.len(), known.names().count(), "{server}: two settings share a variable");
        assert!(known.names().all(|name| known.of_variable(&known::variable(name)) == Some(name)));
    }
}

/// The settings that a file has, those included that are commented out as `# name = value`.
fn named(text: &str) -> BTreeSet<String> {
    fn gather(table: &Table, within: &str, names: &mut BTreeSet<String>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => gather(inner, &format!("{within}{key}."), names),
                _ => drop(names.insert(format!("{within}{key}"))),
            }
        }
    }
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let uncommented = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.split_once(" = ").is_some_and(|(name, _)| is_name(name)) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    let mut names = BTreeSet::new();
    gather(&text.lines().map(uncommented).collect::<String>().parse().unwrap(), "", &mut names);
    names
}

#[test]
fn every_setting_is_in_its_example_and_the_example_has_no_other() {
    fn check<S: Settings>() {
        let known: BTreeSet<String> = Known::of::<S>().unwrap().names().map(str::to_owned).collect();
        assert_eq!(named(S::DEFAULTS), known, "examples/{}.toml", S::SERVER);
    }
    check::<crate::collector::File>();
    check::<crate::relay::File>();
}

#[test]
fn a_variable_is_read_as_what_the_setting_is() {
    let variables = &[
        ("TACITA_SAMPLE__NAME", "42"),
        ("TACITA_SAMPLE__LISTEN_ON", "42"),
        ("TACITA_SAMPLE__WINDOWS__ORIGINS", "['https://a', 'https://b']"),
    ];
    let settings = read(&Source { variables, ..NONE }).checked().unwrap().0;
    assert_eq!((settings.name.as_str(), settings.listen_on), ("42", Some(42)));
    assert_eq!(settings.windows.origins, ["https://a", "https://b"]);
}

#[test]
fn every_problem_is_named_with_its_place_and_the_remedy() {
    let file = "nam = 'x'\nlisten-on = 'many'\n\n[windows]\nmax-age = 'soon'\n[windws]\norigins = []\n[else]\nx = 1\n";
    let variables = &[("TACITA_SAMPLE__WINDOW__ORIGINS", "[]"), ("TACITA_SAMPLE__WINDOWS__ORIGINS", "https://a")];
    let all = problems(&Source { file, variables, set: &["name", "lsten-on=2"], flags: "" });
    assert_eq!(
        all,
        [
            "sample.toml:1:1: there is no setting 'nam': did you mean 'name'?",
            "sample.toml:6:2: there is no setting 'windws': did you mean 'windows.origins'?",
            "sample.toml:8:2: there is no setting 'else': `tacita check-config` lists those that there are",
            "TACITA_SAMPLE__WINDOW__ORIGINS: there is no setting 'TACITA_SAMPLE__WINDOW__ORIGINS': did you mean \
             'TACITA_SAMPLE__WINDOWS__ORIGINS'?",
            "--set: 'name' has no '=': write SETTING=VALUE",
            "--set: there is no setting 'lsten-on': did you mean 'listen-on'?",
            "sample.toml:2:1: listen-on: invalid type: string \"many\", expected a whole number, not negative; the default is 1",
            "sample.toml:5:1: windows.max-age: 'soon' is not a duration: write it like 90s, 15m or 7d",
            "TACITA_SAMPLE__WINDOWS__ORIGINS: windows.origins: invalid type: string \"https://a\", expected a list in brackets, [\"one\", \"other\"]; the default is []",
        ]
    );
}

#[test]
fn broken_toml_is_named_line_by_line_and_misfits_where_they_were_set() {
    let broken = problems(&Source { file: "name = \nlisten-on = = 2\n", ..NONE });
    assert!(broken.iter().any(|problem| problem.starts_with("sample.toml:1:")), "{broken:?}");
    assert!(broken.iter().any(|problem| problem.starts_with("sample.toml:2:")), "{broken:?}");
    assert_eq!(problems(&Source { file: "listen-on = 3", ..NONE }), ["sample.toml:1:1: listen-on: choose an even one"]);
    let whole = problems(&Source { file: "[windows]\nmax-age = '200days'", ..NONE });
    assert_eq!(whole, ["sample.toml:2:1: windows: choose shorter ones"]);
    let section = problems(&Source { file: "windows = 3", ..NONE });
    assert_eq!(section, ["sample.toml:1:1: 'windows' is a section: write [windows] on a line of its own"]);
}

#[test]
fn a_flag_is_named_as_it_was_written() {
    let mut args = ConfigArgs::default();
    args.set("--port", "listen-on", "3");
    let loaded: Loaded<Sample> = load_from(&args, Table::new(), std::iter::empty()).unwrap();
    assert_eq!(loaded.problems, ["--port: listen-on: choose an even one"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_all_that_is_wrong_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let of = |path: PathBuf| {
        let args = ConfigArgs { config: Some(path), set: vec!["lsten-on=2".to_owned()], ..ConfigArgs::default() };
        let flags = "listen-on = '3'".parse().unwrap();
        let loaded: Loaded<Sample> = load_from(&args, flags, std::iter::empty()).unwrap();
        let problems = loaded.problems.clone();
        assert_eq!(loaded.unchecked().err().unwrap().0, problems[..1]);
        problems
    };
    let missing = of(folder.path().join("missing.toml"));
    assert!(missing[0].contains("missing.toml: cannot be read (No such file"), "{missing:?}");
    assert_eq!(missing[1], "--set: there is no setting 'lsten-on': did you mean 'listen-on'?");
    let path = folder.path().join("latin.toml");
    fs::write(&path, b"# a\nname = 'caf\xe9'\n").unwrap();
    let latin = of(path);
    assert!(latin[0].ends_with("latin.toml:2:12: this is not UTF-8: write the file in it"), "{latin:?}");
    assert_eq!((missing[2].as_str(), missing.len()), ("--listen-on: listen-on: choose an even one", 3));
    assert_eq!(latin[1..], missing[1..]);
}

#[test]
fn a_secret_is_not_shown() {
    let loaded = read(&Source { variables: &[("TACITA_SAMPLE__PASSWORD", "hush")], ..NONE });
    let shown = format!("{:?}", loaded.rows().unwrap());
    assert!(shown.contains("not shown") && !shown.contains("hush"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn no_text_of_a_file_or_a_variable_can_panic(file in ".{0,200}", variable in ".{0,40}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.toml");
        fs::write(&path, file).unwrap();
        let variables = [("TACITA_SAMPLE__NAME".to_owned(), variable.into())].into_iter();
        let args = ConfigArgs { config: Some(path), ..ConfigArgs::default() };
        let loaded: Loaded<Sample> = load_from(&args, Table::new(), variables).unwrap();
        let _ = loaded.checked();
    }
}
