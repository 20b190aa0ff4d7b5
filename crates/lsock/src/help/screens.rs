//! What `--help` of the program and of its commands prints: one screen each.

/// What `lsock --help` prints: one screen of 24 lines and 80 columns.
const SCREEN: &str = "\
lsock: the network sockets of this machine and the processes that hold them

  lsock            every TCP and UDP socket; on a terminal, an overview
  lsock 8080       a port, on either end       lsock 10.0.0.0/8  an address
  lsock nginx      a process, by its name      lsock -tulpn      what listens
  lsock state established dport = :443         the filter language of ss

Which:   -t TCP  -u UDP  -x unix  -w raw  -S SCTP  -M MPTCP  --protocol NAME,...
         -4 IPv4  -6 IPv6  -f FAMILY,...  -l listening  -B bound only  --exposed
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  -N NAME|PID|PATH|all
Columns: --columns NAME,... (+NAME adds)  --sort NAME,-NAME  -r names of hosts
         -i all details  -o timers  -e uid, inode, cookie  -m memory  --peers
         --no-owners (much faster)  -H no header  --color auto|always|never
Output:  --json  --jsonl  --csv  --format NAME  -W wide  --no-pager  --watch
         -s counts  --group-by KEY  --pids pids  -q status alone  --interval 1s
Ignored: -a -n -p -O -P -Q (all states, numbers and processes are the default)

lsock top|overview|watch [FILTER]   live, folded, a line for each change
lsock why PORT|PID|NAME  what uses it, since when, and what started that
lsock wait FILTER   until it appears    lsock kill FILTER     end the processes
lsock destroy FILTER  close (Linux)     lsock completions SHELL, man [COMMAND]
lsock help TOPIC    filters, states, columns, options, owners, output, rights,
                    names, live, ending, closing, waiting, exit, examples
";

/// The same without the commands that this build lacks.
pub(crate) fn screen() -> String {
    if cfg!(feature = "top") {
        SCREEN.to_owned()
    } else {
        SCREEN.replace("top|overview|watch", "overview|watch").replace("live, ", "")
    }
}

/// What `lsock overview --help` prints: one screen.
pub(crate) const OVERVIEW_SCREEN: &str = "\
lsock overview: what listens and who is connected, folded to one screen

  lsock                          the same, alone on a terminal
  lsock overview -t              TCP alone
  lsock overview --user nginx    what this user has made
  lsock overview -W              everything, even if it does not fit

Listeners come first, those with the widest reach at the top:
  \u{25cf} or *  every address (red)
  \u{25d0} or +  an address that others reach (yellow)
  \u{25cb} or .  loopback (green)
That is the address to which the socket is bound: a firewall may allow less.
Connections are counted by process, port, peer and state. An arrow to the left
was accepted, one to the right opened.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  or a filter
Output:  -W wide  --no-pager  --color auto|always|never
";

/// What `lsock why --help` prints: one screen.
pub(crate) const WHY_SCREEN: &str = "\
lsock why: what a port, a process or a name is used by, since when, and what
started it

  lsock why 8080             what listens on this port, or else uses it
  lsock why nginx            processes of this name
  lsock why 815              a process, if no socket has this port
  lsock why 127.0.0.1:8080   one of several listeners on a port
  lsock why 8080 --json      for another program

A card for each process: its command, directory and user, the processes above
it up to the first one, what it listens on, who is connected, and notes: a
program that was deleted, every address, a full accept queue, root, a recent
start. Of forked processes the first has the card.

A process whose session is neither its own nor its parent's was started by one
that has ended; the parent took it over. Addresses say where a listener can be
reached; a firewall may allow less.

Output:  --json  --no-pager  --color auto|always|never
";

/// What `lsock destroy --help` prints: one screen.
pub(crate) const DESTROY_SCREEN: &str = "\
lsock destroy: close sockets of other processes (Linux, with CAP_NET_ADMIN)

  lsock destroy :8080               all sockets with this port, after a question
  lsock destroy --yes --pid 815     all sockets of a process, without a question
  lsock destroy state established dst 10.0.0.0/8

