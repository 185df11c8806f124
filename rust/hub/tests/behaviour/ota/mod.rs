//! Software over the air: checks, transfers, what interrupts them and how they go on.

mod checks;
mod device;
mod interrupted;
mod updates;
