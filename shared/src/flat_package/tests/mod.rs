//! The reader against archives made by hand, by our writer, by others, and by chance.

mod apple;
mod archive;
mod corpus;
mod fixture;
mod hostile;
mod packed;
mod products;
mod signed;
mod verdicts;
