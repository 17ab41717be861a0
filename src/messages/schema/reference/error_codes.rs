//! The section of the error codes.

use protocol::NackCode;

use crate::messages::schema::markdown::{code, table};

pub(super) fn section() -> String {
    let row = |it: &NackCode| {
        let (meaning, advice) = (it.meaning().to_owned(), it.advice().to_owned());
        [code(it.code()), it.status().to_owned(), meaning, advice]
    };
    let rows = NackCode::ALL.iter().map(row);
    format!("{INTRODUCTION}{}", table(["CODE", "STATUS_CODE", "meaning", "what to do"], rows))
}

const INTRODUCTION: &str = "\
## Error codes

The values of CODE in the elements of ERROR. The root of the NACK repeats CODE and TEXT of the first
element. In this table, *the message* is the refused message; DETAILS and TEXT are those of the
element, except where the table says \"DETAILS of the message\".

";
