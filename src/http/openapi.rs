//! The interface described by itself, out of the handlers.

use axum::Json;
use utoipa::OpenApi;

use super::{
    admin, audit, auth, backup, certificates, devices, grants, health, history, kinds, programs,
    stats,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hearth", description = "Devices and people, in step."),
    paths(
        auth::register::register,
        auth::logins::login,
        auth::logins::refresh,
        auth::logins::logout,
        auth::register::me,
        auth::logins::ticket,
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
        audit::of_device,
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
        kinds::show,
        kinds::thing_model,
        health::live,
        health::ready,
        health::metrics_text,
        admin::tree,
        admin::kill,
        stats::fleet,
        backup::make,
        audit::of_house,
    )
)]
struct Document;

/// `OpenAPI` 3.1.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
