//! What processes belong to: the services that run in them, and the packages that they are of.
//!
//! One call lists the services of the machine with their processes, bounded in time ([`bounded`](super::bounded)). A process
//! may host several services: all of them are said, since nothing here shows which of them a socket is of. The list omits, without
//! an error, the services that the caller may not query: a process without services that the service control manager has
//! started may be of one of these. The package of a process takes a handle.
//!
//! Sources: EnumServicesStatusExW, GetPackageFamilyName on learn.microsoft.com.

use super::kernel::Kernel;
use super::shared::Shared;
use crate::model::gap::{Gap, GapKind};
use crate::model::workload::{Bundle, Workload};
use std::collections::HashMap;
use std::sync::Arc;

/// What is read once for all processes of a listing.
pub(super) struct Workloads<'a, K> {
    kernel: &'a K,
    /// The names by pid, or why they are not known.
    services: Result<HashMap<u32, Vec<String>>, String>,
    /// How many processes have no services, or no package, that are known; and how many may be of services that are not listed.
    without_services: u64,
    of_omitted_services: u64,
    without_package: u64,
}

impl<'a, K: Kernel> Workloads<'a, K> {
    pub(super) fn new(shared: &'a Arc<Shared<K>>) -> Self {
        let list = shared.call_service(|kernel| kernel.running_services());
        let list = list.ok_or_else(|| "no answer in time".to_owned());
        let list = list.and_then(|list| list.map_err(|status| shared.kernel.error(status).to_string()));
        let services = list.map(|list| {
            let mut services = HashMap::<u32, Vec<String>>::new();
            for (pid, name) in list {
                services.entry(pid).or_default().push(String::from_utf16_lossy(&name));
            }
            services.values_mut().for_each(|names| names.sort_unstable());
            services
        });
        Self {
            kernel: &shared.kernel,
            services,
            without_services: 0,
            of_omitted_services: 0,
            without_package: 0,
        }
    }

    /// `has_program`: whether it has a program, which may be of a package. `is_started_as_service`: whether the service control
    /// manager is its parent.
    pub(super) fn of_process(
        &mut self,
        pid: u32,
        has_program: bool,
        is_started_as_service: bool,
    ) -> Workload {
        let mut workload = Workload::none();
        match &self.services {
            Ok(services) => {
                workload.services = services.get(&pid).cloned().unwrap_or_default();
                if is_started_as_service && workload.services.is_empty() {
                    self.of_omitted_services += 1;
                    workload.is_complete = false;
                }
            }
            Err(_) => {
                self.without_services += 1;
                workload.is_complete = false;
            }
        }
        if has_program {
            match self.kernel.package(pid) {
                Ok(family) if family.is_empty() => {}
                Ok(family) => workload.bundle = Some(Bundle::Package(String::from_utf16_lossy(&family))),
                Err(_) => {
                    self.without_package += 1;
                    workload.is_complete = false;
                }
            }
        }
        workload
    }

    /// Why some of it is not known.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let services = self.services.as_ref().err().map(|why| format!("EnumServicesStatusExW: {why}"));
        let services = services.map(|source| (self.without_services, source));
        let omitted = "EnumServicesStatusExW: omits services that the caller may not query".to_owned();
        let omitted = (self.of_omitted_services, omitted);
        let packages = (self.without_package, "GetPackageFamilyName".to_owned());
        let all = services.into_iter().chain([omitted, packages]).filter(|(count, _)| *count > 0);
        all.map(|(count, source)| Gap::new(GapKind::NamesUnavailable, count, source)).collect()
    }
}
