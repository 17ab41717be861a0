//! Budget of the bytes that connections and REST requests without a session hold together.
//!
//! Each connection has an account until a session is bound to it. When the budget is exceeded, the
//! connections that hold most are closed.

use std::cmp::Reverse;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use dashmap::DashMap;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::platform::metrics;

/// Closing frees at least this part of the budget, so that a flood does not cause a search for the
/// largest holders at every message.
const FREED_PART: usize = 16;

/// The budget: the open accounts and the sum of the bytes that they hold.
#[derive(Debug, Default)]
pub struct UnboundBudget {
    bytes_max: AtomicUsize,
    total: AtomicUsize,
    /// Accounts by their addresses in memory.
    accounts: DashMap<usize, Arc<Account>>,
    /// Held while the largest holders are closed.
    closing: Mutex<()>,
}

/// The bytes that one connection holds while no session is bound to it.
#[derive(Debug)]
pub struct Account {
    budget: Arc<UnboundBudget>,
    held: Mutex<Held>,
    /// Wakes the task of the connection when the connection is to close.
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Held {
    /// Received bytes that are not a complete handshake, request or body yet.
    unparsed: usize,
    /// Bytes of the charges.
    charged: usize,
    state: AccountState,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum AccountState {
    #[default]
    Open,
    /// A session is bound or the connection is closed: nothing is counted.
    Ended,
    /// The connection is to close, because it held most.
    Exhausted,
}

/// Bytes that are counted until this value is dropped.
pub struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl UnboundBudget {
    /// Sets the maximum of the total, in bytes.
    pub fn set_max(&self, bytes: usize) {
        self.bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// Returns the number of bytes that all accounts hold.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Opens the account of a connection.
    pub fn open(self: &Arc<Self>) -> Arc<Account> {
        let (held, waker) = (Mutex::default(), AtomicWaker::new());
        let account = Arc::new(Account { budget: self.clone(), held, waker });
        self.accounts.insert(Arc::as_ptr(&account) as usize, account.clone());
        account
    }

    /// Closes the connections that hold most until the total is below the maximum.
    fn close_largest(&self) {
        let Some(_closing) = self.closing.try_lock() else { return };
        let max = self.bytes_max.load(Ordering::Relaxed);
        let wanted = max - max / FREED_PART;
        let mut holders: Vec<(usize, Arc<Account>)> =
            self.accounts.iter().map(|it| (it.held.lock().total(), it.clone())).collect();
        holders.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        let mut closed = 0;
        for (_, account) in holders {
            if self.total() <= wanted {
                break;
            }
            account.end(AccountState::Exhausted);
            account.waker.wake();
            closed += 1;
        }
        metrics::record_unauthenticated_closed(closed);
    }
}

impl Held {
    fn total(&self) -> usize {
        self.unparsed + self.charged
    }
}

impl Account {
    /// Counts received bytes.
    pub fn received(&self, bytes: usize) {
        self.change(|held| held.unparsed += bytes);
    }

    /// The received bytes were used or are counted elsewhere.
    pub fn parsed(&self) {
        self.change(|held| held.unparsed = 0);
    }

    /// Counts nothing from now on, because a session is bound or the connection is closed.
    pub fn close(&self) {
        self.end(AccountState::Ended);
    }

    /// Whether the connection must close because it held too much. If not, the task is woken when
    /// it must.
    pub fn poll_exhausted(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.held.lock().state == AccountState::Exhausted
    }

    /// Runs a task of the connection; `None` if the connection must close before the task is done.
    pub async fn run<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let mut task = pin!(task);
        let poll = |context: &mut Context<'_>| match task.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.poll_exhausted(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        };
        poll_fn(poll).await
    }

    /// Begins a charge.
    pub fn charge(self: &Arc<Self>) -> Charge {
        Charge { account: self.clone(), bytes: 0 }
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.held.lock();
        if held.state != AccountState::Open {
            return;
        }
        let before = held.total();
        change(&mut held);
        let after = held.total();
        // Changed under the lock, so that the end of the account subtracts what was added.
        let total = if after >= before {
            self.budget.total.fetch_add(after - before, Ordering::Relaxed) + after - before
        } else {
            self.budget.total.fetch_sub(before - after, Ordering::Relaxed)
        };
        drop(held);
        if after > before && total > self.budget.bytes_max.load(Ordering::Relaxed) {
            self.budget.close_largest();
        }
    }

    fn end(&self, state: AccountState) {
        self.budget.accounts.remove(&(std::ptr::from_ref(self) as usize));
        let mut held = self.held.lock();
        if held.state == AccountState::Open {
            self.budget.total.fetch_sub(held.total(), Ordering::Relaxed);
            held.state = state;
        }
    }
}

impl Charge {
    /// Sets the number of bytes.
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes != before {
            self.account.change(|held| held.charged = held.charged - before + bytes);
        }
    }

    /// Adds to the number of bytes.
    pub fn add(&mut self, bytes: usize) {
        self.set(self.bytes + bytes);
    }

    /// Returns the account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn is_exhausted(account: &Account) -> bool {
        account.poll_exhausted(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_largest_holders_are_closed_when_the_budget_is_exceeded() {
        let budget = Arc::new(UnboundBudget::default());
        budget.set_max(1_600);
        let accounts: Vec<_> = (0..20).map(|_| budget.open()).collect();
        let mut charges: Vec<_> = accounts.iter().map(Account::charge).collect();
        charges.iter_mut().for_each(|charge| charge.set(50));
        accounts[7].received(550);
        assert!(!accounts.iter().any(|account| is_exhausted(account)));
        assert_eq!(budget.total(), 1_550);
        charges[3].add(60);
        let closed: Vec<_> = (0..20).filter(|at| is_exhausted(&accounts[*at])).collect();
        assert_eq!(closed, [7]);
        assert_eq!(budget.total(), 19 * 50 + 60);
        // The account is closed: what happens to it does not count.
        accounts[7].received(5_000);
        charges.remove(7);
        assert_eq!(budget.total(), 19 * 50 + 60);
        accounts[3].close();
        charges.clear();
        assert_eq!(budget.total(), 0);
        assert_eq!(budget.accounts.len(), 18);
    }

    #[test]
    fn parsed_bytes_are_released_and_a_bound_connection_is_not_counted() {
        let budget = Arc::new(UnboundBudget::default());
        budget.set_max(100);
        let account = budget.open();
        account.received(90);
        account.parsed();
        account.received(90);
        assert_eq!(budget.total(), 90);
        account.close();
        account.received(900);
        assert_eq!(budget.total(), 0);
        assert!(!is_exhausted(&account));
    }
}
