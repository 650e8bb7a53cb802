//! What a registry wants to see with each request: a password as it is, or a token that a server of its choice gives for one.
//!
//! Asked for here and not by `oci-client`, which reads such a server's answer into memory however long it is, and panics at a token that is
//! no header.

use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE,
};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::RegistryError;
use super::http::{body, refusal};
use super::keyring::Auth;
use super::settings::is_loopback;

/// Tokens are headers of later requests; no server takes longer ones.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// What a refusal asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password.
    Basic,
    /// A token.
    Bearer {
        /// Where to get it.
        realm: String,
        service: Option<String>,
        /// For what, if the registry says.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The one of a refusal's that can be answered; a token is preferred, as it opens less.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut found = None;
        for header in headers.get_all(WWW_AUTHENTICATE) {
            let text = header.to_str().unwrap_or_default();
            for challenge in parse_challenges(text).unwrap_or_default() {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let of = |name| param(&challenge, name);
                    if let Some(realm) = of("realm") {
                        let (service, scope) = (of("service"), of("scope"));
                        return Some(Self::Bearer {
                            realm,
                            service,
                            scope,
                        });
                    }
                } else if challenge.scheme.eq_ignore_ascii_case("basic") {
                    found = Some(Self::Basic);
                }
            }
        }
        found
    }
}

fn param(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let mut params = challenge.params.iter();
    let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

/// Answers a challenge; nothing, if this user has nothing to show. `scope` is asked for where the registry names none.
pub(super) async fn answer(
    http: &reqwest::Client,
    challenge: Challenge,
    auth: &Auth,
    scope: &str,
    by_tls: bool,
) -> Result<Option<HeaderValue>, RegistryError> {
    let value = match (challenge, auth) {
        (_, Auth::Token(token)) => format!("Bearer {token}"),
        (Challenge::Basic, Auth::Password(user, password)) => basic(user, password),
        (Challenge::Basic, Auth::Identity(_) | Auth::Nobody) => return Ok(None),
        (
            Challenge::Bearer {
                realm,
                service,
                scope: own,
            },
            auth,
        ) => {
            let asked = Asked {
                realm: &realm,
                service: service.as_deref(),
                scope: own.as_deref().unwrap_or(scope),
            };
            let token = asked.token(http, auth, by_tls).await;
            let token = token.map_err(|error| error.at("failed to fetch a token"))?;
            format!("Bearer {token}")
        }
    };
    header(value).map(Some)
}

struct Asked<'a> {
    realm: &'a str,
    service: Option<&'a str>,
    scope: &'a str,
}

impl Asked<'_> {
    /// As the distribution project's token and oauth2 specifications say.
    async fn token(
        &self,
        http: &reqwest::Client,
        auth: &Auth,
        by_tls: bool,
    ) -> Result<String, RegistryError> {
        let mut url = Url::parse(self.realm)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| RegistryError::Unusable(format!("from {:?}", self.realm)))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // A registry that is reached by TLS does not get to say that its users' passwords cross the network in the clear.
        if by_tls && url.scheme() == "http" && *auth != Auth::Nobody && !is_loopback(&host) {
            let text = format!("a password is not sent by plain http to {host}");
            return Err(RegistryError::Unauthorized(text));
        }
        let request = if let Auth::Identity(token) = auth {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("client_id", "peapod");
            form.append_pair("service", self.service.unwrap_or_default());
            form.append_pair("scope", self.scope);
            form.append_pair("refresh_token", token);
            let kind = "application/x-www-form-urlencoded";
            http.post(url)
                .header(CONTENT_TYPE, kind)
                .body(form.finish())
        } else {
            let mut query = url.query_pairs_mut();
            query.append_pair("scope", self.scope);
            query.extend_pairs(self.service.map(|service| ("service", service)));
            drop(query);
            let request = http.get(url);
            match auth {
                Auth::Password(user, password) => {
                    request.header(AUTHORIZATION, header(basic(user, password))?)
                }
                _ => request,
            }
        };
        let response = request.header(ACCEPT, "application/json").send().await;
        let mut response = response.map_err(|error| RegistryError::transport(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let bytes = body(&mut response, "the answer", TOKEN_BYTES_MAX).await?;
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let answer: Option<Answer> = serde_json::from_slice(&bytes).ok();
        let tokens = answer.map(|answer| [answer.token, answer.access_token]);
        let mut tokens = tokens.into_iter().flatten().flatten();
        tokens
            .find(|token| !token.is_empty())
            .ok_or_else(|| RegistryError::Unusable(format!("{host} answers without one")))
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{user}:{password}");
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {pair}")
}

fn header(value: String) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| RegistryError::Unusable("a token that is no header".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::RegistryError;
    use super::super::client::choose_crypto;
    use super::{Auth, answer};
    use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

    use super::Challenge;

    #[tokio::test]
    async fn a_password_does_not_cross_the_network_in_the_clear_because_a_registry_says_so() {
        choose_crypto();
        let http = reqwest::Client::new();
        for (realm, auth) in [
            (
                "http://a.invalid/token",
                Auth::Password("me".into(), "pass".into()),
            ),
            ("http://a.invalid/token", Auth::Identity("it".into())),
            ("file:///etc/passwd", Auth::Nobody),
            ("/token", Auth::Nobody),
        ] {
            let challenge = Challenge::Bearer {
                realm: realm.into(),
                service: None,
                scope: None,
            };
            let refused = answer(&http, challenge, &auth, "x", true).await;
            let refused = refused.expect_err("refused");
            // What could not be reached would be another error.
            assert!(
                !matches!(&refused, RegistryError::While(_, inner) if matches!(**inner, RegistryError::Transport(_))),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_challenge_is_found_among_others_and_a_token_preferred() {
        let of = |headers: &[&'static str]| {
            let mut map = HeaderMap::new();
            for header in headers {
                map.append(WWW_AUTHENTICATE, HeaderValue::from_static(header));
            }
            Challenge::of(&map)
        };
        let bearer = |service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: "https://a.example/token?x=1".into(),
                service: service.map(Into::into),
                scope: scope.map(Into::into),
            })
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["Negotiate", "Bearer realm="]), None);
        assert_eq!(of(&["bearer service=\"without a realm\""]), None);
        assert_eq!(of(&["Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(
            of(&["Basic realm=\"x\", Bearer realm=\"https://a.example/token?x=1\""]),
            bearer(None, None)
        );
        assert_eq!(
            of(&[
                "Basic realm=\"x\"",
                "bearer Realm=\"https://a.example/token?x=1\", service=\"a, \\\"b\\\"\",scope=\"repository:a/b:pull,push\",error=\"invalid_token\""
            ]),
            bearer(Some("a, \"b\""), Some("repository:a/b:pull,push"))
        );
    }
}
