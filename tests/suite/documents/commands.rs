//! Tests that the command line accepts the commands in the documents.

use clap::error::ErrorKind;

use crate::harness::markdown::{Document, documents};

/// The arguments of every `tollgate` command in a text of shell commands.
fn commands(shell: &str) -> Vec<Vec<String>> {
    let shell = shell.replace("\\\n", " ");
    let words = shell.lines().filter_map(shlex::split).flat_map(|mut words| {
        words.push(";".to_owned());
        words
    });
    let (mut found, mut open): (Vec<Vec<String>>, Option<Vec<String>>) = (Vec::new(), None);
    for word in words {
        let word = word.trim_start_matches("$(").to_owned();
        let ends = ["|", "||", "&&", ";", "&", ">", ">>", "<", "2>", ")"].contains(&word.as_str());
        match &mut open {
            Some(_) if ends => found.extend(open.take()),
            Some(arguments) => arguments.push(word.trim_end_matches(')').to_owned()),
            None if word == "tollgate" || word.ends_with("/tollgate") => open = Some(vec![word]),
            None => {}
        }
    }
    found
}

/// Code spans of the prose that are commands: `tollgate …`.
fn spans(prose: &str) -> Vec<String> {
    let spans = prose.split('`').skip(1).step_by(2);
    spans.filter(|span| span.starts_with("tollgate ")).map(str::to_owned).collect()
}

/// Returns why the command line refuses a command; `None` if it does not. A command in a code span
/// may lack required arguments, and its values may be placeholders.
fn fault(arguments: &[String], may_be_incomplete: bool) -> Option<String> {
    let parsed = tollgate::cli::command().try_get_matches_from(arguments);
    let error = parsed.err()?;
    let is_accepted = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::InvalidValue => may_be_incomplete,
        _ => false,
    };
    (!is_accepted).then(|| format!("{}: {error}", arguments.join(" ")))
}

/// Returns the number of commands of a document, and the faults of the refused commands.
fn check(document: &Document) -> (usize, Vec<String>) {
    let (mut count, mut wrong) = (0, Vec::new());
    let prose = document.prose();
    let shell = |info: &str| info == "sh" || info.starts_with("sh ");
    let fences = document.fences();
    let fenced = fences.iter().filter(|fence| shell(fence.info)).map(|it| (&it.text, false));
    let spans = spans(&prose);
    for (text, may_be_incomplete) in fenced.chain(spans.iter().map(|span| (span, true))) {
        for arguments in commands(text) {
            count += 1;
            let fault = fault(&arguments, may_be_incomplete);
            wrong.extend(fault.map(|fault| format!("{}: {fault}", document.path)));
        }
    }
    (count, wrong)
}

#[test]
fn every_command_of_the_documents_is_accepted() {
    let checked: Vec<_> = documents().iter().map(check).collect();
    let wrong: Vec<_> = checked.iter().flat_map(|(_, wrong)| wrong.as_slice()).cloned().collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let count: usize = checked.iter().map(|(count, _)| count).sum();
    assert!(count > 50, "only {count} commands were found");
}

#[test]
fn wrong_commands_are_found() {
    let text = "Run `tollgate doctor`, `tollgate docter` or `tollgate replay --clinets 3`.\n\
                ```sh\nX=1 tollgate serve --demo &\n\
                echo secret | tollgate send --login jane '{\"A\": 1}' \\\n  --listen-fro 1s\n\
                tollgate import\n```\n";
    let document = Document { path: "sample.md".to_owned(), text: text.to_owned() };
    let (count, wrong) = check(&document);
    assert_eq!((count, wrong.len()), (6, 4), "{wrong:#?}");
    for (fault, part) in wrong.iter().zip(["--listen-fro", "required", "docter", "--clinets"]) {
        assert!(fault.contains(part), "{fault}");
    }
}
