//! `ferrobee._core`.
