//! What a grant says, read once its signature is proven (T54, T60).

use super::{Expected, moment::Times, object::Object, verdict::Verdict};
use crate::{item::Secret, title::address::Repo};
use serde_json::Value;

/// No grant is valid for longer, in seconds (T54).
pub(super) const LONGEST_LIFETIME: f64 = 900.0;
/// The longest credential, in bytes.
const LONGEST_CREDENTIAL: usize = 8 * 1024;

/// The claims of a grant that is for us.
pub(super) struct Claims {
    pub(super) times: Times,
    pub(super) repo: Repo,
    pub(super) auth: Secret,
    pub(super) catalogs: Option<Vec<String>>,
}

/// Reads the claims, in the order of T60; the first thing that is wrong is the verdict.
pub(super) fn read(json: &[u8], expected: &Expected<'_>) -> Result<Claims, Verdict> {
    let claims =
        Object::parse(json).ok_or(Verdict::Malformed("its claims are no object of different names"))?;
    let audience = format!("urn:uuid:{}", expected.device);
    if text(&claims, "iss")? != expected.service {
        return Err(Verdict::NotOurAnswer);
    }
    if !is_for(&claims, &audience)? || text(&claims, "sub")? != expected.device {
        return Err(Verdict::NotForThisMac);
    }
    if text(&claims, "rid")? != expected.request {
        return Err(Verdict::NotOurAnswer);
    }
    let times = Times {
        expires: seconds(&claims, "exp")?,
        begins: seconds(&claims, "nbf")?,
        issued: seconds(&claims, "iat")?,
    };
    if times.expires - times.issued > LONGEST_LIFETIME {
        return Err(Verdict::LifetimeTooLong);
    }
    let repo = Repo::new(text(&claims, "repo")?).map_err(|_| Verdict::Malformed("repo is no https URL"))?;
    let auth = text(&claims, "auth")?;
    if auth.is_empty() || auth.len() > LONGEST_CREDENTIAL || auth.chars().any(char::is_control) {
        return Err(Verdict::Malformed("auth is no value of a header"));
    }
    Ok(Claims { times, repo, auth: Secret(auth.to_owned()), catalogs: catalogs(&claims)? })
}

fn required<'a>(claims: &'a Object, name: &'static str) -> Result<&'a Value, Verdict> {
    claims.get(name).ok_or(Verdict::MissingClaim(name))
}

pub(super) fn text<'a>(claims: &'a Object, name: &'static str) -> Result<&'a str, Verdict> {
    required(claims, name)?.as_str().ok_or(Verdict::Malformed("a claim that is text is something else"))
}

pub(super) fn seconds(claims: &Object, name: &'static str) -> Result<f64, Verdict> {
    let number = required(claims, name)?.as_f64().filter(|number| number.is_finite());
    number.ok_or(Verdict::Malformed("a claim that is a time is no number"))
}

/// Whether `aud` is `audience`, or an array that holds it.
fn is_for(claims: &Object, audience: &str) -> Result<bool, Verdict> {
    match required(claims, "aud")? {
        Value::String(one) => Ok(one == audience),
        Value::Array(many) => Ok(many.iter().any(|one| one.as_str() == Some(audience))),
        _ => Err(Verdict::Malformed("aud is neither text nor an array")),
    }
}

fn catalogs(claims: &Object) -> Result<Option<Vec<String>>, Verdict> {
    let Some(value) = claims.get("catalogs") else { return Ok(None) };
    let names = value.as_array().and_then(|names| {
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    names.map(Some).ok_or(Verdict::Malformed("catalogs is no array of names"))
}
