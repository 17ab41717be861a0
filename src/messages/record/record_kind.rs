//! Kinds of records that a request can find: users, profiles and rights.

use protocol::{ProfileName, RightCode, UserName};

use crate::realm::{Profile, ProfileNo, Realm, Right, RightNo, User, UserNo};
use crate::subscriptions::{DataSource, SourceRecord};

/// A kind of record with a name and an id, shown by one data source.
pub trait RecordKind: Sized {
    /// The type of the name.
    type Name;
    /// The data source that shows these records.
    const SOURCE: DataSource;

    /// Returns the record with this name.
    fn find_by_name<'a>(realm: &'a Realm, name: &Self::Name) -> Option<&'a Self>;
    /// Returns the record with the number in this id. Ignores the location, which is the last part
    /// of the id, so the caller must compare the id with [`Self::id`].
    fn find_by_id<'a>(realm: &'a Realm, id: &str) -> Option<&'a Self>;
    /// Returns the record in the form that its data source reads.
    fn source_record(&self) -> SourceRecord<'_>;
    /// Returns the ID of the record.
    fn id(&self) -> String;
}

impl RecordKind for User {
    type Name = UserName;
    const SOURCE: DataSource = DataSource::AllUsers;

    fn find_by_name<'a>(realm: &'a Realm, name: &UserName) -> Option<&'a Self> {
        realm.user_by_name(name)
    }

    fn find_by_id<'a>(realm: &'a Realm, id: &str) -> Option<&'a Self> {
        realm.user(UserNo::parse(id)?.0)
    }

    fn source_record(&self) -> SourceRecord<'_> {
        SourceRecord::User(self)
    }

    fn id(&self) -> String {
        self.no.id(self.location)
    }
}

impl RecordKind for Profile {
    type Name = ProfileName;
    const SOURCE: DataSource = DataSource::AllProfiles;

    fn find_by_name<'a>(realm: &'a Realm, name: &ProfileName) -> Option<&'a Self> {
        realm.profile_by_name(name)
    }

    fn find_by_id<'a>(realm: &'a Realm, id: &str) -> Option<&'a Self> {
        realm.profile(ProfileNo::parse(id)?.0)
    }

    fn source_record(&self) -> SourceRecord<'_> {
        SourceRecord::Profile(self)
    }

    fn id(&self) -> String {
        self.no.id(self.location)
    }
}

impl RecordKind for Right {
    type Name = RightCode;
    const SOURCE: DataSource = DataSource::AllRights;

    fn find_by_name<'a>(realm: &'a Realm, code: &RightCode) -> Option<&'a Self> {
        realm.right_by_code(code.as_str())
    }

    fn find_by_id<'a>(realm: &'a Realm, id: &str) -> Option<&'a Self> {
        realm.right(RightNo::parse(id)?.0)
    }

    fn source_record(&self) -> SourceRecord<'_> {
        SourceRecord::Right(self)
    }

    fn id(&self) -> String {
        self.no.id(self.location)
    }
}
