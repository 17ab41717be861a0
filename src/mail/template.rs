//! Mail templates, as in "resetMessage" and "notify" of Genesis authentication.
//!
//! A template is rendered in one pass: placeholders in values are not replaced. A template can use
//! only USER, the configured variables, and the variables of its kind of mail.

use std::collections::BTreeMap;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use crate::realm::{ATTRIBUTES, DAY_MS, Millis, User};

/// Variables of password reset mails, besides USER and the configured variables.
pub const RESET_VARIABLES: &[&str] = &["RESET_URL", "TIMEOUT"];
/// Variables of login link mails, besides USER and the configured variables.
pub const LOGIN_LINK_VARIABLES: &[&str] = &["LOGIN_URL", "MFA_CODE", "TIMEOUT"];

/// Maximum number of instructions to render one template; only a faulty template needs more.
const FUEL: u64 = 100_000;
/// Longest rendered text, in bytes.
const LENGTH_MAX: usize = 65_536;
/// Longest base URL of a link, in bytes.
const URL_MAX: usize = 1_024;

/// A text with placeholders such as `{{ USER.firstName }}`.
pub struct Template<'a> {
    text: &'a str,
}

impl<'a> Template<'a> {
    /// Creates a template of this text.
    pub fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Checks that the template is valid and uses only USER, the variables `configured`, and the
    /// variables `extra` of this kind of mail.
    pub fn check(
        &self,
        configured: &BTreeMap<String, String>,
        extra: &[&str],
    ) -> Result<(), String> {
        let sample = |name: String| (name, Value::from("x"));
        let user: BTreeMap<_, _> = field_names().map(sample).collect();
        let mut values = all_variables(configured, Value::from(user));
        values.extend(extra.iter().map(|name| sample((*name).to_owned())));
        self.render_values(values).map(drop)
    }

    /// Renders the template with the variables `configured`, the fields of `user`, and the
    /// variables `extra` of this kind of mail.
    pub fn render(
        &self,
        configured: &BTreeMap<String, String>,
        user: &User,
        extra: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut values = all_variables(configured, Value::from(fields(user)));
        values.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        self.render_values(values)
    }

    fn render_values(&self, values: BTreeMap<String, Value>) -> Result<String, String> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        // Reports only the line and the detail or kind of an error, which contain no values.
        let why = |error: minijinja::Error| match (error.line(), error.detail()) {
            (Some(line), Some(detail)) => format!("line {line}: {detail}"),
            (Some(line), None) => format!("line {line}: {}", error.kind()),
            (None, _) => error.kind().to_string(),
        };
        let text = environment.render_str(self.text, values).map_err(why)?;
        if text.len() <= LENGTH_MAX {
            Ok(text)
        } else {
            Err(format!("the text is longer than {LENGTH_MAX} bytes"))
        }
    }
}

fn all_variables(variables: &BTreeMap<String, String>, user: Value) -> BTreeMap<String, Value> {
    let configured =
        variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    configured.chain([("USER".to_owned(), user)]).collect()
}

/// Returns the fields of USER: the user name, the id, and every attribute (empty if it is
/// not set).
fn fields(user: &User) -> BTreeMap<String, Value> {
    let attributes = (0u8..).zip(ATTRIBUTES);
    let attributes = attributes.map(|(number, name)| {
        (camel(name), Value::from(user.attribute(number).unwrap_or_default()))
    });
    let known = [
        ("userName".to_owned(), Value::from(user.name.as_str())),
        ("id".to_owned(), Value::from(user.id())),
    ];
    attributes.chain(known).collect()
}

fn field_names() -> impl Iterator<Item = String> {
    let known = ["userName", "id"].map(str::to_owned);
    ATTRIBUTES.iter().map(|name| camel(name)).chain(known)
}

/// Converts FIRST_NAME to `firstName`.
fn camel(name: &str) -> String {
    let mut words = name.split('_').map(str::to_lowercase);
    let first = words.next().unwrap_or_default();
    words.fold(first, |all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        format!("{all}{}{tail}", head.to_uppercase())
    })
}

/// Returns a subject as one line of at most 200 characters. Control characters become spaces, so
/// that no value can add a header to the mail.
pub fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).take(200).collect::<String>().trim().to_owned()
}

