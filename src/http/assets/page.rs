//! The page's files and their names.
//!
//! A script or stylesheet has two names: its own (`/house.js`), and one with its content's hash in
//! it (`/house.1f0c9d2e4b.js`). The files themselves speak in plain names only, so they run as they
//! are from any folder. What makes a browser use the other names is written into index.html when
//! the house starts: the addresses in its head, and an import map, which says what every `import`
//! means. The service worker learns the names from `page.js`, which is made here too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::http::CONTENT_SECURITY_POLICY;

/// Digits of a hash in a name: 40 bits tell a page's files apart through all its versions.
pub(super) const HASH_DIGITS: usize = 10;

/// Where index.html takes its import map.
const IMPORT_MAP_HERE: &str = "<!-- import map -->";

/// A worker, what it imports, and a page for developers: no import map reaches them.
const PLAIN_ONLY: [&str; 3] = ["sw.js", "page.js", "docs.js"];

/// Whether the service worker keeps a file: neither itself, nor what only people who are online
/// look at, nor the pictures that a system takes when the page is installed.
fn is_kept(path: &str) -> bool {
    !PLAIN_ONLY.contains(&path) && path != "docs.html" && ending(path) != "png"
}

/// A file as it is embedded.
pub(super) struct Embedded {
    pub(super) path: String,
    pub(super) body: Cow<'static, [u8]>,
    pub(super) hash: [u8; 32],
}

/// A file as it is sent.
pub(super) struct File {
    body: Bytes,
    hash: String,
    media_type: &'static str,
    policy: Option<HeaderValue>,
    packed: OnceLock<Option<Bytes>>,
}

/// A file, and whether it was asked for by the name that has its hash.
pub(super) struct Found<'a> {
    pub(super) file: &'a File,
    pub(super) by_hash: bool,
}

/// All files by their plain names.
pub(super) struct Page {
    files: HashMap<String, File>,
}

impl Page {
    pub(super) fn of(embedded: impl Iterator<Item = Embedded>) -> Self {
        let mut files = HashMap::new();
        for Embedded { path, body, hash } in embedded {
            let body = match body {
                Cow::Borrowed(body) => Bytes::from_static(body),
                Cow::Owned(body) => Bytes::from(body),
            };
            let file = File::new(&path, body, hex(&hash));
            files.insert(path, file);
        }
        let mut page = Self { files };
        let names = page.names();
        page.make("page.js", &kept(&page.files, &names));
        for path in ["index.html", "docs.html"] {
            page.address(path, &names);
        }
        page
    }

    /// The file that `path` means. A name with another hash means the same file: a page that was
    /// opened before the server was renewed still finds what it has not loaded yet.
    pub(super) fn find(&self, path: &str) -> Option<Found<'_>> {
        if let Some(file) = self.files.get(path) {
            return Some(Found { file, by_hash: false });
        }
        let (front, ending) = path.rsplit_once('.')?;
        let (stem, hash) = front.rsplit_once('.')?;
        let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let plain = is_hash.then(|| format!("{stem}.{ending}"))?;
        let file = self.files.get(&plain).filter(|_| has_second_name(&plain))?;
        Some(Found { file, by_hash: file.hash.starts_with(hash) })
    }

    /// Second names by plain ones, in order, so that every start makes the same page.
    fn names(&self) -> Vec<(String, String)> {
        let files = self.files.iter().filter(|(path, _)| has_second_name(path));
        let mut names: Vec<_> = files
            .filter_map(|(path, file)| {
                let (stem, ending) = path.rsplit_once('.')?;
                let hash = file.hash.get(..HASH_DIGITS)?;
                Some((path.clone(), format!("{stem}.{hash}.{ending}")))
            })
            .collect();
        names.sort_unstable();
        names
    }

    /// Writes the second names into an HTML file, and where it wants one the import map.
    fn address(&mut self, path: &str, names: &[(String, String)]) {
        let Some(file) = self.files.get(path) else { return };
        let mut text = String::from_utf8_lossy(&file.body).into_owned();
        for (plain, second) in names {
            text = text.replace(&format!("\"/{plain}\""), &format!("\"/{second}\""));
        }
        let mut policy = None;
        if text.contains(IMPORT_MAP_HERE) {
            let map = import_map(names);
            let script = format!("<script type=\"importmap\">{map}</script>");
            text = text.replace(IMPORT_MAP_HERE, &script);
            let hash = STANDARD.encode(Sha256::digest(&map));
            let ours = format!("script-src 'self' 'sha256-{hash}'");
            let allowed = CONTENT_SECURITY_POLICY.replace("script-src 'self'", &ours);
            policy = HeaderValue::from_str(&allowed).ok();
        }
        self.make(path, &text);
        if let Some(file) = self.files.get_mut(path) {
            file.policy = policy;
        }
    }

    fn make(&mut self, path: &str, text: &str) {
        let hash = hex(&Sha256::digest(text).into());
        let file = File::new(path, Bytes::copy_from_slice(text.as_bytes()), hash);
        self.files.insert(path.to_owned(), file);
    }
}

