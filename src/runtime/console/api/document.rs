//! The description of the API, made from the code that answers.

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::answers;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Humdrum",
        version = "1",
        description = "What the console shows, for programs. It only reads. Lists are arrays of flat objects; the header \
                       `x-total-count` says how many rows there are in all. Alerts are as on the alert stream."
    ),
    paths(
        answers::overview,
        answers::incidents,
        answers::incident,
        answers::bots,
        answers::bot,
        answers::inventory,
        answers::privileges,
        answers::logs,
    )
)]
struct Api;

/// The document.
pub(super) fn document() -> Document {
    Api::openapi()
}
