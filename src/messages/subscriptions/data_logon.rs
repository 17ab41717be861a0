//! DATA_LOGON: a subscription to a data source (Genesis authentication, "Rights polling").
//!
//! The first rows follow the LOGON_ACK. After that, the gateway pushes every change of the rows.

use protocol::{Filter, Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::read_rows;
use crate::messages::context::{AfterReply, MessageContext};
use crate::messages::handler::{Access, Message};
use crate::realm::Realm;
use crate::storage::Seq;
use crate::subscriptions::{
    DataSource, FirstRows, SubscribeError, SubscriptionHandle, SubscriptionRequest,
};

/// The data source to subscribe to, with filter, limits and columns.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct DataLogon {
    /// Name of the data source. AUDIT_EVENTS and USER_LOGIN_ATTEMPT can be subscribed to only with
    /// the right VIEW_AUDIT. Required.
    datasource_name: Option<String>,
    /// Filter over the columns, such as `USER_NAME == 'jane'`. If absent, all rows match. See
    /// Filters in the wire reference.
    criteria_match: Option<String>,
    /// Maximum number of rows of one QUERY_UPDATE, 1 to 10,000. DATA_LOGON and each MORE_ROWS read
    /// at most this number of rows.
    #[serde(default = "rows_usual")]
    max_rows: usize,
    /// Maximum number of rows that the client has at a time: 1 to 100,000. At this number,
    /// MORE_ROWS reads further rows only after some rows were deleted; in AUDIT_EVENTS, each new
    /// row replaces the oldest.
    #[serde(default = "view_usual")]
    max_view: usize,
    /// Names of the columns to send. If absent or empty, all columns are sent.
    fields: Option<Vec<String>>,
    /// Only for USER_RIGHTS: RIGHTS_VERSION of the last QUERY_UPDATE that the client has received
    /// with the same CRITERIA_MATCH and FIELDS. The gateway then sends only the changes since that
    /// version, if RESUMED of the LOGON_ACK is true. For that, all rows must belong to one user.
    rights_version: Option<Seq>,
    /// Not supported; only true, the default, is accepted.
    moving_view: Option<bool>,
    /// Not supported; only 0 and 1 are accepted.
    view_number: Option<u64>,
    /// Not supported; must be empty.
    order_by: Option<String>,
    /// Not supported; only false, the default, is accepted.
    reverse: Option<bool>,
    /// Not supported; must be empty.
    more_columns: Option<Vec<String>>,
}

fn rows_usual() -> usize {
    250
}
fn view_usual() -> usize {
    1000
}
const ROWS_MAX: usize = 10_000;
const VIEW_MAX: usize = 100_000;

/// The subscription is open. Its first rows follow in a QUERY_UPDATE.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    /// How the subscription begins; only for USER_RIGHTS.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// How a subscription to USER_RIGHTS begins.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// Whether only the changes since the RIGHTS_VERSION of the request follow. False: all rows
    /// follow, and the client must discard its earlier rows.
    resumed: bool,
    /// Version of the rights that the following rows reflect.
    rights_version: Seq,
}

impl Message for DataLogon {
    const TYPE: &'static str = "DATA_LOGON";
    const SUMMARY: &'static str = "Subscribes to the rows of a data source.";
    const DESCRIPTION: &'static str = "SOURCE_REF is required: it names the subscription. After \
        LOGON_ACK, the gateway sends the first rows with this SOURCE_REF: in one QUERY_UPDATE, \
        even if there are no rows, or in several if the rows are many or large. From then on it \
        sends a QUERY_UPDATE for each change of a row that the client has; a row that no longer \
        matches the filter is sent as DELETE. The gateway also sends rows that are new or begin to \
        match the filter. Exception: as long as MORE_ROWS can read further rows, a row that \
        MORE_ROWS would read later is not sent. While the client has MAX_VIEW rows, new rows are \
        not sent, except those of AUDIT_EVENTS: each replaces the oldest.";
    const ACK: &'static str = "LOGON_ACK";
    const NACK: &'static str = "LOGON_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let request = self.into_request(context)?;
        let session = context.session()?;
        let (handle, first_rows, seq) = context.gateway.replica.read(|realm, seq| {
            let (handle, first_rows) = subscribe(context, realm, seq, request)?;
            Ok((handle, first_rows, seq))
        })?;
        let mut rights_version = seq;
        match first_rows {
            FirstRows::Resumed | FirstRows::Complete => {}
            FirstRows::Partial(wanted) => {
                rights_version = read_rows::read_realm_rows(context, handle, wanted).await;
            }
            FirstRows::External => {
                let read = read_external_rows(context, handle).await;
                read.inspect_err(|_| handle.cancel())?;
            }
        }
        let release = AfterReply::ReleaseSubscription(handle.id(), session.clone());
        context.set_after_reply(release);
        let resumed = first_rows == FirstRows::Resumed;
        let is_user_rights = handle.source() == DataSource::UserRights;
        let details = is_user_rights.then_some(Details { resumed, rights_version });
        Ok(Ack { details })
    }
}

