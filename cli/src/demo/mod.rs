//! The demo: the whole story on one machine, through a real server, in the words of the other commands.
//!
//! Every step is a command line that is run in this process, so what the demo shows is what the commands do. Most steps
//! are checks: what must hold is held against what came out, and the number of checks is printed at the end.

mod documents;
mod stage;
mod story;

pub(crate) use self::stage::Stage;
pub(crate) use self::story::tell;