It shows what it would close, and asks. Without a terminal --yes (-y) is needed.
The filter is that of a listing (lsock help filters). Each side of an or has to
name a port, address, device, process, user, inode, control group or mark: a
protocol, a state, all ports and what is under a not do not select enough.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...

Exit status: 0 when all that is meant is closed, or nothing is meant; 1 when
something could not be closed or decided, or was not confirmed; 2 for a usage
error.                                        More: lsock help closing
";

/// What `lsock kill --help` prints: one screen.
pub(crate) const KILL_SCREEN: &str = "\
lsock kill: end the processes that hold sockets

  lsock kill 8080            what listens on this port, after a question
  lsock kill --yes nginx     every process of this name, without a question
  lsock kill -HUP :443       this signal alone
  lsock kill --dry-run -l --user www-data

It shows the processes and asks. Without a terminal --yes (-y) is needed. Meant
are those that hold a listening socket of the selection, and those that the
filter names by pid or name: not the clients of a port. A process gets TERM, and
KILL if it has not ended after --timeout TIME (5s). --signal NAME|NUMBER (-s or
-9) sends this one alone. What cannot be decided, process 1, this program and
those it runs in are left alone and named.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  --port N,N-M
         --local-port N  --remote-port N  --state STATE,...  --pid N,...
         --process NAME  --user NAME,...  or a filter (lsock help filters)

Exit status: 0 when all that are meant have ended, or none is; 1 when something
failed, was left alone or still listens, or was not confirmed; 2 for a usage
error.                                         More: lsock help ending
";

/// What `lsock top --help` prints.
#[cfg(feature = "top")]
pub(crate) fn top_screen() -> String {
    let mut text = String::from(
        "\
lsock top: the sockets live, with keys

  lsock top                      every TCP and UDP socket
  lsock top --interval 5s nginx  those of a process, every five seconds
  lsock top -l --config FILE     other settings than ~/.config/lsock/top.conf

",
    );
    for (key, what) in lsock::top::KEYS {
        text.push_str(&format!("{key:<20} {what}\n"));
    }
    text.push_str(
        "
+ is new, - is gone, each for two seconds; ! waits too long for an end to close.
Rates are of TCP, from the kernel's counters (Linux).  More: lsock help live
",
    );
    text
}

/// What `lsock wait --help` prints: one screen.
pub(crate) const WAIT_SCREEN: &str = "\
lsock wait: until such a socket appears, or there is none any more

  lsock wait 8080                    until something listens on this port
  lsock wait --timeout 30s 8080      for at most so long: 500ms, 30s, 2m
  lsock wait --gone 8080             until nothing listens on it
  lsock wait state established dst 10.0.0.1
  lsock wait --process nginx

It prints the sockets. A port by itself (8080, :http, tcp:80, localhost:80) is
one on which something listens; all else is the filter of a listing (lsock help
filters). It looks every --interval TIME (200ms).

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...

Exit status: 0 when it happened; 1 when it did not in time; 2 for a usage error,
a failure, and when the time is over and it could not be decided.
                                               More: lsock help waiting
";

/// What `lsock watch --help` prints: one screen.
pub(crate) const WATCH_SCREEN: &str = "\
lsock watch: what happens to sockets, one line for each change

  lsock watch                    every TCP and UDP socket
  lsock watch -l                 what begins and stops to listen
  lsock watch nginx              what a process opens and closes
  lsock watch --jsonl dport = :443

A line has the local time, what happened, the socket, its state and its process:
  +  opened
  -  closed: how long it was open, and the bytes in and out (Linux)
  =  changed: state, end or holders
They are found by a listing at each interval. On Linux the kernel reports ends,
and as root TCP sockets that listen or connect, at once and with their process;
who accepts a connection is known at the next listing.
What is not seen is said once on standard error. It ends when it is interrupted
or its output is closed.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  or a filter
Output:  --interval 1s, the time between two listings  --jsonl
         -a also TIME_WAIT  --color auto|always|never
";
