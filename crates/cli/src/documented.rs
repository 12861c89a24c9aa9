//! Every command that a page shows is one that `tacita` takes.

use std::{fs, path::Path};

use clap::{Parser as _, error::ErrorKind};

use crate::Cli;

/// What a page writes for something of the reader's, and something that parses.
const PLACEHOLDERS: [(&str, &str); 4] = [
    ("N", "1"),
    ("HEX", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("NUMBER", "1"),
    ("URL", "http://127.0.0.1:7601"),
];

#[test]
fn every_command_in_the_pages_is_one_that_tacita_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    pages.extend(pages_of(&root.join("deploy")));
    pages.extend(pages_of(&root.join("spec")));
    pages.extend(
        ["collector", "relay"].map(|chart| root.join(format!("deploy/helm/tacita-{chart}/templates/NOTES.txt"))),
    );
    let mut commands = 0;
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for (line, shown, whole) in commands_of(&text) {
            commands += 1;
            if let Err(error) = taken(&shown, whole) {
                wrong.push(format!("{}:{line}: {shown}\n{error}", page.display()));
            }
        }
    }
    assert!(commands > 50, "only {commands} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn pages_of(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The commands of a page with their lines: whole ones of its code blocks, and those that a sentence names.
fn commands_of(page: &str) -> Vec<(usize, String, bool)> {
    let mut commands = Vec::new();
    let mut in_block = false;
    for (place, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block || line.starts_with("    ") {
            commands.extend(command_of(line).map(|command| (place + 1, command, true)));
        } else {
            let spans = line.split('`').skip(1).step_by(2).filter(|span| span.starts_with("tacita "));
            commands.extend(spans.map(|span| (place + 1, span.to_owned(), false)));
        }
    }
    commands
}

/// The command of a line, whatever its folder is, and also in a container.
fn command_of(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("target/release/");
    let arguments = line.strip_prefix("tacita ").or_else(|| {
        let others = ["/usr/bin/tacita ", "{{ include \"tacita.image\" . }} "];
        others.iter().find_map(|before| Some(line.split_once(before)?.1))
    });
    arguments.map(|arguments| format!("tacita {arguments}"))
}

/// Whether clap takes it. What a command needs may come by the environment; a sentence may end with "…", and say `one|other`.
fn taken(shown: &str, whole: bool) -> Result<(), String> {
    let (shown, whole) = shown.split_once('…').map_or((shown, whole), |(before, _)| (before, false));
    let words = shlex::split(shown).ok_or("quotes are not closed")?;
    let words = words.into_iter().take_while(|word| word != ">").map(|word| {
        // What may be left out.
        let word = word.trim_start_matches('[').trim_end_matches(']').to_owned();
        let word = word.split_once('|').map_or(word.clone(), |(one, _)| one.to_owned());
        let place = PLACEHOLDERS.iter().find(|(placeholder, _)| *placeholder == word);
        place.map_or(word, |(_, value)| (*value).to_owned())
    });
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::MissingRequiredArgument => Ok(()),
            ErrorKind::MissingSubcommand
            | ErrorKind::InvalidValue
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if !whole =>
            {
                Ok(())
            }
            _ => Err(error.to_string()),
        },
    }
}
