//! Certificates over REST: by which fingerprint a device is known that connects over TLS.
#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::device::DeviceMsg;
use crate::kind::FieldError;
use crate::model::audit::Action;
use crate::model::{DeviceId, Fingerprint, Role};
use crate::session::SessionMsg;
use crate::store::{Batch, CommitError, certificates, devices};

use super::auth::caller::SignedIn;
use super::auth::{note, store_fault, to_device};
use super::devices::device_id;
use super::error::{Body, Problem};
use super::{Floor, HttpFloor};

/// The certificate by which a device is known.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// SHA-256 of the certificate (DER): 64 hexadecimal digits, colons between bytes allowed.
    fingerprint: String,
}

/// The certificate by which the device is known.
#[utoipa::path(get, path = "/devices/{id}/certificate", tag = "devices",
    responses((status = 200, body = Certificate), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn show(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Certificate>, Problem> {
    let id = checked(&floor, &who, &id).await?;
    let found = certificates::of(&floor.store, id).map_err(store_fault)?;
    let fingerprint = found.ok_or_else(Problem::not_found)?.to_string();
    Ok(Json(Certificate { fingerprint }))
}

/// Makes the device known by a certificate, in place of the one before: over TLS it needs no user
/// name then. An open link is closed, and comes back.
#[utoipa::path(put, path = "/devices/{id}/certificate", tag = "devices", request_body = Certificate,
    responses((status = 200, body = Certificate), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn put(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
    Body(asked): Body<Certificate>,
) -> Result<Json<Certificate>, Problem> {
    let id = checked(&floor, &who, &id).await?;
    let fingerprint: Fingerprint = asked.fingerprint.parse().map_err(|error| {
        let fault = FieldError::new("fingerprint", "not_a_fingerprint", format!("{error}"));
        Problem::invalid(vec![fault])
    })?;
    replace(&floor, &who, id, Some(&fingerprint)).await?;
    Ok(Json(Certificate { fingerprint: fingerprint.to_string() }))
}

/// From now on the device is known by no certificate. An open link is closed.
#[utoipa::path(delete, path = "/devices/{id}/certificate", tag = "devices",
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn delete(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = checked(&floor, &who, &id).await?;
    replace(&floor, &who, id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The device, if it is the caller's to decide about.
async fn checked(floor: &HttpFloor, who: &SignedIn, id: &str) -> Result<DeviceId, Problem> {
    let id = device_id(id)?;
    let check = |reply| SessionMsg::Check(id, Role::Owner, reply);
    who.ask(floor, check).await?;
    Ok(id)
}

async fn replace(
    floor: &HttpFloor,
    who: &SignedIn,
    id: DeviceId,
    new: Option<&Fingerprint>,
) -> Result<(), Problem> {
    let store = &floor.store;
    let device = devices::get(store, id).map_err(store_fault)?.ok_or_else(Problem::not_found)?;
    let old = certificates::of(store, id).map_err(store_fault)?;
    if old.is_none() && new.is_none() {
        return Err(Problem::not_found());
    }
    let mut batch = Batch::new();
    devices::expect_owned(&mut batch, device.owner, id);
    certificates::replace(&mut batch, id, old.as_ref(), new);
    let entry = to_device(id, who.caller(), Action::CertificateChanged)?;
    let entry = match new {
        Some(new) => entry.with("fingerprint", &*new.to_string()),
        None => entry,
    };
    note(floor, &mut batch, &entry)?;
    match store.commit(batch).await {
        Ok(()) => {
            floor.devices.tell(id, DeviceMsg::SecretChanged);
            Ok(())
        }
        Err(CommitError::Conflict) => {
            let detail = "another device is known by this certificate";
            Err(Problem::new(StatusCode::CONFLICT, "certificate_taken", detail))
        }
        Err(error) => Err(store_fault(error)),
    }
}