/// Opens the subscription. The result states which first rows must still be read. Refused if the
/// user lacks the right that the data source requires.
fn subscribe<'c>(
    context: &'c MessageContext,
    realm: &Realm,
    seq: Seq,
    request: SubscriptionRequest,
) -> Result<(SubscriptionHandle<'c>, FirstRows), Nack> {
    if request.source.requires_right()
        && let Some(right) = request.source.view_right()
        && !realm.holds_code(request.owner, right)
    {
        return Err(Nack::not_authorised(right));
    }
    let (outbox, quota) = (context.outbox()?, &context.session()?.quota);
    let subscriptions_max = context.gateway.settings().server.limits.subscriptions_per_session;
    let hub = &context.gateway.replica.subscriptions;
    hub.subscribe(realm, seq, outbox, request, quota, subscriptions_max).map_err(subscribe_nack)
}

/// Reads the first rows of a data source whose rows are not in the realm.
async fn read_external_rows(
    context: &MessageContext,
    handle: SubscriptionHandle<'_>,
) -> Result<(), Nack> {
    let gateway = &context.gateway;
    if handle.source() == DataSource::Services {
        handle.read_services(&gateway.services.rows());
        return Ok(());
    }
    let position = handle.start_audit(gateway.replica.audit_trail.last());
    read_rows::read_audit_rows(context, handle, position, handle.rows_max()).await
}

impl DataLogon {
    fn into_request(self, context: &MessageContext) -> Result<SubscriptionRequest, Nack> {
        let no_name = || Nack::new(NackCode::NoDsName, "DATASOURCE_NAME is missing in DETAILS");
        let name = self.datasource_name.as_deref().ok_or_else(no_name)?;
        let unknown = || {
            let text = "DATASOURCE_NAME names no data source; RESOURCES_REQUEST lists them";
            Nack::new(NackCode::InvalidDsName, text)
        };
        let source = DataSource::from_name(name).ok_or_else(unknown)?;
        let no_ref = || {
            let text = "SOURCE_REF is missing; it names the subscription";
            Nack::new(NackCode::NoSourceRef, text)
        };
        let source_ref = context.envelope.source_ref().ok_or_else(no_ref)?;
        self.check_unsupported_fields()?;
        if !(1..=ROWS_MAX).contains(&self.max_rows) || !(1..=VIEW_MAX).contains(&self.max_view) {
            let text = format!("MAX_ROWS must be 1 to {ROWS_MAX}, and MAX_VIEW 1 to {VIEW_MAX}");
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        let criteria =
            self.criteria_match.as_deref().map(|text| Filter::parse(text, source.columns()));
        let wrong =
            |error| Nack::new(NackCode::InvalidCriteria, format!("CRITERIA_MATCH: {error}"));
        let session = context.session()?;
        Ok(SubscriptionRequest {
            source,
            source_ref: source_ref.into(),
            criteria: criteria.transpose().map_err(wrong)?,
            columns: columns(source, self.fields.as_deref())?,
            rows_max: self.max_rows,
            view_max: self.max_view,
            resume_from: self.rights_version,
            owner: session.user,
            session: session.session,
        })
    }

    /// Checks that unsupported fields have their default values.
    fn check_unsupported_fields(&self) -> Result<(), Nack> {
        let is_set = [
            ("MOVING_VIEW", self.moving_view == Some(false)),
            ("VIEW_NUMBER", self.view_number.is_some_and(|number| number > 1)),
            ("ORDER_BY", self.order_by.as_deref().is_some_and(|by| !by.is_empty())),
            ("REVERSE", self.reverse == Some(true)),
            ("MORE_COLUMNS", self.more_columns.as_ref().is_some_and(|more| !more.is_empty())),
        ];
        match is_set.iter().find(|(_, is_set)| *is_set) {
            Some((field, _)) => {
                let text = format!("{field} is supported only with its default value");
                Err(Nack::new(NackCode::InvalidParameter, text))
            }
            None => Ok(()),
        }
    }
}

/// Returns a bit mask of the columns that FIELDS selects. All bits are set if FIELDS is absent or
/// empty.
fn columns(source: DataSource, fields: Option<&[String]>) -> Result<u64, Nack> {
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else { return Ok(u64::MAX) };
    let mut mask = 0;
    for field in fields {
        let at = source.columns().iter().position(|column| column.name == field);
        let unknown = || {
            let shown = protocol::printable(field);
            Nack::new(NackCode::InvalidParameter, format!("FIELDS has the unknown field {shown}"))
        };
        mask |= 1 << at.ok_or_else(unknown)?;
    }
    Ok(mask)
}

fn subscribe_nack(why: SubscribeError) -> Nack {
    match why {
        SubscribeError::Exists => Nack::new(
            NackCode::InvalidDatasource,
            "a subscription with this SOURCE_REF is already open; use another SOURCE_REF",
        ),
        SubscribeError::TooMany => Nack::new(
            NackCode::MaxLogonLimit,
            "the session has too many subscriptions; end one with DATA_LOGOFF first",
        ),
    }
}
