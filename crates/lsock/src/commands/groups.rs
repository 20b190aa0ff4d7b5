//! `lsock --group-by`: how many sockets there are of each process, user, container ...

use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::list_args::ListArgs;
use lsock::render::{self, Format};
use lsock::rights::Rights;
use lsock::usage::UsageError;
use lsock::users::Users;
use lsock::{gaps, plan};
use netstat::{Group, GroupKey, Lister, Snapshot};

/// Prints a line for each group, the largest first.
pub(crate) fn run(args: &ListArgs, key: GroupKey) -> Result<(), EarlyExit> {
    let fields = key.process_fields();
    if args.no_owners && !fields.is_empty() {
        let why = format!("--group-by {key} needs owners, which --no-owners leaves out");
        return Err(EarlyExit::Usage(UsageError::new(why)));
    }
    let counted = Lister::new().count_by(&plan::selection(args)?, key).map_err(EarlyExit::Query)?;
    let mut groups = counted.groups;
    // What is said of a listing, of one without rows.
    let mut snapshot = Snapshot::default();
    snapshot.gaps = counted.gaps;
    if key == GroupKey::User {
        let users = Users::of_system();
        for Group { name, .. } in &mut groups {
            let known = name.as_ref().and_then(|uid| users.name(&snapshot, uid.parse().ok()?));
            if let Some(known) = known {
                *name = Some(known.to_owned());
            }
        }
    }
    let format = args.format();
    let text = render::groups(&groups, key, format, !args.no_header, &snapshot.gaps);
    exit::print(&text.map_err(EarlyExit::Output)?)?;
    if format != Format::Json
        && let Some(line) =
            gaps::line(&snapshot, args.owner_source.into(), || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    Ok(())
}
