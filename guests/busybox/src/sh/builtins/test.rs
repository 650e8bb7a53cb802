//! `test` and `[`, over brush's grammar.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use brush_parser::ast::{BinaryPredicate, TestExpr, UnaryPredicate};

/// Whether it holds; `args` begin with the command's name, and relative paths start at `base`.
pub(crate) fn test(args: &[String], base: &str) -> Result<bool, String> {
    let (name, mut operands) = args.split_first().ok_or("test: no name")?;
    if name.ends_with('[') {
        match operands.split_last() {
            Some((last, rest)) if last == "]" => operands = rest,
            _ => return Err("[: missing ]".to_owned()),
        }
    }
    let tester = Tester {
        name,
        base: Path::new(base),
    };
    // The usual condition of a loop goes without the grammar: `[ $i -lt 10 ]`.
    if let [left, operator, right] = operands
        && let Some(predicate) = plain(operator)
    {
        return tester.binary(&predicate, left, right);
    }
    let expression = brush_parser::test_command::parse(operands)
        .map_err(|_| format!("{name}: {}: unknown operand", operands.join(" ")))?;
    tester.evaluate(&expression)
}

/// The most used operators.
fn plain(operator: &str) -> Option<BinaryPredicate> {
    Some(match operator {
        "=" => BinaryPredicate::StringExactlyMatchesString,
        "!=" => BinaryPredicate::StringDoesNotExactlyMatchString,
        "-eq" => BinaryPredicate::ArithmeticEqualTo,
        "-ne" => BinaryPredicate::ArithmeticNotEqualTo,
        "-lt" => BinaryPredicate::ArithmeticLessThan,
        "-le" => BinaryPredicate::ArithmeticLessThanOrEqualTo,
        "-gt" => BinaryPredicate::ArithmeticGreaterThan,
        "-ge" => BinaryPredicate::ArithmeticGreaterThanOrEqualTo,
        _ => return None,
    })
}

struct Tester<'a> {
    name: &'a str,
    base: &'a Path,
}

impl Tester<'_> {
    fn evaluate(&self, expression: &TestExpr) -> Result<bool, String> {
        Ok(match expression {
            TestExpr::False => false,
            TestExpr::Literal(text) => !text.is_empty(),
            TestExpr::And(left, right) => {
                // Both are looked at, as elsewhere: `[ x -a y -eq 1 ]` complains about y.
                let left = self.evaluate(left)?;
                self.evaluate(right)? && left
            }
            TestExpr::Or(left, right) => {
                let left = self.evaluate(left)?;
                self.evaluate(right)? || left
            }
            TestExpr::Not(inner) => !self.evaluate(inner)?,
            TestExpr::Parenthesized(inner) => self.evaluate(inner)?,
            TestExpr::UnaryTest(predicate, operand) => self.unary(predicate, operand)?,
            TestExpr::BinaryTest(predicate, left, right) => self.binary(predicate, left, right)?,
        })
    }

    fn path(&self, operand: &str) -> Option<PathBuf> {
        // An empty name is no file, and not the directory either.
        (!operand.is_empty()).then(|| self.base.join(operand))
    }

    fn file(&self, operand: &str, is: impl Fn(&Metadata) -> bool) -> bool {
        self.path(operand)
            .and_then(|path| path.metadata().ok())
            .is_some_and(|metadata| is(&metadata))
    }

    fn unary(&self, predicate: &UnaryPredicate, operand: &str) -> Result<bool, String> {
        use UnaryPredicate as P;
        Ok(match predicate {
            P::StringHasNonZeroLength => !operand.is_empty(),
            P::StringHasZeroLength => operand.is_empty(),
            P::FileExistsAndIsDir => self.file(operand, Metadata::is_dir),
            P::FileExistsAndIsRegularFile => self.file(operand, Metadata::is_file),
            P::FileExistsAndIsNotZeroLength => self.file(operand, |file| file.len() > 0),
            P::FileExistsAndIsSymlink => self.path(operand).is_some_and(|path| path.is_symlink()),
            // WASI's files have neither modes nor owners: what is there can be used, and is one's own.
            P::FileExists
            | P::FileExistsAndIsReadable
            | P::FileExistsAndIsExecutable
            | P::FileExistsAndOwnedByEffectiveGroupId
            | P::FileExistsAndOwnedByEffectiveUserId => self.file(operand, |_| true),
            P::FileExistsAndIsWritable => self.file(operand, |file| !file.permissions().readonly()),
            P::FileExistsAndIsCharSpecialFile => {
                operand == "/dev/null"
                    || self.file(operand, |file| !file.is_file() && !file.is_dir())
            }
            P::FdIsOpenTerminal
            | P::FileExistsAndIsBlockSpecialFile
            | P::FileExistsAndIsFifo
            | P::FileExistsAndIsSocket
            | P::FileExistsAndIsSetgid
            | P::FileExistsAndIsSetuid
            | P::FileExistsAndHasStickyBit => false,
            _ => return Err(format!("{}: unknown operand", self.name)),
        })
    }

    fn binary(&self, predicate: &BinaryPredicate, left: &str, right: &str) -> Result<bool, String> {
        use BinaryPredicate as P;
        let number = |text: &str| {
            text.trim()
                .parse::<i64>()
                .map_err(|_| format!("{}: {text}: bad number", self.name))
        };
        let numbers =
            |is: fn(&i64, &i64) -> bool| Ok::<_, String>(is(&number(left)?, &number(right)?));
        let time = |operand: &str| {
            self.path(operand)
                .and_then(|path| path.metadata().ok()?.modified().ok())
        };
        let newer =
            |one: Option<SystemTime>, other: Option<SystemTime>| one.is_some() && one > other;
        Ok(match predicate {
            P::StringExactlyMatchesString | P::StringExactlyMatchesPattern => left == right,
            P::StringDoesNotExactlyMatchString | P::StringDoesNotExactlyMatchPattern => {
                left != right
            }
            P::LeftSortsBeforeRight => left < right,
            P::LeftSortsAfterRight => left > right,
            P::ArithmeticEqualTo => numbers(i64::eq)?,
            P::ArithmeticNotEqualTo => numbers(i64::ne)?,
            P::ArithmeticLessThan => numbers(i64::lt)?,
            P::ArithmeticLessThanOrEqualTo => numbers(i64::le)?,
            P::ArithmeticGreaterThan => numbers(i64::gt)?,
            P::ArithmeticGreaterThanOrEqualTo => numbers(i64::ge)?,
            P::LeftFileIsNewerOrExistsWhenRightDoesNot => newer(time(left), time(right)),
            P::LeftFileIsOlderOrDoesNotExistWhenRightDoes => newer(time(right), time(left)),
            P::FilesReferToSameDeviceAndInodeNumbers => {
                let real =
                    |operand: &str| self.path(operand).and_then(|path| path.canonicalize().ok());
                real(left).is_some() && real(left) == real(right)
            }
            _ => return Err(format!("{}: unknown operand", self.name)),
        })
    }
}
