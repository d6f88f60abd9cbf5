//! The interface described by itself, out of the handlers.

use axum::Json;
use utoipa::OpenApi;

use super::{
    admin, auth, backup, certificates, devices, grants, health, history, kinds, programs, stats,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hearth", description = "Devices and people, in step."),
    paths(
        auth::register,
        auth::login,
        auth::refresh,
        auth::logout,
        auth::me,
        auth::ticket,
        auth::account::logins,
        auth::account::end,
        auth::account::password,
        devices::list,
        devices::create,
        devices::show,
        devices::patch,
        devices::delete,
        devices::new_secret,
        certificates::show,
        certificates::put,
        certificates::delete,
        devices::commands,
        devices::acknowledge,
        grants::list,
        grants::show,
        grants::put,
        grants::delete,
        grants::invite,
        grants::accept,
        history::history,
        history::picture::picture,
        stats::mine,
        programs::tokens,
        programs::new_token,
        programs::end_token,
        programs::clients,
        programs::new_client,
        programs::end_client,
        kinds::list,
        health::live,
        health::ready,
        health::metrics_text,
        admin::tree,
        admin::kill,
        stats::fleet,
        backup::make,
    )
)]
struct Document;

/// `OpenAPI` 3.1.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
