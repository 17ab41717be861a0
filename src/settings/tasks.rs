//! Tasks of an administrator, by which the configuration reference is ordered.

/// What an administrator wants to configure.
pub(super) struct Task {
    pub(super) title: &'static str,
    /// What to decide, in a few sentences.
    pub(super) text: &'static str,
    /// A configuration to begin with.
    pub(super) example: &'static str,
    /// The sections that belong to the task; each section belongs to one task.
    pub(super) sections: &'static [&'static str],
}

/// All tasks, in the order of the reference.
pub(super) const TASKS: &[Task] = &[
    Task {
        title: "Accept connections, with TLS",
        text: "Passwords must not travel unencrypted. If clients connect from other hosts, \
               configure TLS here, or run the gateway behind a [reverse proxy](reverse-proxies.md) \
               with TLS.",
        example: r#"[server]
listen = "0.0.0.0:9064"
tls = { certificate = "/etc/tollgate/cert.pem", key = "/etc/tollgate/key.pem" }
allowed_origins = ["https://desk.example"]"#,
        sections: &["server", "server.tls"],
    },
    Task {
        title: "Limit what clients may use",
        text: "Every resource that a client can occupy has a limit. Raise \
               `connections_per_address_max` if many GUIs share one address, such as that of a \
               proxy.",
        example: r#"[server.limits]
connections_max = 20000
connections_per_address_max = 500"#,
        sections: &["server.limits"],
    },
    Task {
        title: "List the services that GUIs connect to",
        text: "The reply to a heartbeat contains this list. A WebSocket client that sends neither \
               heartbeats nor other messages loses its session.",
        example: r#"[[services]]
name = "ORDER_EVENT_HANDLER"
hosts = [{ name = "orders1.desk.example", port = 9001 }]

[heartbeat]
interval_secs = 15"#,
        sections: &["", "services[]", "services[].hosts[]", "service_list", "heartbeat"],
    },
    Task {
        title: "Keep data",
        text: "How the files of the store grow is described in \
               [Operations](operations.md#plan-disk-space).",
        example: r#"[store]
log_retention_days = 30
audit_retention_days = 730
disk_reserve_mb = 1024"#,
        sections: &["store"],
    },
    Task {
        title: "Decide how users log in and how long sessions last",
        text: "[Security](security.md) explains how to choose [`mode`](#keys-of-the-root) and the \
               keys of `security`.",
        example: r#"mode = "hardened"

[security]
session_timeout_mins = 15"#,
        sections: &[
            "security",
            "security.login_ack",
            "security.login_ack.custom[]",
            "security.login_ack.fields[]",
            "security.sso",
        ],
    },
    Task {
        title: "Set rules for passwords",
        text: "`tollgate calibrate` suggests the cost of a hash for the host that it runs on.",
        example: r#"[security.scrypt]
log_n = 15

[security.genesis_password.validation.password_strength]
minimum_length = 12
restrict_password = true

[security.genesis_password.retry]
max_attempts = 5
scope = "user_and_address""#,
        sections: &[
            "security.scrypt",
            "security.genesis_password.validation",
            "security.genesis_password.validation.password_strength",
            "security.genesis_password.retry",
        ],
    },
    Task {
        title: "Let users reset their password",
        text: "A mailed link lets users choose a new password; this requires [mail](#send-mail).",
        example: r#"[security.genesis_password.self_service_reset]
redirect_url = "https://desk.example/reset-password"

[mail]
transport = "smtp"
from = "Desk <desk@desk.example>"
smtp = { host = "mail.desk.example", tls = "start_tls" }"#,
        sections: &[
            "security.genesis_password.self_service_reset",
            "security.genesis_password.self_service_reset.reset_message",
        ],
    },
    Task {
        title: "Require a second factor",
        text: "Users with a profile in `required_for` must enrol an authenticator app at their \
               next login.",
        example: r#"[security.mfa]
required_for = ["USER_ADMIN"]

[security.mfa.qr_code]
issuer = "Desk""#,
        sections: &["security.mfa", "security.mfa.notify", "security.mfa.qr_code"],
    },
    Task {
        title: "Check passwords in an LDAP directory",
        text: "`internal_users` log in with the password that the gateway stores, all other users \
               with the password of the directory. With `type = \"LDAP\"`, a user who has a \
               password in the gateway and is not in `internal_users` cannot log in. With \
               `type = \"HYBRID\"`, a password must be right in both: a user can log in only with \
               the same password in the gateway and in the directory.",
        example: r#"[security.authentication]
type = "LDAP"

[[security.authentication.ldap.connection]]
url = "ldap.desk.example"
use_tls = "start_tls"
search_bases = ["ou=people,dc=desk,dc=example"]
user_id_type = "uid"
on_first_login = { create_user = true, group_profiles = { traders = "TRADER" } }"#,
        sections: &[
            "security.authentication",
            "security.authentication.ldap",
            "security.authentication.ldap.connection[]",
            "security.authentication.ldap.connection[].on_first_login",
            "security.authentication.ldap.connection[].on_login_success",
        ],
    },
    Task {
        title: "Send mail",
        text: "Mails wait in the store until the mail server has accepted them, at most for a day.",
        example: r#"[mail]
transport = "smtp"
from = "Desk <desk@desk.example>"

[mail.smtp]
host = "mail.desk.example"
tls = "start_tls""#,
        sections: &["mail", "mail.smtp", "mail.file", "templates"],
    },
    Task {
        title: "Watch accounts",
        text: "[Security](security.md#read-the-audit-trail) describes the audit trail. A system \
               that collects logs can get its rows as lines of the log, and users can get notices \
               by mail about changes of their accounts; this requires [mail](#send-mail).",
        example: r#"[audit]
log = true

[security.notices]
topics = ["password_changed", "password_reset", "address_changed", "factor_changed"]

[mail]
transport = "smtp"
from = "Desk <desk@desk.example>"
smtp = { host = "mail.desk.example", tls = "start_tls" }"#,
        sections: &["audit", "security.notices"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn every_section_belongs_to_one_task_and_every_example_is_valid() {
        let rows = Settings::reference_rows();
        for row in &rows {
            let tasks = TASKS.iter().filter(|task| task.sections.contains(&row.section.as_str()));
            assert_eq!(tasks.count(), 1, "tasks of the section {:?}", row.section);
        }
        for task in TASKS {
            for section in task.sections {
                assert!(rows.iter().any(|row| row.section == *section), "{section:?} has no keys");
            }
            let settings = Settings::parse(task.example, std::iter::empty())
                .unwrap_or_else(|error| panic!("{}: {error}", task.title));
            settings.validate().unwrap_or_else(|error| panic!("{}: {error}", task.title));
        }
    }
}
