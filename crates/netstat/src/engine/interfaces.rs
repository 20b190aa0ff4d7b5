//! Names and indexes of network interfaces, which each network namespace has its own of.

use crate::filter::{Filter, FilterError, Lookups, parse};
use crate::model::error::Error;
use crate::model::identity::NetnsId;
use crate::model::namespace::Namespace;
use crate::query::Query;
use crate::sys::system::System;
use crate::sys::{Cache, Native};
use std::cell::Cell;

impl Namespace {
    /// The name of a network interface of this namespace by its index, as [`interface_name`](crate::interface_name) for
    /// the caller's own. `None` if there is none, if [`path`](Self::path) does not lead to the namespace any more, or if the
    /// caller may not enter it. A thread is started for each call. Linux.
    ///
    /// # Sources
    /// setns(2), `SIOCGIFNAME`, netdevice(7).
    pub fn interface_name(&self, index: u32) -> Option<String> {
        match NetnsId::current() {
            Some(own) if own == self.id => Native::interface_name(index),
            _ => Native::interface_name_in(self, index),
        }
    }
}

impl Query {
    /// Reads a filter for this query: as its [`FromStr`](std::str::FromStr), but names of network interfaces are those of
    /// the network namespaces that the query lists, with its conditions and those of the text. So `dev eth0` is the
    /// interface of that name in each of them, whatever its index.
    ///
    /// The filter is not added to the query: see [`Query::filter`].
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use netstat::{Query, Scope};
    ///
    /// let query = Query::new().netns(Scope::All);
    /// let filter = query.parse_filter("listening and sport = :443")?;
    /// let query = query.filter(filter);
    /// # let _ = query;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`FromStr`](std::str::FromStr) of [`Filter`]; when no listed namespace has an interface of a name.
    pub fn parse_filter(&self, text: &str) -> Result<Filter, FilterError> {
        let names_interfaces = Cell::new(false);
        let any_interface = |_: &str| {
            names_interfaces.set(true);
            Ok(Filter::all())
        };
        // What else the text says may lead to other namespaces.
        let without_interfaces =
            parse(text, Lookups { interface: &any_interface, ..Lookups::OF_THIS_MACHINE })?;
        if !names_interfaces.get() {
            return Ok(without_interfaces);
        }
        let narrowed = self.clone().filter(without_interfaces);
        let interface = |name: &str| of_interface(&narrowed, name);
        parse(text, Lookups { interface: &interface, ..Lookups::OF_THIS_MACHINE })
    }
}

/// Sockets that are bound to an interface of this name, in each network namespace that the query lists.
fn of_interface(query: &Query, name: &str) -> Result<Filter, Error> {
    let indexes = Native::new(&Cache::default()).interface_indexes(query, name)?;
    let filters = indexes.into_iter().map(|(netns, index)| {
        let interface = Filter::interface(index);
        netns.map_or(interface.clone(), |netns| Filter::netns(netns) & interface)
    });
    // There is one at least.
    Ok(filters.reduce(|any, one| any | one).unwrap_or_else(|| !Filter::all()))
}
