//! Tests of the advice: each kind of process gets the one that helps it.

use super::*;

impl Rights {
    /// A process of an ordinary user on Linux.
    pub(crate) fn of_user() -> Self {
        let command = ["/opt/lsock", "-t", "user 'x'"].map(OsString::from).to_vec();
        Self { system: "linux", uid: Some(1000), command, ..Self::default() }
    }
}

fn advice(rights: &Rights) -> String {
    rights.advice("what they hold").unwrap()
}

const ALL: u64 = CAP_DAC_READ_SEARCH | CAP_SYS_PTRACE;

#[test]
fn user_gets_the_exact_sudo_and_setcap_lines() {
    let rights = Rights::of_user();
    assert_eq!(
        advice(&rights),
        r"to see what they hold, run: sudo /opt/lsock -t 'user '\''x'\'''; or once: sudo setcap \
          cap_sys_ptrace,cap_dac_read_search=ep /opt/lsock"
            .replace("\\\n          ", "")
    );
    let hostile = Rights { command: vec!["/opt/lsock".into(), "\x1b[2J".into()], ..rights };
    assert!(advice(&hostile).starts_with("to see what they hold, run: sudo lsock ...; or once: "));
}

#[test]
fn root_is_never_advised_to_become_root() {
    let root = Rights { uid: Some(0), ..Rights::of_user() };
    for capabilities in [0, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, ALL] {
        for no_new_privs in [false, true] {
            for in_user_namespace in [false, true] {
                let rights = Rights { capabilities, no_new_privs, in_user_namespace, ..root.clone() };
                for text in [advice(&rights), rights.advice_on_hidepid()] {
                    assert!(!text.contains("sudo ") && !text.contains("setcap"), "{rights:?}: {text}");
                }
            }
        }
    }
    let without = Rights { capabilities: CAP_DAC_OVERRIDE, ..root.clone() };
    assert!(advice(&without).contains("root needs CAP_SYS_PTRACE, which"), "{}", advice(&without));
    assert_eq!(Rights { system: "macos", ..root }.advice("what they hold"), None);
}

#[test]
fn process_with_the_capabilities_is_advised_about_security_modules() {
    let rights = Rights { uid: Some(0), capabilities: ALL, ..Rights::of_user() };
    assert!(advice(&rights).contains("Landlock"), "{}", advice(&rights));
    let confined = Rights { apparmor_profile: apparmor_profile("docker-default (enforce)\n"), ..rights };
    assert!(advice(&confined).contains("AppArmor profile docker-default "), "{}", advice(&confined));
    for label in ["unconfined\n", "system_u:system_r:kernel_t:s0\0", "", "x (complain)\n"] {
        assert_eq!(apparmor_profile(label), None, "{label}");
    }
}

#[test]
fn advice_does_not_name_what_has_no_effect() {
    let user = Rights::of_user();
    for rights in
        [Rights { no_new_privs: true, ..user.clone() }, Rights { in_user_namespace: true, ..user.clone() }]
    {
        assert!(!advice(&rights).contains("run: sudo"), "{}", advice(&rights));
    }
    let windows = Rights { system: "windows", uid: None, ..user.clone() };
    assert_eq!(advice(&windows), "run as an administrator to see what they hold");
    let macos = Rights { system: "macos", ..user };
    assert!(advice(&macos).starts_with("to see what they hold, run: sudo /opt/lsock"));
    assert!(!advice(&macos).contains("setcap"));
}

#[test]
fn hidepid_names_the_group_that_sees_all_processes() {
    let mounts = "22 28 0:21 / /proc rw,nosuid shared:13 - proc proc rw,gid=27,hidepid=invisible\n\
                  23 28 0:22 / /sys rw - sysfs sysfs rw\n";
    let rights = Rights { proc_group: proc_group(mounts), ..Rights::of_user() };
    let advice = rights.advice_on_hidepid();
    assert!(advice.contains("join the group 27") && advice.contains("or run: sudo /opt/lsock"), "{advice}");
    assert_eq!(proc_group("22 28 0:21 / /proc rw - proc proc rw\n"), None);
}
