//! DATA_LOGON: subscribes to a data source; rows follow, then every change of them (Genesis
//! authentication, Rights polling).

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
/// Which rows, how many at a time, which fields.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct DataLogon {
    datasource_name: Option<String>,
    criteria_match: Option<String>,
    #[serde(default = "rows_usual")]
    max_rows: usize,
    #[serde(default = "view_usual")]
    max_view: usize,
    fields: Option<Vec<String>>,
    rights_version: Option<Seq>,
    moving_view: Option<bool>,
    view_number: Option<u64>,
    order_by: Option<String>,
    reverse: Option<bool>,
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

/// Subscribed; for USER_RIGHTS with the version that the rows to come reflect.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// Whether only the difference follows, and since which commit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    resumed: bool,
    rights_version: Seq,
}

impl Message for DataLogon {
    const TYPE: &'static str = "DATA_LOGON";
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

/// Opens the subscription, with its first rows, if its owner may have it.
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

/// Reads the first rows of a source that is not the realm's.
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
        let unknown = || Nack::new(NackCode::InvalidDsName, "no data source has this name");
        let source = DataSource::from_name(name).ok_or_else(unknown)?;
        let no_ref =
            || Nack::new(NackCode::NoSourceRef, "a subscription is named by its SOURCE_REF");
        let source_ref = context.envelope.source_ref().ok_or_else(no_ref)?;
        self.only_defaults()?;
        if !(1..=ROWS_MAX).contains(&self.max_rows) || !(1..=VIEW_MAX).contains(&self.max_view) {
            let text = format!("MAX_ROWS is 1 to {ROWS_MAX}, MAX_VIEW is 1 to {VIEW_MAX}");
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

    fn only_defaults(&self) -> Result<(), Nack> {
        let asks = [
            ("MOVING_VIEW", self.moving_view == Some(false)),
            ("VIEW_NUMBER", self.view_number.is_some_and(|number| number > 1)),
            ("ORDER_BY", self.order_by.as_deref().is_some_and(|by| !by.is_empty())),
            ("REVERSE", self.reverse == Some(true)),
            ("MORE_COLUMNS", self.more_columns.as_ref().is_some_and(|more| !more.is_empty())),
        ];
        match asks.iter().find(|(_, asked)| *asked) {
            Some((field, _)) => {
                let text = format!("{field} is only served with its default");
                Err(Nack::new(NackCode::InvalidParameter, text))
            }
            None => Ok(()),
        }
    }
}

fn columns(source: DataSource, fields: Option<&[String]>) -> Result<u64, Nack> {
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else { return Ok(u64::MAX) };
    let mut mask = 0;
    for field in fields {
        let at = source.columns().iter().position(|column| column.name == field);
        let unknown = || {
            let shown = protocol::printable(field);
            Nack::new(NackCode::InvalidParameter, format!("FIELDS names the unknown field {shown}"))
        };
        mask |= 1 << at.ok_or_else(unknown)?;
    }
    Ok(mask)
}

fn subscribe_nack(why: SubscribeError) -> Nack {
    match why {
        SubscribeError::Exists => Nack::new(
            NackCode::InvalidDatasource,
            "a subscription with this SOURCE_REF is open already",
        ),
        SubscribeError::TooMany => Nack::new(
            NackCode::MaxLogonLimit,
            "as many subscriptions are open as allowed; close one first",
        ),
    }
}
