//! Decoders of Linux interfaces: one file per interface, named as the kernel names it.

#[cfg(any(feature = "btf", doc))]
pub mod btf;
pub mod cgroup_path;
pub mod container_names;
pub mod inet_diag;
pub mod inet_diag_bytecode;
// What the kernel does with a program; used only by tests.
#[cfg(any(feature = "all-systems", doc))]
pub mod inet_diag_bytecode_run;
pub mod inet_diag_congestion;
pub mod inet_diag_details;
pub mod inet_diag_memory;
pub mod inet_diag_raw;
pub mod inet_diag_sctp;
pub mod inet_diag_sockopt;
pub mod inet_diag_ulp;
pub mod mptcp_info;
pub mod netlink;
pub mod netlink_diag;
pub mod packet_diag;
pub mod proc_net;
pub mod proc_net_netlink;
pub mod proc_net_packet;
pub mod proc_net_sctp;
pub mod proc_net_snmp;
pub mod proc_net_sockstat;
pub mod proc_net_unix;
pub mod proc_pid_cgroup;
pub mod proc_pid_cmdline;
pub mod proc_pid_fd;
pub mod proc_pid_fdinfo;
pub mod proc_pid_maps;
pub mod proc_pid_mountinfo;
pub mod proc_pid_stat;
pub mod tcp_info;
pub mod tcp_states;
pub mod tipc_diag;
pub mod unit_name;
pub mod unix_diag;
pub mod userdb;
pub mod vsock_diag;
pub mod xdp_diag;

mod bit_field;
#[cfg(any(feature = "btf", doc))]
mod btf_type;
mod columns;
mod decimal;
mod json;
mod sock_diag;
mod text;
mod unix_name;
mod uuid;