/// Whether the text can be the base URL of a link: http or https with a host, at most 1,024 bytes,
/// printable ASCII without spaces and without `#`, `"`, `<`, `>` and `\`.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let clean = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>' | '\\');
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && rest.chars().all(clean)
            && text.len() <= URL_MAX
    })
}

/// Appends two form-encoded parameters to the query of a URL.
pub fn link_with_query(url: &str, first: (&str, &str), second: (&str, &str)) -> String {
    let mut link = url.to_owned();
    let query = link.find('?').unwrap_or_else(|| {
        link.push('?');
        url.len()
    });
    let mut pairs = form_urlencoded::Serializer::for_suffix(link, query + 1);
    pairs.append_pair(first.0, first.1).append_pair(second.0, second.1).finish()
}

/// Formats a duration as a whole number of the largest possible unit, such as "10 minutes";
/// otherwise in seconds, rounded up.
pub fn format_duration(millis: Millis) -> String {
    let units = [("day", DAY_MS), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)];
    let whole =
        units.iter().find(|(_, length)| millis >= *length && millis.is_multiple_of(*length));
    let (unit, length) = whole.copied().unwrap_or(("second", 1_000));
    let count = millis.div_ceil(length);
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::Location;
    use crate::realm::NewUser;
    use crate::realm::UserNo;

    fn jane(first_name: &str) -> User {
        let name = protocol::UserName::parse("jane").unwrap();
        let new = NewUser { attributes: [(0, first_name.into())].into(), ..NewUser::named(name) };
        new.user(UserNo(1), Location::default(), 0)
    }

    #[test]
    fn placeholders_are_replaced_and_values_are_never_expanded() {
        let variables = BTreeMap::from([("DESK".to_owned(), "{{ SECRET }}".to_owned())]);
        let text = "{{ USER.firstName }} of {{DESK}}{{ USER.city }}, {{ RESET_URL }}";
        let user = jane("{{ DESK }}<b>");
        let filled =
            Template::new(text).render(&variables, &user, &[("RESET_URL", "https://a/?b=c&d")]);
        assert_eq!(filled.unwrap(), "{{ DESK }}<b> of {{ SECRET }}, https://a/?b=c&d");
    }

    #[test]
    fn only_known_variables_can_be_used() {
        let check = |text: &str| Template::new(text).check(&BTreeMap::new(), RESET_VARIABLES);
        check("{{ USER.addressLine1 }} {{ TIMEOUT }} {{ USER.userName }}").unwrap();
        for wrong in [
            "{{ HOME }}",
            "{{ USER.password }}",
            "{{ MFA_CODE }}",
            "{{ USER.firstName",
            "{% for a in range(1000000000) %}{{ a }}{% endfor %}",
            "{% include '/etc/passwd' %}",
        ] {
            assert!(check(wrong).is_err(), "{wrong} is accepted");
        }
    }

    #[test]
    fn links_durations_and_subjects_are_formatted() {
        assert_eq!(
            link_with_query("https://a", ("token", "T"), ("user", "j@d")),
            "https://a?token=T&user=j%40d"
        );
        assert_eq!(
            link_with_query("https://a?b=c", ("x", "1"), ("y", "2")),
            "https://a?b=c&x=1&y=2"
        );
        assert_eq!(
            link_with_query("https://a?", ("user", "a+b&token=x"), ("y", "é #")),
            "https://a?user=a%2Bb%26token%3Dx&y=%C3%A9+%23"
        );
        let words = [600_000, 60_000, 90_000, 86_400_000, 1_500].map(format_duration);
        assert_eq!(words, ["10 minutes", "1 minute", "90 seconds", "1 day", "2 seconds"]);
        assert_eq!(one_line("Hello\r\nBcc: eve@example.org"), "Hello  Bcc: eve@example.org");
        assert!(is_url("https://desk.example/login") && is_url("http://127.0.0.1:8080/a?b=c"));
        for wrong in
            ["", "javascript:alert(1)", "https://", "https://a b", "https://a#b", "ftp://a"]
        {
            assert!(!is_url(wrong), "{wrong:?} is accepted");
        }
    }
}
