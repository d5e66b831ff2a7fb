//! Google Drive share links: which file they mean, and the way through the pages that Drive puts before a
//! large file. Only addresses and pages; asks nothing itself.

use std::collections::BTreeMap;

use html5gum::{StartTag, Token, Tokenizer};
use url::Url;

use crate::source::SourceError;

/// The id of the shared file, if `url` is a share link. Folders and Google's own documents are refused.
pub(in crate::source) fn file_id(url: &Url) -> Result<Option<String>, SourceError> {
    let host = url.host_str().unwrap_or_default();
    if !matches!(host, "drive.google.com" | "docs.google.com" | "drive.usercontent.google.com") {
        return Ok(None);
    }
    let parts: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    // A browser that knows several accounts puts /u/0/ in between.
    let parts: Vec<&str> = match parts.as_slice() {
        [area, "u", _, rest @ ..] => std::iter::once(*area).chain(rest.iter().copied()).collect(),
        other => other.to_vec(),
    };
    let from_query = || query_value(url, "id");
    let id = match parts.as_slice() {
        ["file", "d", id, ..] => Some((*id).to_owned()),
        ["open" | "uc" | "download", ..] => from_query(),
        ["drive", "folders", ..] | ["drive", "folder", ..] => {
            return Err(SourceError::new("the Google Drive link is to a folder, not to a file")
                .with_hint("share the file itself and use its link"));
        }
        ["spreadsheets", "d", ..] if !parts.contains(&"export") && !parts.contains(&"pub") => {
            return Err(SourceError::new("the link is to a Google Sheet, which is no file").with_hint(
                "use https://docs.google.com/spreadsheets/d/ID/export?format=csv with the sheet's ID",
            ));
        }
        _ if host == "docs.google.com" => return Ok(None),
        _ => None,
    };
    let usable = |id: &String| {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    id.filter(usable).map(Some).ok_or_else(|| {
        SourceError::new("the Google Drive link names no file")
            .with_hint("in Drive choose Share, then Copy link: https://drive.google.com/file/d/ID/view")
    })
}

/// Where a shared file is downloaded, for the link `shared`.
pub(in crate::source) fn download_url(base: &Url, id: &str, shared: &Url) -> Url {
    let mut url = base.clone();
    url.set_path("/uc");
    url.query_pairs_mut().clear().append_pair("export", "download").append_pair("id", id);
    if let Some(key) = query_value(shared, "resourcekey") {
        url.query_pairs_mut().append_pair("resourcekey", &key);
    }
    url
}

fn query_value(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Where the page that came instead of the file leads: its download form, or the older confirm link.
pub(in crate::source) fn next_step(html: &[u8], at: &Url, shown: &str) -> Result<Url, SourceError> {
    let page = Page::read(html);
    if let Some(next) = page.form_target(at).or_else(|| page.link_target(at)) {
        return Ok(next);
    }
    if at.host_str() == Some("accounts.google.com") {
        return Err(needs_login(shown));
    }
    Err(refusal(&String::from_utf8_lossy(html), shown).unwrap_or_else(|| {
        SourceError::new(format!("{shown}: Google Drive answered a page that elt does not know"))
            .with_hint("open the link in a private browser window; it must offer the download there")
    }))
}

/// The reason for which Drive's page refuses the file, if it gives one of the known ones.
pub(in crate::source) fn refusal(html: &str, shown: &str) -> Option<SourceError> {
    let text = html.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["quota exceeded", "too many users have viewed or downloaded", "download quota"]) {
        let error =
            SourceError::new(format!("{shown}: Google Drive's download quota for this file is exceeded"));
        return Some(
            error.with_hint("wait up to 24 hours, or make a copy of the file in Drive and share the copy"),
        );
    }
    says(&["servicelogin", "accounts.google.com/signin", "you need access", "request access"])
        .then(|| needs_login(shown))
}

fn needs_login(shown: &str) -> SourceError {
    SourceError::new(format!("{shown}: Google Drive asks for a login"))
        .with_hint("share the file with `Anyone with the link`")
}

/// What a page offers to follow.
#[derive(Default)]
struct Page {
    forms: Vec<Form>,
    links: Vec<String>,
}

#[derive(Default)]
struct Form {
    id: String,
    action: String,
    hidden: Vec<(String, String)>,
}

impl Page {
    fn read(html: &[u8]) -> Self {
        let mut page = Self::default();
        let mut inside = false;
        for token in Tokenizer::new(html) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => match tag.name.as_slice() {
                    b"form" => {
                        let mut given = attributes(&tag);
                        let mut take = |name| given.remove(name).unwrap_or_default();
                        page.forms.push(Form { id: take("id"), action: take("action"), hidden: Vec::new() });
                        inside = true;
                    }
                    b"input" if inside => {
                        let mut given = attributes(&tag);
                        if given.get("type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden"))
                            && let Some(name) = given.remove("name")
                            && let Some(form) = page.forms.last_mut()
                        {
                            form.hidden.push((name, given.remove("value").unwrap_or_default()));
                        }
                    }
                    b"a" => page.links.extend(attributes(&tag).remove("href")),
                    _ => {}
                },
                Token::EndTag(tag) if tag.name.as_slice() == b"form" => inside = false,
                _ => {}
            }
        }
        page
    }

    fn form_target(&self, at: &Url) -> Option<Url> {
        let form = self.forms.iter().find(|form| {
            form.id == "download-form" || form.hidden.iter().any(|(name, _)| name == "confirm")
        })?;
        let mut target = at.join(&form.action).ok()?;
        // The action may already carry some of the values; a hidden input then replaces them, as in a browser.
        let mut pairs: Vec<(String, String)> =
            target.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        pairs.retain(|(name, _)| !form.hidden.iter().any(|(hidden, _)| hidden == name));
        pairs.extend(form.hidden.iter().cloned());
        target.query_pairs_mut().clear().extend_pairs(pairs);
        Some(target)
    }

    fn link_target(&self, at: &Url) -> Option<Url> {
        self.links
            .iter()
            .filter_map(|link| at.join(link).ok())
            .find(|link| query_value(link, "confirm").is_some() && query_value(link, "id").is_some())
    }
}

