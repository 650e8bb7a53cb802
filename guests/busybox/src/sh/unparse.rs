//! Commands back as source, for a shell in another process.
//!
//! brush's own `Display` indents, which changes words and here-documents of several lines, and leaves no room for what follows a
//! here-document on its line. Here words stay as they were written and here-documents come after their line.

use brush_parser::ast::{
    AndOr, AndOrList, CaseItemPostAction, Command, CommandPrefixOrSuffixItem, CompoundCommand,
    CompoundList, FunctionDefinition, IoRedirect, Pipeline, SeparatorOperator, SimpleCommand,
};

/// A command as source.
pub(crate) fn command(command: &Command) -> String {
    let mut writer = Writer::default();
    writer.command(command);
    writer.finish()
}

/// An and-or list as source.
pub(crate) fn and_or(list: &AndOrList) -> String {
    let mut writer = Writer::default();
    writer.and_or(list);
    writer.finish()
}

/// A function's definition as source.
pub(crate) fn function(function: &FunctionDefinition) -> String {
    let mut writer = Writer::default();
    writer.function(function);
    writer.finish()
}

#[derive(Default)]
struct Writer {
    text: String,
    /// Here-documents that begin after the current line.
    documents: String,
}

impl Writer {
    fn finish(mut self) -> String {
        if !self.documents.is_empty() {
            self.newline();
        }
        self.text
    }

    fn word(&mut self, word: &str) {
        self.text.push_str(word);
        self.text.push(' ');
    }

    fn newline(&mut self) {
        self.text.push('\n');
        self.text.push_str(&std::mem::take(&mut self.documents));
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            self.and_or(&item.0);
            if matches!(item.1, SeparatorOperator::Async) {
                self.text.push('&');
            }
            self.newline();
        }
    }

    fn and_or(&mut self, list: &AndOrList) {
        self.pipeline(&list.first);
        for next in &list.additional {
            match next {
                AndOr::And(pipeline) => {
                    self.word("&&");
                    self.pipeline(pipeline);
                }
                AndOr::Or(pipeline) => {
                    self.word("||");
                    self.pipeline(pipeline);
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if pipeline.bang {
            self.word("!");
        }
        for (index, command) in pipeline.seq.iter().enumerate() {
            if index > 0 {
                self.word("|");
            }
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects.iter().flat_map(|list| &list.0));
            }
            Command::Function(function) => self.function(function),
            Command::ExtendedTest(..) => self.word(&command.to_string()),
        }
    }

    fn simple(&mut self, simple: &SimpleCommand) {
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.item(item);
        }
        if let Some(name) = &simple.word_or_name {
            self.word(&name.value);
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item);
        }
    }

    fn item(&mut self, item: &CommandPrefixOrSuffixItem) {
        match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirect) => self.redirect(redirect),
            CommandPrefixOrSuffixItem::Word(word)
            | CommandPrefixOrSuffixItem::AssignmentWord(_, word) => self.word(&word.value),
            CommandPrefixOrSuffixItem::ProcessSubstitution(..) => self.word(&item.to_string()),
        }
    }

    fn redirects<'a>(&mut self, redirects: impl Iterator<Item = &'a IoRedirect>) {
        for redirect in redirects {
            self.redirect(redirect);
        }
    }

    fn redirect(&mut self, redirect: &IoRedirect) {
        match redirect {
            IoRedirect::HereDocument(number, document) => {
                let number = number.map(|number| number.to_string()).unwrap_or_default();
                // The tabs that `<<-` takes away are gone already.
                self.word(&format!("{number}<<{}", document.here_end.value));
                self.documents.push_str(&document.doc.value);
                let end: String = document
                    .here_end
                    .value
                    .chars()
                    .filter(|c| !matches!(c, '\'' | '"' | '\\'))
                    .collect();
                self.documents.push_str(&end);
                self.documents.push('\n');
            }
            other => self.word(&other.to_string()),
        }
    }

    fn function(&mut self, function: &FunctionDefinition) {
        self.word(&format!("{}()", function.fname.value));
        self.compound(&function.body.0);
        self.redirects(function.body.1.iter().flat_map(|list| &list.0));
        self.newline();
    }

    fn block(&mut self, open: &str, list: &CompoundList, close: &str) {
        self.text.push_str(open);
        self.newline();
        self.list(list);
        self.word(close);
    }

    fn compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.block("{", &group.list, "}"),
            CompoundCommand::Subshell(subshell) => self.block("(", &subshell.list, ")"),
            CompoundCommand::ForClause(clause) => {
                self.word("for");
                self.word(&clause.variable_name);
                if let Some(values) = &clause.values {
                    self.word("in");
                    values.iter().for_each(|value| self.word(&value.value));
                }
                self.newline();
                self.block("do", &clause.body.list, "done");
            }
            CompoundCommand::WhileClause(clause) => {
                self.block("while", &clause.0, "do");
                self.list(&clause.1.list);
                self.word("done");
            }
            CompoundCommand::UntilClause(clause) => {
                self.block("until", &clause.0, "do");
                self.list(&clause.1.list);
                self.word("done");
            }
            CompoundCommand::IfClause(clause) => {
                self.block("if", &clause.condition, "then");
                self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    match &other.condition {
                        Some(condition) => self.block("elif", condition, "then"),
                        None => self.word("else"),
                    }
                    self.list(&other.body);
                }
                self.word("fi");
            }
            CompoundCommand::CaseClause(clause) => {
                self.word("case");
                self.word(&clause.value.value);
                self.text.push_str("in");
                self.newline();
                for case in &clause.cases {
                    let patterns: Vec<_> = case
                        .patterns
                        .iter()
                        .map(|pattern| pattern.value.as_str())
                        .collect();
                    self.text.push_str(&format!("({})", patterns.join("|")));
                    self.newline();
                    if let Some(list) = &case.cmd {
                        self.list(list);
                    }
                    self.text.push_str(match case.post_action {
                        CaseItemPostAction::ExitCase => ";;",
                        CaseItemPostAction::UnconditionallyExecuteNextCaseItem => ";&",
                        CaseItemPostAction::ContinueEvaluatingCases => ";;&",
                    });
                    self.newline();
                }
                self.word("esac");
            }
            CompoundCommand::Arithmetic(_)
            | CompoundCommand::ArithmeticForClause(_)
            | CompoundCommand::Coprocess(_) => {
                self.word(&compound.to_string());
            }
        }
    }
}
