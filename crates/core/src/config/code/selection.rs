//! The code about the files that `init` reads.

use super::Code;
use crate::problem::Level;

codes! {
    Error INVALID_SELECTION "a file of `init --spec` or `init --answers` has a field that is missing, wrong or says something twice"
        "correct it at the marked place; schemas/onboarding-selection.v1.schema.json lists every field";
}