impl File {
    fn new(path: &str, body: Bytes, hash: String) -> Self {
        let (media_type, policy, packed) = (media_type(path), None, OnceLock::new());
        Self { body, hash, media_type, policy, packed }
    }

    pub(super) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// SHA-256 in hexadecimal digits.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    pub(super) const fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The file's own content security policy, if it needs one.
    pub(super) const fn policy(&self) -> Option<&HeaderValue> {
        self.policy.as_ref()
    }

    /// Compressed, once, when it is first asked for; `None` where that gains nothing.
    pub(super) fn packed(&self) -> Option<&Bytes> {
        let pack = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&self.body).ok()?;
            let packed = encoder.finish().ok()?;
            (packed.len() < self.body.len()).then(|| packed.into())
        };
        self.packed.get_or_init(pack).as_ref()
    }
}

fn has_second_name(path: &str) -> bool {
    matches!(ending(path), "js" | "css") && !PLAIN_ONLY.contains(&path)
}

fn ending(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

fn import_map(names: &[(String, String)]) -> String {
    let scripts = names.iter().filter(|(plain, _)| ending(plain) == "js");
    let imports: serde_json::Map<_, _> =
        scripts.map(|(plain, second)| (format!("/{plain}"), format!("/{second}").into())).collect();
    json!({ "imports": imports }).to_string()
}

/// What the service worker keeps, as a script that it imports.
fn kept(files: &HashMap<String, File>, names: &[(String, String)]) -> String {
    let second = |path: &String| names.iter().find(|(plain, _)| plain == path).map(|(_, s)| s);
    let kept = files.iter().filter(|(path, _)| is_kept(path));
    let mut kept: Vec<_> = kept.map(|(path, file)| (second(path).unwrap_or(path), file)).collect();
    kept.sort_unstable_by_key(|(path, _)| *path);
    let mut version = Sha256::new();
    for (_, file) in &kept {
        version.update(&file.hash);
    }
    let version = hex(&version.finalize().into());
    let address = |path: &str| if path == "index.html" { "/".into() } else { format!("/{path}") };
    let kept: Vec<String> = kept.iter().map(|(path, _)| address(path)).collect();
    format!("self.PAGE = {};\n", json!({ "version": version.get(..HASH_DIGITS), "files": kept }))
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn media_type(path: &str) -> &'static str {
    match ending(path) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(files: &[(&str, &'static str)]) -> Page {
        Page::of(files.iter().map(|(path, text)| Embedded {
            path: (*path).to_owned(),
            body: Cow::Borrowed(text.as_bytes()),
            hash: Sha256::digest(text).into(),
        }))
    }

    fn text(page: &Page, path: &str) -> String {
        String::from_utf8(page.find(path).unwrap().file.body().to_vec()).unwrap()
    }

    const INDEX: &str = "<!-- import map --><link href=\"/style.css\"><script src=\"/app.js\">";

    #[test]
    fn the_head_and_the_imports_use_the_second_names() {
        let page = page(&[("index.html", INDEX), ("app.js", "import './x.js'"), ("style.css", "")]);
        let names = page.names();
        let index = text(&page, "index.html");
        assert_eq!(names.len(), 2, "{names:?}");
        for (plain, second) in names {
            assert!(index.contains(&second) && !index.contains(&format!("=\"/{plain}\"")));
        }
        assert_eq!(text(&page, "app.js"), "import './x.js'", "the file itself stays as it is");
    }

    #[test]
    fn another_content_is_another_name_and_another_version() {
        let [before, after] = ["one", "two"].map(|words| page(&[("app.js", words)]));
        let (_, second) = before.names().remove(0);
        assert!(before.find(&second).unwrap().by_hash);
        assert!(!after.find(&second).unwrap().by_hash);
        assert_ne!(text(&before, "page.js"), text(&after, "page.js"));
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let page = page(&[("icon.png", "x"), ("app.js", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]);
        assert!(page.find("icon.png").unwrap().file.packed().is_none());
        assert!(page.find("app.js").unwrap().file.packed().is_some());
    }
}
