//! An index of handlers by message type.

use super::handler::Handler;

/// The handlers of a table, with a sorted list of their names and aliases.
pub struct HandlerIndex {
    handlers: &'static [Handler],
    by_name: Vec<(&'static str, &'static Handler)>,
}

/// Returns the sort key of a name. Lengths are compared first, because they differ most often.
fn sort_key(name: &str) -> (usize, &str) {
    (name.len(), name)
}

impl HandlerIndex {
    /// Builds the index of a handler table.
    pub fn new(handlers: &'static [Handler]) -> Self {
        let names = handlers.iter().flat_map(|handler| {
            let names = [handler.name].into_iter().chain(handler.aliases.iter().copied());
            names.map(move |name| (name, handler))
        });
        let mut by_name: Vec<_> = names.collect();
        by_name.sort_by_key(|(name, _)| sort_key(name));
        Self { handlers, by_name }
    }

    /// Returns the handlers in the order of the handler table.
    pub fn handlers(&self) -> &'static [Handler] {
        self.handlers
    }

    /// Returns the handler with this message type or alias; `None` if no handler has it.
    pub fn find(&self, message_type: &str) -> Option<&'static Handler> {
        let found =
            self.by_name.binary_search_by(|(name, _)| sort_key(name).cmp(&sort_key(message_type)));
        found.ok().and_then(|at| self.by_name.get(at)).map(|(_, handler)| *handler)
    }
}
