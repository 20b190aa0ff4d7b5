/*
 * The layouts that netstat-wire and the scripted XNU assume, checked against Apple's header. Compiled by ci/macos.sh,
 * never run. (The structures of pcblist_n are in no public header.)
 */
#include <stddef.h>
#include <libproc.h>
#include <sys/proc_info.h>

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

SIZE(proc_fdinfo, 8);
AT(proc_fdinfo, proc_fdtype, 4);
SIZE(proc_fileportinfo, 8);
AT(proc_fileportinfo, proc_fdtype, 4);

SIZE(socket_fdinfo, 792);
AT(socket_fdinfo, pfi.fi_status, 4);
AT(socket_fdinfo, psi.soi_so, 160);
AT(socket_fdinfo, psi.soi_type, 176);
AT(socket_fdinfo, psi.soi_protocol, 180);
AT(socket_fdinfo, psi.soi_family, 184);
AT(socket_fdinfo, psi.soi_options, 188);
AT(socket_fdinfo, psi.soi_state, 192);
AT(socket_fdinfo, psi.soi_qlen, 194);
AT(socket_fdinfo, psi.soi_incqlen, 196);
AT(socket_fdinfo, psi.soi_qlimit, 198);
AT(socket_fdinfo, psi.soi_rcv.sbi_cc, 208);
AT(socket_fdinfo, psi.soi_snd.sbi_cc, 232);
AT(socket_fdinfo, psi.soi_kind, 256);
AT(socket_fdinfo, psi.soi_proto, 264);

SIZE(in_sockinfo, 80);
AT(in_sockinfo, insi_fport, 0);
AT(in_sockinfo, insi_lport, 4);
AT(in_sockinfo, insi_gencnt, 8);
AT(in_sockinfo, insi_vflag, 24);
AT(in_sockinfo, insi_faddr, 32);
AT(in_sockinfo, insi_faddr.ina_46.i46a_addr4, 44);
AT(in_sockinfo, insi_laddr, 48);
SIZE(tcp_sockinfo, 120);
AT(tcp_sockinfo, tcpsi_state, 80);
SIZE(un_sockinfo, 528);
AT(un_sockinfo, unsi_conn_so, 0);
AT(un_sockinfo, unsi_addr, 16);
AT(un_sockinfo, unsi_caddr, 271);
SIZE(ndrv_info, 24);
SIZE(kern_event_info, 12);
SIZE(kern_ctl_info, 120);
AT(kern_ctl_info, kcsi_unit, 20);
AT(kern_ctl_info, kcsi_name, 24);

SIZE(proc_bsdshortinfo, 64);
AT(proc_bsdshortinfo, pbsi_status, 12);
AT(proc_bsdshortinfo, pbsi_comm, 16);
AT(proc_bsdshortinfo, pbsi_uid, 36);
AT(proc_bsdshortinfo, pbsi_ruid, 44);
SIZE(proc_bsdinfo, 136);
AT(proc_bsdinfo, pbi_start_tvsec, 120);

_Static_assert(PROC_ALL_PIDS == 1 && PROC_UID_ONLY == 4, "kinds of proc_listpids");
_Static_assert(PROC_PIDLISTFDS == 1 && PROC_PIDTBSDINFO == 3, "flavors of proc_pidinfo");
_Static_assert(PROC_PIDT_SHORTBSDINFO == 13 && PROC_PIDLISTFILEPORTS == 14, "flavors of proc_pidinfo");
_Static_assert(PROC_PIDFDSOCKETINFO == 3 && PROC_PIDFILEPORTSOCKETINFO == 3, "flavors of proc_pidfdinfo");
_Static_assert(PROX_FDTYPE_SOCKET == 2 && PROC_FP_SHARED == 1, "descriptors");
_Static_assert(SOCKINFO_IN == 1 && SOCKINFO_TCP == 2 && SOCKINFO_UN == 3 && SOCKINFO_KERN_CTL == 6, "kinds");
_Static_assert(TSI_S_LISTEN == 1 && TSI_S_ESTABLISHED == 4 && TSI_S_TIME_WAIT == 10, "states");
_Static_assert(INI_IPV4 == 1 && INI_IPV6 == 2, "insi_vflag");
