//! An LDAP server (slapd) in a temporary folder, with users, groups and special entries.
#![expect(clippy::disallowed_methods, reason = "the test waits for a real server")]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::certificates::Authority;
use super::gateway::free_port;
use super::signals;

/// A running slapd. On drop it is killed and its folder deleted.
pub struct Slapd {
    child: Child,
    pub port: u16,
    pub tls_port: u16,
    folder: tempfile::TempDir,
}

/// Users: uid, given name, and password.
const USERS: [(&str, &str, &str); 6] = [
    ("dora", "Dora", "dora-Secret-1"),
    ("otto", "Otto", "otto-Secret-1"),
    ("admin", "Eve", "eve-Secret-1"),
    ("jane", "Jane", "jane-Secret-1"),
    ("fx-pete", "Pete", "pete-Secret-1"),
    ("twin", "Twin", "twin-Secret-1"),
];

pub const BASE: &str = "dc=desk,dc=example";
pub const BIND_DN: &str = "cn=gateway,dc=desk,dc=example";
pub const BIND_PASSWORD: &str = "gateway-Secret-1";

impl Slapd {
    pub fn start(authority: &Authority) -> Self {
        Self::start_with(authority, "disallow bind_anon", free_port())
    }

    /// Starts slapd. `options` are lines for the global part of its configuration; `referral_port`
    /// is the port of the server to which a referral points.
    pub fn start_with(authority: &Authority, options: &str, referral_port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir(at.join("db")).unwrap();
        std::fs::write(at.join("slapd.conf"), configuration(at, authority, options)).unwrap();
        std::fs::write(at.join("seed.ldif"), seed(referral_port)).unwrap();
        let mut add = Command::new("/usr/sbin/slapadd");
        add.arg("-f").arg(at.join("slapd.conf")).arg("-l").arg(at.join("seed.ldif"));
        let added = add.output().expect("slapadd cannot be run: tests/run installs it");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let (port, tls_port) = (free_port(), free_port());
        let urls = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/");
        let mut slapd = Command::new("/usr/sbin/slapd");
        slapd.arg("-f").arg(at.join("slapd.conf")).args(["-h", &urls, "-d", "0"]);
        let child = slapd.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "slapd did not start within 20 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, tls_port, folder }
    }

    /// Stops answering until [`Slapd::resume`].
    pub fn pause(&self) {
        signals::pause(&self.child);
    }

    pub fn resume(&self) {
        signals::resume(&self.child);
    }

    /// Changes entries as the administrator of the directory.
    pub fn modify(&self, ldif: &str) {
        let file = self.folder.path().join("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        let mut modify = Command::new("ldapmodify");
        modify.args(["-x", "-H", &format!("ldap://127.0.0.1:{}/", self.port)]);
        modify.args(["-D", "cn=root,dc=desk,dc=example", "-w", "root"]).arg("-f").arg(file);
        let done = modify.output().expect("ldapmodify cannot be run: tests/run installs it");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(at: &Path, authority: &Authority, options: &str) -> String {
    // With an option that allows anonymous binds, anonymous clients may also read.
    let anonymous =
        if options.lines().any(|line| line.starts_with("allow")) { "read" } else { "none" };
    let schemas = ["core", "cosine", "nis", "inetorgperson"]
        .map(|name| format!("include /etc/ldap/schema/{name}.schema\n"))
        .concat();
    let [ca, certificate, key] =
        ["ca.pem", "cert.pem", "key.pem"].map(|name| authority.file(name).display().to_string());
    let at = at.display();
    format!(
        "{schemas}\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         moduleload memberof\n\
         pidfile {at}/pid\n\
         argsfile {at}/args\n\
         {options}\n\
         TLSCACertificateFile {ca}\n\
         TLSCertificateFile {certificate}\n\
         TLSCertificateKeyFile {key}\n\
         database mdb\n\
         maxsize 67108864\n\
         suffix \"{BASE}\"\n\
         rootdn \"cn=root,{BASE}\"\n\
         rootpw root\n\
         directory {at}/db\n\
         overlay memberof\n\
         memberof-group-oc groupOfNames\n\
         access to attrs=userPassword by self write by anonymous auth by * none\n\
         access to dn.subtree=\"ou=hidden,{BASE}\" by * none\n\
         access to * by dn.exact=\"{BIND_DN}\" read by self read by * {anonymous}\n"
    )
}

fn seed(referral_port: u16) -> String {
    let unit = |name: &str| format!("dn: ou={name},{BASE}\nobjectClass: organizationalUnit\n\n");
    let person = |uid: &str, ou: &str, given_name: &str, password: &str| {
        format!(
            "dn: uid={uid},ou={ou},{BASE}\nobjectClass: inetOrgPerson\ncn: {given_name}\nsn: Doe\n\
             givenName: {given_name}\nmail: {uid}@desk.example\nuserPassword: {password}\n\n"
        )
    };
    let mut all =
        format!("dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Desk\n\n");
    all += &["people", "staff", "groups", "elsewhere", "hidden"].map(unit).concat();
    all += &format!(
        "dn: {BIND_DN}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         userPassword: {BIND_PASSWORD}\n\n"
    );
    for (uid, given_name, password) in USERS {
        all += &person(uid, "people", given_name, password);
    }
    all += &person("twin", "staff", "Twin", "twin-Secret-1");
    // A DN and a name with characters that are special in filters and DNs.
    all += &format!(
        "dn: cn=O\\2CBrien (x)*,ou=people,{BASE}\nobjectClass: inetOrgPerson\n\
         cn: O,Brien (x)*\nsn: O'Brien\nuid: obrien\nuserPassword: brien-Secret-1\n\n"
    );
    let group = |dn: &str, member: &str| {
        format!("dn: {dn},{BASE}\nobjectClass: groupOfNames\nmember: {member},{BASE}\n\n")
    };
    all += &group("cn=traders,ou=groups", "uid=dora,ou=people");
    all += &group("cn=Brokers,ou=groups", "cn=O\\2CBrien (x)*,ou=people");
    all += &group("cn=traders,ou=elsewhere", "uid=otto,ou=people");
    all += &format!(
        "dn: cn=posix,ou=groups,{BASE}\nobjectClass: posixGroup\ngidNumber: 100\n\
         memberUid: fx-pete\n\n"
    );
    all += &format!(
        "dn: ou=far,ou=people,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\n\
         ref: ldap://127.0.0.1:{referral_port}/ou=people,{BASE}\n\n"
    );
    all
}
