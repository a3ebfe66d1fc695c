//! Stories told through the real programs.

mod advice;
mod agent;
mod bad_day;
mod batches;
mod crafted_packages;
mod credentials;
mod dialects;
mod ending;
mod example;
mod failures;
mod faults;
mod hostile_control_files;
mod intruders;
mod network;
mod once;
mod policies;
mod power_cuts;
mod publish;
mod records;
mod repair;
mod seed;
mod signatures;
mod signers;
mod standalone;
mod stopped;
mod titles;
