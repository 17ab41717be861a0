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

CODE of the elements of ERROR; the first one is repeated at the root of the NACK. *DETAILS* in this
table are those of the element.

";
