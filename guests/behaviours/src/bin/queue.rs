//! Message queues word by word: `queue COMMAND…`, each done in turn, the first that fails ending the program with code 1 and its error.
//!
//! | word | what it does |
//! |---|---|
//! | `open NAME [MESSAGES BYTES]` | opens it, and makes it first if it is not there |
//! | `there NAME` | opens it; it must be there |
//! | `wait NAME` | opens it as soon as it is there |
//! | `send TEXT`, `send-bytes COUNT` | sends that text, or so many zeroes |
//! | `receive` | prints the next message |
//! | `attributes` | prints them |
//! | `unlink NAME` | |
//! | `sleep MILLISECONDS` | |
//! | `die-until COUNT` | kills itself while there are fewer messages in the queue |
//! | `fails WORD…` | the word has to fail, and its error is printed |

use std::io::{self, ErrorKind};
use std::time::Duration;

use peapod_guest::mq::{self, Open, Queue};
use peapod_guest::process;

struct Words {
    words: std::iter::Peekable<std::vec::IntoIter<String>>,
    queue: Option<Queue>,
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, text)
}

impl Words {
    fn text(&mut self) -> io::Result<String> {
        self.words.next().ok_or_else(|| wrong("a word is missing"))
    }

    fn number(&mut self) -> Option<u32> {
        let number = self.words.peek()?.parse().ok()?;
        self.words.next();
        Some(number)
    }

    fn queue(&self) -> io::Result<&Queue> {
        self.queue.as_ref().ok_or_else(|| wrong("no queue is open"))
    }

    fn command(&mut self, word: &str) -> io::Result<()> {
        match word {
            "open" => {
                let name = self.text()?;
                let mut open = Open::new().read().write().create();
                if let (Some(messages), Some(bytes)) = (self.number(), self.number()) {
                    open = open.size(messages, bytes);
                }
                self.queue = Some(open.open(&name)?);
            }
            "wait" => {
                let name = self.text()?;
                self.queue = loop {
                    match Open::new().read().write().open(&name) {
                        Err(error) if error.kind() == ErrorKind::NotFound => {
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        opened => break Some(opened?),
                    }
                };
            }
            "there" => {
                let name = self.text()?;
                self.queue = Some(Open::new().read().write().open(&name)?);
            }
            "send" => {
                let text = self.text()?;
                self.queue()?.send(text.as_bytes(), 0)?;
            }
            "send-bytes" => {
                let bytes = vec![0; self.number().unwrap_or(0) as usize];
                self.queue()?.send(&bytes, 0)?;
            }
            "receive" => {
                let (bytes, _) = self.queue()?.receive()?;
                println!("received {}", String::from_utf8_lossy(&bytes));
            }
            "attributes" => {
                let found = self.queue()?.attributes();
                let (messages, bytes) = (found.messages, found.message_bytes);
                println!("{messages} of {bytes}, {} now", found.current);
            }
            "unlink" => mq::unlink(&self.text()?)?,
            "sleep" => {
                let time = self.number().unwrap_or(0);
                std::thread::sleep(Duration::from_millis(time.into()));
            }
            "die-until" => {
                let messages = self.number().unwrap_or(0);
                if self.queue()?.attributes().current < messages {
                    process::signal(process::id(), 9)?;
                }
            }
            "fails" => {
                let word = self.text()?;
                match self.command(&word) {
                    Ok(()) => return Err(wrong("it did not fail")),
                    Err(error) => println!("{word}: {error}"),
                }
            }
            _ => return Err(wrong("no such command")),
        }
        Ok(())
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut words = Words {
        words: words.into_iter().peekable(),
        queue: None,
    };
    while let Some(word) = words.words.next() {
        if let Err(error) = words.command(&word) {
            eprintln!("{word}: {error}");
            behaviours::exit(1);
        }
    }
}
