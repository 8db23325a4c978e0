//! A value from outside, brought to the form that a column will store.