fn attributes(tag: &StartTag<()>) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn every_spelling_of_a_share_link_gives_the_id() {
        for link in [
            "https://drive.google.com/file/d/1aB_-9/view?usp=sharing",
            "https://drive.google.com/file/u/0/d/1aB_-9/view",
            "https://drive.google.com/open?id=1aB_-9",
            "https://drive.google.com/uc?id=1aB_-9&export=download",
            "https://docs.google.com/uc?export=download&id=1aB_-9",
            "https://drive.usercontent.google.com/download?id=1aB_-9&confirm=t",
        ] {
            assert_eq!(file_id(&url(link)).unwrap().as_deref(), Some("1aB_-9"), "{link}");
        }
        assert_eq!(file_id(&url("https://example.org/file/d/x/view")), Ok(None));
        let sheet = "https://docs.google.com/spreadsheets/d/x/export?format=csv";
        assert_eq!(file_id(&url(sheet)), Ok(None));
    }

    #[test]
    fn links_to_what_is_no_file_are_refused() {
        assert!(file_id(&url("https://drive.google.com/drive/folders/abc")).is_err());
        assert!(file_id(&url("https://docs.google.com/spreadsheets/d/abc/edit")).is_err());
        assert!(file_id(&url("https://drive.google.com/open?id=../x")).is_err());
    }

    #[test]
    fn the_form_of_the_confirm_page_is_filled_in() {
        let html = br#"<!DOCTYPE html><form id="download-form" action="/download" method="get">
            <input type="submit" value="Download anyway"/><input type="hidden" name="id" value="1&amp;2">
            <input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="u-1"></form>"#;
        let next = next_step(html, &url("https://drive.usercontent.google.com/uc?x=1"), "f").unwrap();
        assert_eq!(
            next.as_str(),
            "https://drive.usercontent.google.com/download?id=1%262&confirm=t&uuid=u-1"
        );
    }

    #[test]
    fn the_older_confirm_link_is_followed() {
        let html =
            br#"<a href="/x">no</a><a id=l href="/uc?export=download&amp;confirm=AbC&amp;id=1">yes</a>"#;
        let next = next_step(html, &url("https://drive.google.com/uc?id=1"), "f").unwrap();
        assert_eq!(next.as_str(), "https://drive.google.com/uc?export=download&confirm=AbC&id=1");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let at = url("https://drive.google.com/uc");
        let quota = next_step(b"<html><title>Google Drive - Quota exceeded</title>", &at, "f").unwrap_err();
        assert!(quota.message.contains("quota"), "{quota}");
        let login = next_step(b"<html>", &url("https://accounts.google.com/v3/signin"), "f").unwrap_err();
        assert!(login.hint.unwrap().contains("Anyone with the link"));
    }
}
