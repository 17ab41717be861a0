//! Handlers, found by message type.

use super::handler::Handler;

/// Handlers of a table, sorted by their names and aliases.
pub struct HandlerIndex {
    handlers: &'static [Handler],
    by_name: Vec<(&'static str, &'static Handler)>,
}

/// The order of the index: lengths are compared first, because they differ most often.
fn order(name: &str) -> (usize, &str) {
    (name.len(), name)
}

impl HandlerIndex {
    /// The index of a handler table.
    pub fn new(handlers: &'static [Handler]) -> Self {
        let names = handlers.iter().flat_map(|handler| {
            let names = [handler.name].into_iter().chain(handler.aliases.iter().copied());
            names.map(move |name| (name, handler))
        });
        let mut by_name: Vec<_> = names.collect();
        by_name.sort_by_key(|(name, _)| order(name));
        Self { handlers, by_name }
    }

    /// The handlers in the order of their table.
    pub fn handlers(&self) -> &'static [Handler] {
        self.handlers
    }

    /// The handler of a message type or of an alias of it.
    pub fn find(&self, message_type: &str) -> Option<&'static Handler> {
        let place =
            self.by_name.binary_search_by(|(name, _)| order(name).cmp(&order(message_type)));
        place.ok().and_then(|at| self.by_name.get(at)).map(|(_, handler)| *handler)
    }
}
