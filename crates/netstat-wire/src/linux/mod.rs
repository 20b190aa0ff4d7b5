//! What Linux says: one file an interface, named as the kernel names it.

pub mod btf;
pub mod inet_diag;
pub mod netlink;
pub mod proc_net;
pub mod proc_net_sockstat;
pub mod proc_pid_cmdline;
pub mod proc_pid_fd;
pub mod proc_pid_stat;
pub mod proc_pid_status;
pub mod tcp_states;

mod decimal;
